"""Checked rows into the database, in the order in which they refer to each other."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.importing.order_writing import OrderWriter
from zava_server.data.importing.pace import Pace
from zava_server.data.importing.table_writing import (
    write_customers,
    write_inventory,
    write_products,
    write_stores,
)
from zava_server.data.importing.user_writing import write_users

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from zava_server.data.importing.links import Links
    from zava_server.data.importing.tables import Flags, Table
    from zava_server.data.importing.upserts import Written
    from zava_server.infrastructure.progress import ReportProgress

_MAY_SKIP_TRIGGERS = """
SELECT rolsuper OR has_parameter_privilege('session_replication_role', 'SET')
FROM pg_roles WHERE rolname = current_user
"""
# Of the large tables, whose other triggers are muted anyway: what they keep is written set-wise.
# References have been checked set-wise by then, and what they lead to is locked: checking them row
# by row would take longer than all the rest.
_SKIP_TRIGGERS = "SET LOCAL session_replication_role = replica"
_ALL_TRIGGERS = "SET LOCAL session_replication_role = origin"
_LARGE = {"products", "customers", "orders", "order_items", "inventory"}


class Writing:
    """Writes rows that are `kept`; a store without a time zone gets `default_zone`."""

    def __init__(
        self,
        owner: asyncpg.Connection,
        tables: Mapping[str, Table],
        links: Links,
        kept: Mapping[str, Flags],
        default_zone: str,
    ) -> None:
        self._owner = owner
        self._tables = tables
        self._links = links
        self._kept = kept
        self._default_zone = default_zone

    async def write(self, names: Sequence[str], report: ReportProgress) -> dict[str, Written]:
        """Writes these tables, when what they refer to is there; returns what was written."""
        owner, links, tables = self._owner, self._links, self._tables
        rows = {name: np.flatnonzero(self._kept[name]) for name in names if name in tables}
        pace = Pace(report, "writing")
        total, done = max(1, sum(len(some) for some in rows.values())), 0
        written: dict[str, Written] = {}

        def progress(of: str, of_table: int) -> None:
            pace.at((done + of_table) / total, done + of_table, f"rows, {of}")

        if "stores" in rows:
            written["stores"] = await write_stores(
                owner, tables["stores"], links, rows["stores"], self._default_zone
            )
            done += len(rows["stores"])
        skips_triggers = rows.keys() & _LARGE and await owner.fetchval(_MAY_SKIP_TRIGGERS)
        if skips_triggers:
            await owner.execute(_SKIP_TRIGGERS)
        if "products" in rows:
            progress("products", 0)
            written["products"] = await write_products(
                owner, tables["products"], links, rows["products"]
            )
            done += len(rows["products"])
        if "customers" in rows:
            progress("customers", 0)
            written["customers"] = await write_customers(
                owner, tables["customers"], links, rows["customers"]
            )
            done += len(rows["customers"])
        if "orders" in rows or "order_items" in rows:
            orders = OrderWriter(owner, tables, links, self._kept)
            of_orders = await orders.write(partial(progress, "orders and their lines"))
            written.update(of_orders)
            done += sum(len(rows[name]) for name in of_orders)
        if "inventory" in rows:
            written["inventory"] = await write_inventory(
                owner, tables["inventory"], links, rows["inventory"], partial(progress, "inventory")
            )
        if skips_triggers:
            await owner.execute(_ALL_TRIGGERS)
        if "users" in rows:
            written["users"] = await write_users(owner, tables["users"], links, rows["users"])
        if rows:
            pace.at(1.0, total, "rows")
        return written
