"""Sales of equally long stretches of days, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from zava_server.data.sums import Sums, sums_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from asyncpg.pool import PoolConnectionProxy

_TOTALS = """
SELECT (day - $2::date) / $4::int AS stretch, sum(revenue) AS revenue,
    sum(orders)::bigint AS orders,
    sum(units_sold)::bigint AS units_sold, sum(units_returned)::bigint AS units_returned,
    sum(list_value) AS list_value, sum(discount_value) AS discount_value,
    sum(line_count)::bigint AS lines
FROM retail.daily_totals
WHERE store_id = ANY ($1) AND day >= $2 AND day < $3 AND (day - $2::date) % $4::int < $5::int
GROUP BY 1
"""

_CATEGORIES = """
SELECT c.name AS category, (d.day - $2::date) / $4::int AS stretch, sum(d.revenue) AS revenue
FROM retail.daily_sales AS d
JOIN retail.categories AS c USING (category_id)
WHERE d.store_id = ANY ($1) AND d.day >= $2 AND d.day < $3
    AND (d.day - $2::date) % $4::int < $5::int
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Stretches:
    """The first `days` of every `step` days, `count` times from `origin` on."""

    origin: date
    step: int
    days: int
    count: int

    @property
    def until(self) -> date:
        """The day after the last one."""
        return self.origin + timedelta(days=self.step * (self.count - 1) + self.days)


async def totals_by_stretch(
    connection: PoolConnectionProxy, store_ids: Sequence[UUID], stretches: Stretches
) -> Sequence[Sums]:
    """Sums of each stretch, oldest first."""
    rows = await connection.fetch(
        _TOTALS, store_ids, stretches.origin, stretches.until, stretches.step, stretches.days
    )
    found = {row["stretch"]: sums_of(row) for row in rows}
    return [found.get(number, Sums()) for number in range(stretches.count)]


async def categories_by_stretch(
    connection: PoolConnectionProxy, store_ids: Sequence[UUID], stretches: Stretches
) -> Mapping[str, Sequence[float]]:
    """Revenue of each category in each stretch, oldest first."""
    rows = await connection.fetch(
        _CATEGORIES, store_ids, stretches.origin, stretches.until, stretches.step, stretches.days
    )
    found: dict[str, list[float]] = {}
    for row in rows:
        course = found.setdefault(row["category"], [0.0] * stretches.count)
        course[row["stretch"]] = float(row["revenue"])
    return found
