"""What sold best, or changed most, in a period."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime
    from uuid import UUID

    from asyncpg.pool import PoolConnectionProxy

_ORDERS = {
    "revenue": "revenue DESC",
    "units": "units DESC",
    "growth": "revenue - previous_revenue DESC",
    "decline": "revenue - previous_revenue",
}
RANKINGS = tuple(_ORDERS)
"""What products can be ranked by."""
_LISTED = {
    "revenue": "is_sold",
    "units": "is_sold",
    "growth": "revenue > previous_revenue",
    "decline": "revenue < previous_revenue",
}

_TOP = """
WITH sales AS (
    SELECT w.is_current, m.product_id, m.revenue, m.units_sold
    FROM unnest($1::bool[], $2::uuid[], $3::date[], $4::date[])
        AS w (is_current, store_id, start, until)
    CROSS JOIN LATERAL (
        SELECT m.* FROM retail.monthly_products AS m
        WHERE m.store_id = w.store_id AND m.month >= w.start AND m.month < w.until
        OFFSET 0
    ) AS m
    UNION ALL
    SELECT w.is_current, i.product_id, i.total_amount, greatest(i.quantity, 0)
    FROM unnest($5::bool[], $6::uuid[], $7::date[], $8::date[], $9::timestamptz[],
            $10::timestamptz[])
        AS w (is_current, store_id, start, until, since, before)
    JOIN retail.stores AS s USING (store_id)
    CROSS JOIN LATERAL (
        SELECT o.* FROM retail.orders AS o
        WHERE o.store_id = w.store_id AND o.order_date >= w.since AND o.order_date < w.before
            AND o.status = 'completed'
        OFFSET 0
    ) AS o
    JOIN retail.order_items AS i ON i.store_id = o.store_id AND i.order_id = o.order_id
    WHERE (o.order_date AT TIME ZONE s.time_zone)::date >= w.start
        AND (o.order_date AT TIME ZONE s.time_zone)::date < w.until
),
products AS (
    SELECT product_id, bool_or(is_current) AS is_sold,
        coalesce(sum(revenue) FILTER (WHERE is_current), 0) AS revenue,
        coalesce(sum(units_sold) FILTER (WHERE is_current), 0)::bigint AS units,
        coalesce(sum(revenue) FILTER (WHERE NOT is_current), 0) AS previous_revenue
    FROM sales
    GROUP BY product_id
),
asked AS (
    SELECT p.sku, p.name, c.name AS category, r.revenue, r.units, r.previous_revenue,
        sum(r.revenue) OVER () AS all_revenue, r.is_sold
    FROM products AS r
    JOIN retail.products AS p USING (product_id)
    JOIN retail.categories AS c USING (category_id)
    WHERE $11::text IS NULL OR lower(c.name) = lower($11)
)
SELECT sku, name, category, revenue, units, previous_revenue, all_revenue
FROM asked
WHERE {listed}
ORDER BY {ranking}, sku
LIMIT $12
"""


@dataclass(frozen=True, slots=True)
class ProductMonths:
    """Whole months of a store, of the period or of the one before it."""

    is_current: bool
    store_id: UUID
    start: date
    until: date


@dataclass(frozen=True, slots=True)
class ProductDays:
    """A store's local days from `start` up to `until`, within the instants `since` and `before`."""

    is_current: bool
    store_id: UUID
    start: date
    until: date
    since: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class ProductSales:
    """A product's revenue and units sold; `all_revenue` is that of all products asked about."""

    sku: str
    name: str
    category: str
    revenue: Decimal
    units: int
    previous_revenue: Decimal
    all_revenue: Decimal


async def top_products(
    connection: PoolConnectionProxy,
    months: Sequence[ProductMonths],
    days: Sequence[ProductDays],
    *,
    ranking: str,
    category: str | None,
    limit: int,
) -> Sequence[ProductSales]:
    """The first products by one of `RANKINGS`, of one category or of all.

    Only those that sold in the period, by growth or decline those whose revenue rose or fell.
    """
    rows = await connection.fetch(
        _TOP.format(listed=_LISTED[ranking], ranking=_ORDERS[ranking]),
        [m.is_current for m in months],
        [m.store_id for m in months],
        [m.start for m in months],
        [m.until for m in months],
        [d.is_current for d in days],
        [d.store_id for d in days],
        [d.start for d in days],
        [d.until for d in days],
        [d.since for d in days],
        [d.before for d in days],
        category,
        limit,
    )
    return [ProductSales(**row) for row in rows]
