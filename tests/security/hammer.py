"""Managers who ask, err, run out of time and give up, all at once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.conftest import Staff
from tests.security.conftest import Canaries
from tests.security.live import described
from zava_server.data.sales_queries import SalesQueries
from zava_server.infrastructure.errors import ZavaError

STATEMENT_SECONDS = 0.15

ANSWERED = [
    "SELECT * FROM retail.customers WHERE email LIKE 'canary-%'",
    "SELECT o.*, c.* FROM retail.orders o LEFT JOIN retail.customers c USING (customer_id) "
    "ORDER BY o.total_amount DESC LIMIT 20",
    "SELECT * FROM retail.store_managers",
    "SELECT * FROM retail.inventory ORDER BY stock_level DESC LIMIT 5",
    "SELECT store_id, count(*), max(total_amount) FROM retail.orders GROUP BY 1",
]
_FAILING = [
    "SELECT email::int FROM retail.customers",
    "SELECT 1 / (line_no - line_no) FROM retail.order_items",
    "SELECT no_such_column FROM retail.orders",
    "SELECT * FROM identity.users",
]
_ENDLESS = "SELECT c.*, pg_sleep(5) FROM retail.customers AS c"


class Hammer:
    """Calls of many workers; `outcomes` counts how they ended.

    A worker fails with the first value that is not its own.
    """

    def __init__(self, queries: SalesQueries, staff: Staff, canaries: Canaries) -> None:
        self._queries = queries
        self._staff = staff
        self._canaries = canaries
        self.outcomes: Counter[str] = Counter()

    async def work(self, handle: str, seed: int, until: float) -> None:
        """One worker, until this time of the monotonic clock."""
        dice = random.Random(seed)
        while time.monotonic() < until:
            await self._call(handle, dice)

    async def _call(self, handle: str, dice: random.Random) -> None:
        me = self._staff[handle]
        sql = dice.choice([*ANSWERED, *ANSWERED, *_FAILING, _ENDLESS])
        task = asyncio.create_task(self._queries.run(me, sql, 1000))
        patience = dice.choice([None, None, 0.0, 0.002, 0.01, 0.05])
        if patience is not None:
            await asyncio.wait({task}, timeout=patience)
            task.cancel()
        try:
            table = (await task).table
        except asyncio.CancelledError:
            self.outcomes["cancelled"] += 1
            return
        except ZavaError as error:
            self.outcomes[error.code] += 1
            told = self._canaries.seen_in(described(error), me)
        else:
            self.outcomes["answered"] += 1
            told = self._canaries.seen_in(table.rows, me)
            _check_rows(sql, table.rows, str(me.store_ids[0]))
        assert not told


def _check_rows(sql: str, rows: Sequence[Sequence[Any]], store: str) -> None:
    assert sql in ANSWERED
    assert {row[0] for row in rows} == {store}
