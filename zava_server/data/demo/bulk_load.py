"""Takes from tables what slows a bulk load, and gives it back: all within the caller's transaction.

Indexes built at the end and foreign keys checked set-wise cost a fraction of the same row by row.
Until the commit the tables are locked, so nobody ever sees them unguarded; after a rollback
nothing has happened.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import asyncpg

# Foreign keys go first and come back last: they lean on the other keys.
_CONSTRAINTS = """
SELECT t.relname AS table_name,
    CASE c.contype WHEN 'f' THEN 'checking ' ELSE 'indexing ' END || t.relname AS purpose,
    format('ALTER TABLE %s DROP CONSTRAINT %I', c.conrelid::regclass, c.conname) AS remove,
    format('ALTER TABLE %s ADD CONSTRAINT %I %s',
        c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) AS restore
FROM pg_constraint AS c JOIN pg_class AS t ON t.oid = c.conrelid
WHERE c.contype IN ('f', 'p', 'u')
    AND (c.conrelid = ANY ($1::regclass[]) OR c.contype = 'f' AND c.confrelid = ANY ($1))
ORDER BY c.contype = 'f' DESC, t.relname, c.conname
"""

_INDEXES = """
SELECT t.relname AS table_name,
    'indexing ' || t.relname AS purpose,
    format('DROP INDEX %s', i.indexrelid::regclass) AS remove,
    pg_get_indexdef(i.indexrelid) AS restore
FROM pg_index AS i JOIN pg_class AS t ON t.oid = i.indrelid
WHERE i.indrelid = ANY ($1::regclass[])
    AND NOT EXISTS (SELECT FROM pg_constraint AS c WHERE c.conindid = i.indexrelid)
ORDER BY t.relname, i.indexrelid::regclass::text
"""

# Not those that fire always: they run once a statement, and tell others of it.
_TRIGGERS = """
SELECT t.relname AS table_name,
    'guarding ' || t.relname AS purpose,
    format('ALTER TABLE %s DISABLE TRIGGER %I', t.oid::regclass, g.tgname) AS remove,
    format('ALTER TABLE %s ENABLE TRIGGER %I', t.oid::regclass, g.tgname) AS restore
FROM pg_trigger AS g JOIN pg_class AS t ON t.oid = g.tgrelid
WHERE t.oid = ANY ($1::regclass[]) AND NOT g.tgisinternal AND g.tgenabled = 'O'
ORDER BY t.relname, g.tgname
"""

# COPY refuses a table whose row security is forced upon its owner.
_ROW_SECURITY = """
SELECT t.relname AS table_name,
    'guarding ' || t.relname AS purpose,
    format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', t.oid::regclass) AS remove,
    format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', t.oid::regclass) AS restore
FROM pg_class AS t
WHERE t.oid = ANY ($1::regclass[]) AND t.relforcerowsecurity
ORDER BY t.relname
"""


@dataclass(frozen=True, slots=True)
class Restoration:
    """A statement that gives a table back a part of itself; `purpose` is a phrase for people."""

    table: str
    purpose: str
    statement: str


async def strip(connection: asyncpg.Connection, tables: Sequence[str]) -> Sequence[Restoration]:
    """Empties the tables and takes away indexes, keys, triggers and forced row security.

    The tables may then be filled with COPY … FREEZE, and the caller runs the returned statements in
    their order, in the same transaction. Raises asyncpg.PostgresError, such as when the role does
    not own the tables.
    """
    taken = [
        row
        for query in (_CONSTRAINTS, _INDEXES, _TRIGGERS, _ROW_SECURITY)
        for row in await connection.fetch(query, tables)
    ]
    for row in taken:
        await connection.execute(row["remove"])
    await connection.execute(f"TRUNCATE {', '.join(tables)}")
    return [
        Restoration(row["table_name"], row["purpose"], row["restore"]) for row in reversed(taken)
    ]
