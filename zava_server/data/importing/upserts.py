"""Set-wise `INSERT … ON CONFLICT DO UPDATE` that leaves alone what stays the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import asyncpg

TOUCHED_STORES = "CREATE TEMPORARY TABLE touched_stores (store_id uuid) ON COMMIT DROP"
"""Collects the stores whose figures will have to be counted anew."""


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows are new, and how many others have changed."""

    new: int = 0
    changed: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.new + other.new, self.changed + other.changed)


async def upsert(
    owner: asyncpg.Connection,
    table: str,
    *,
    key: Sequence[str],
    columns: Sequence[str],
    kept: Collection[str] = (),
    rows: str,
    noted_in: str | None = None,
) -> Written:
    """Writes `rows`, a query of these columns. Rows that are there keep their key and `kept`.

    `noted_in` names a table that gets the first column of the key of what has changed.
    """
    changes = [column for column in columns if column not in {*key, *kept}]
    action = "NOTHING"
    if changes:
        action = (
            f"UPDATE SET {', '.join(f'{column} = excluded.{column}' for column in changes)} "
            f"WHERE ({', '.join(f'kept.{column}' for column in changes)}) "
            f"IS DISTINCT FROM ({', '.join(f'excluded.{column}' for column in changes)})"
        )
    note = f", noted AS (INSERT INTO {noted_in} SELECT DISTINCT first FROM done)"  # noqa: S608 - as below
    written = await owner.fetchrow(
        f"WITH done AS (INSERT INTO {table} AS kept ({', '.join(columns)}) {rows} "  # noqa: S608 - made of names and queries of this package
        f"ON CONFLICT ({', '.join(key)}) DO {action} "
        # A new row has no version before it.
        f"RETURNING kept.{key[0]} AS first, kept.xmax = 0 AS is_new)"
        f"{note if noted_in else ''} "
        "SELECT count(*) FILTER (WHERE is_new) AS new, "
        "count(*) FILTER (WHERE NOT is_new) AS changed FROM done"
    )
    return Written(written["new"], written["changed"]) if written else Written()
