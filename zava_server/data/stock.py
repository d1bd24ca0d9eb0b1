"""Stock against recent sales: what is out, what runs out, what lies."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from uuid import UUID

    from asyncpg.pool import PoolConnectionProxy

# Sales are those of whole months and of the month under way, $3 days in all. What is new says
# little by not selling. Where sums by month and product are not kept, the lines are read.
_ALERTS = """
WITH sold AS (
    SELECT s.store_id, s.product_id, sum(s.units_sold::float8) AS units, sum(s.revenue) AS revenue
    FROM (
        SELECT m.store_id, m.product_id, m.units_sold, m.revenue
        FROM retail.monthly_products AS m
        WHERE m.store_id = ANY ($1) AND m.month >= $2
        UNION ALL
        SELECT o.store_id, i.product_id, greatest(i.quantity, 0), i.total_amount
        FROM retail.stores AS z
        CROSS JOIN LATERAL (
            -- No day anywhere begins a day before that of UTC: a limit that an index serves.
            SELECT o.store_id, o.order_id, o.order_date FROM retail.orders AS o
            WHERE o.store_id = z.store_id AND o.status = 'completed'
                AND o.order_date >= ($2::date - 1)::timestamp AT TIME ZONE 'UTC'
            OFFSET 0
        ) AS o
        JOIN retail.order_items AS i ON i.store_id = o.store_id AND i.order_id = o.order_id
        WHERE z.store_id = ANY ($1) AND (o.order_date AT TIME ZONE z.time_zone)::date >= $2
            AND NOT EXISTS (SELECT FROM zava.sums_by_product)
    ) AS s
    GROUP BY s.store_id, s.product_id
),
first_lists AS (
    -- What a store that sold before brought along when its data were first imported is not new.
    SELECT z.store_id, (
            SELECT min(i.created_at) FROM retail.inventory AS i WHERE i.store_id = z.store_id
        ) AS listed_at
    FROM retail.stores AS z
    WHERE z.store_id = ANY ($1) AND EXISTS (
            SELECT FROM retail.orders AS o WHERE o.store_id = z.store_id AND o.order_date < $2
        )
),
stock AS (
    SELECT i.store_id, i.product_id, i.stock_level, i.reorder_point,
        coalesce(s.units, 0) / $3 AS units_per_day,
        coalesce(s.revenue, 0)::float8 / $3 AS revenue_per_day,
        -- In this order; numbers sort faster than names.
        CASE
            WHEN i.stock_level = 0 AND s.units >= $4 THEN 1
            WHEN i.stock_level > 0 AND i.stock_level <= i.reorder_point AND s.units > 0 THEN 2
            WHEN i.stock_level > coalesce(s.units, 0) / $3 * $5
                AND (i.created_at < $2 OR i.created_at = f.listed_at) THEN 3
        END AS kind
    FROM retail.inventory AS i
    LEFT JOIN sold AS s USING (store_id, product_id)
    LEFT JOIN first_lists AS f USING (store_id)
    WHERE i.store_id = ANY ($1)
),
alerts AS (
    SELECT a.*, p.sku, p.name, p.category_id,
        (a.stock_level * coalesce(k.cost, p.base_price))::numeric AS stock_value,
        CASE WHEN a.kind = 3
            THEN -(a.stock_level * coalesce(k.cost, p.base_price))::float8
            WHEN a.kind = 2 THEN a.stock_level / a.units_per_day
            ELSE -a.revenue_per_day
        END AS urgency
    FROM stock AS a
    JOIN retail.products AS p USING (product_id)
    LEFT JOIN retail.product_costs AS k USING (product_id)
    WHERE a.kind IS NOT NULL
),
ranked AS (
    SELECT a.*, row_number() OVER (PARTITION BY kind ORDER BY urgency, sku, store_id) AS rank,
        count(*) OVER (PARTITION BY kind) AS alike,
        sum(revenue_per_day) OVER (PARTITION BY kind) AS revenue_per_day_alike,
        sum(stock_value) OVER (PARTITION BY kind) AS stock_value_alike
    FROM alerts AS a
)
SELECT (ARRAY['out_of_stock', 'reorder', 'slow_mover'])[r.kind] AS kind, s.name AS store, r.sku,
    r.name, c.name AS category, r.stock_level, r.reorder_point, r.units_per_day,
    r.revenue_per_day, r.stock_value, r.alike, r.revenue_per_day_alike, r.stock_value_alike
FROM ranked AS r
JOIN retail.stores AS s USING (store_id)
JOIN retail.categories AS c USING (category_id)
WHERE r.rank <= $6
ORDER BY r.kind, r.rank
"""


@dataclass(frozen=True, slots=True)
class StockAlert:
    """A product that is out of stock, runs out, or lies.

    Dollars and units a day are averages of recent sales; `stock_value` is at cost, at the list
    price where no cost is known. What ends in `_alike` is over all alerts of the kind, `alike` of
    them, shown or not.
    """

    kind: str
    store: str
    sku: str
    name: str
    category: str
    stock_level: int
    reorder_point: int
    units_per_day: float
    revenue_per_day: float
    stock_value: Decimal
    alike: int
    revenue_per_day_alike: float
    stock_value_alike: Decimal


@dataclass(frozen=True, slots=True)
class StockRules:
    """From when on sales are counted, over how many days, and what makes an alert.

    Out of stock counts what sold at least `least_units` in that time.
    """

    sales_since: date
    days: float
    least_units: int
    most_days_of_cover: int
    most_of_a_kind: int


async def stock_alerts(
    connection: PoolConnectionProxy, store_ids: Sequence[UUID], rules: StockRules
) -> Sequence[StockAlert]:
    """Alerts of these stores, most urgent first within each kind."""
    rows = await connection.fetch(
        _ALERTS,
        store_ids,
        rules.sales_since,
        rules.days,
        rules.least_units,
        rules.most_days_of_cover,
        rules.most_of_a_kind,
    )
    return [StockAlert(**row) for row in rows]
