"""What the tables look like to a caller."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.identity import Identity
    from zava_server.data.transactions import ReadTransactions

_SAMPLED_ROWS = 500
_SAMPLES = 5
_SAMPLE_TYPES = frozenset({"text", "boolean", "integer"})

_READABLE_TABLES = """
SELECT c.relname AS name
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'retail' AND c.relkind IN ('r', 'p', 'v')
    AND has_table_privilege(c.oid, 'SELECT')
ORDER BY c.relname
"""

_TABLE = """
SELECT c.relname AS name,
    coalesce(obj_description(c.oid, 'pg_class'), '') AS comment,
    (
        SELECT json_agg(json_build_object(
            'name', a.attname,
            'type', format_type(a.atttypid, a.atttypmod),
            'nullable', NOT a.attnotnull,
            'comment', coalesce(col_description(c.oid, a.attnum), '')
        ) ORDER BY a.attnum)
        FROM pg_attribute AS a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    ) AS columns,
    (
        SELECT json_agg(a.attname ORDER BY array_position(k.conkey, a.attnum))
        FROM pg_constraint AS k
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = ANY (k.conkey)
        WHERE k.conrelid = c.oid AND k.contype = 'p'
    ) AS primary_key,
    (
        SELECT json_agg(regexp_replace(
            regexp_replace(pg_get_constraintdef(k.oid), '^FOREIGN KEY ', ''),
            ' REFERENCES ', ' → retail.'
        ) ORDER BY k.conname)
        FROM pg_constraint AS k
        JOIN pg_class AS target ON target.oid = k.confrelid
        WHERE k.conrelid = c.oid AND k.contype = 'f' AND target.relnamespace = c.relnamespace
    ) AS joins
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'retail' AND c.relname = $1
"""


@dataclass(frozen=True, slots=True)
class ColumnSchema:
    """A column; `samples` are values the caller may see, as text."""

    name: str
    type: str
    nullable: bool
    comment: str
    samples: Sequence[str]


@dataclass(frozen=True, slots=True)
class TableSchema:
    """A table; `joins` read like `(product_id) → retail.products(product_id)`."""

    name: str
    comment: str
    columns: Sequence[ColumnSchema]
    primary_key: Sequence[str]
    joins: Sequence[str]


class Schemas:
    """Answers what a table looks like to an identity."""

    def __init__(self, transactions: ReadTransactions) -> None:
        self._transactions = transactions

    async def readable(self, identity: Identity) -> Sequence[str]:
        """Names of the tables the caller may read."""
        async with self._transactions.read_as(identity) as transaction:
            rows = await transaction.connection.fetch(_READABLE_TABLES)
        return [row["name"] for row in rows]

    async def describe(self, identity: Identity, tables: Sequence[str]) -> Sequence[TableSchema]:
        """The schemas of these tables, which must be readable, in this order."""
        async with self._transactions.read_as(identity) as transaction:
            return [await _describe(transaction.connection, table) for table in tables]


async def _describe(connection: PoolConnectionProxy, table: str) -> TableSchema:
    row = await connection.fetchrow(_TABLE, table)
    if row is None:
        raise LookupError(table)
    columns = json.loads(row["columns"])
    samples = await _samples(
        connection, table, [c["name"] for c in columns if c["type"] in _SAMPLE_TYPES]
    )
    return TableSchema(
        name=f"retail.{row['name']}",
        comment=row["comment"],
        columns=[ColumnSchema(**c, samples=samples.get(c["name"], [])) for c in columns],
        primary_key=json.loads(row["primary_key"] or "[]"),
        joins=json.loads(row["joins"] or "[]"),
    )


async def _samples(
    connection: PoolConnectionProxy, table: str, columns: Sequence[str]
) -> dict[str, list[str]]:
    if not columns:
        return {}
    picks = ", ".join(
        f"(array_agg(DISTINCT left({_quoted(c)}::text, 60)))[1:{_SAMPLES}] AS {_quoted(c)}"
        for c in columns
    )
    sampled = f"SELECT * FROM retail.{_quoted(table)} LIMIT {_SAMPLED_ROWS}"  # noqa: S608 - from the catalog, quoted
    row = await connection.fetchrow(f"SELECT {picks} FROM ({sampled}) AS sampled")  # noqa: S608 - likewise
    if row is None:
        return {}
    return {name: [value for value in values or [] if value] for name, values in row.items()}


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
