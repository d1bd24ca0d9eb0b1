"""Alerts equal a computation over the stock and the sales of the last two months."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from tests.conftest import Staff
from tests.integration.test_metrics import transactions_on
from zava_server.business.stock_alerts import StockAlertsService
from zava_server.data.performance import Performance

ZONE = ZoneInfo("America/Los_Angeles")

LEVELS = """
UPDATE retail.inventory SET
    stock_level = CASE WHEN r < 0.3 THEN 0 WHEN r < 0.6 THEN 1 ELSE (random() * 900)::int END,
    reorder_point = (random() * 30)::int
FROM (SELECT product_id AS of_product, random() AS r FROM retail.products) AS chance
WHERE product_id = of_product
"""

STOCK = """
SELECT p.sku, i.stock_level, i.reorder_point, coalesce(k.cost, p.base_price) AS value,
    s.units, s.revenue, i.created_at < $2 AS is_old
FROM retail.inventory AS i
JOIN retail.products AS p USING (product_id)
LEFT JOIN retail.product_costs AS k USING (product_id)
LEFT JOIN (
    SELECT l.product_id, sum(l.total_amount) FILTER (WHERE is_recent) AS revenue,
        sum(greatest(l.quantity, 0)) FILTER (WHERE is_recent) AS units
    FROM retail.order_items AS l
    JOIN (
        SELECT *, order_date >= $2 AND status = 'completed' AS is_recent
        FROM retail.orders
    ) AS o USING (store_id, order_id)
    WHERE l.store_id = $1
    GROUP BY 1
) AS s USING (product_id)
WHERE i.store_id = $1
"""


@pytest.fixture
async def since(owner: asyncpg.Connection) -> datetime:
    """The first instant of last month in Seattle, with stock of all kinds there."""
    await owner.execute("SELECT setseed(0.3)")
    await owner.execute(LEVELS)
    today = datetime.now(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    return today.replace(year=year, month=month, day=1)


async def alerts(owner: asyncpg.Connection, staff: Staff) -> dict[str, dict[str, Any]]:
    """Alerts of Seattle by kind and SKU."""
    service = StockAlertsService(Performance(transactions_on(owner)))
    found: dict[str, dict[str, Any]] = defaultdict(dict)
    for advice in await service.alerts(staff["seattle"], None, None, 500):
        found[advice.alert.kind][advice.alert.sku] = advice
    return found


async def test_the_alerts_are_those_of_the_raw_rows(
    owner: asyncpg.Connection, staff: Staff, since: datetime
) -> None:
    store_id = staff["seattle"].store_ids[0]
    # By the shop's clock, as days are told there: one of an autumn may have 25 hours.
    local = datetime.now(ZONE).replace(tzinfo=None) - since.replace(tzinfo=None)
    days = local.total_seconds() / 86_400
    found = await alerts(owner, staff)
    wanted: dict[str, set[str]] = defaultdict(set)
    for row in await owner.fetch(STOCK, store_id, since):
        level, units = row["stock_level"], row["units"] or 0
        if level == 0 and units > 0:
            wanted["out_of_stock"].add(row["sku"])
        elif 0 < level <= row["reorder_point"] and units > 0:
            wanted["reorder"].add(row["sku"])
            advice = found["reorder"][row["sku"]]
            assert advice.days_of_cover == pytest.approx(level * days / units, rel=2e-3, abs=0.06)
        elif level > units / days * 180 and row["is_old"]:
            wanted["slow_mover"].add(row["sku"])
            value = found["slow_mover"][row["sku"]].alert.stock_value
            assert value == level * row["value"]
    assert {kind: set(of) for kind, of in found.items()} == wanted
    assert set(wanted) == {"out_of_stock", "reorder", "slow_mover"}


async def test_what_sells_once_and_is_out_is_told(
    owner: asyncpg.Connection, staff: Staff, since: datetime
) -> None:
    store_id = staff["seattle"].store_ids[0]
    once = {row["sku"] for row in await owner.fetch(STOCK, store_id, since) if row["units"] == 1}
    await owner.execute("UPDATE retail.inventory SET stock_level = 0")
    assert once
    assert once <= set((await alerts(owner, staff))["out_of_stock"])


async def test_what_a_store_that_sold_before_brings_along_is_not_new(
    owner: asyncpg.Connection, staff: Staff, since: datetime
) -> None:
    before = set((await alerts(owner, staff))["slow_mover"])
    await owner.execute("UPDATE retail.inventory SET created_at = now()")
    assert set((await alerts(owner, staff))["slow_mover"]) == before != set()
    await owner.execute(
        "UPDATE retail.inventory SET created_at = now() + interval '1 second' WHERE product_id = "
        "(SELECT product_id FROM retail.products WHERE sku = $1)",
        min(before),
    )
    assert set((await alerts(owner, staff))["slow_mover"]) == before - {min(before)}
    await owner.execute("UPDATE retail.orders SET order_date = $1 WHERE order_date < $1", since)
    assert not (await alerts(owner, staff))["slow_mover"]
