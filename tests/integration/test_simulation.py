"""Orders come in now: they look like the demo's, move stock, and keep every rollup exact."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import numpy as np
import pytest

from tests.integration.test_demo_load import WRONG_DAYS, database_of_its_own
from zava_server.data.demo.loader import load_demo
from zava_server.data.demo.market import Shop, read_market
from zava_server.data.demo.simulation import Line, Sale, Simulation
from zava_server.infrastructure.errors import ValidationError
from zava_server.startup import Database

ORDERS = 300
SIMULATE = (sys.executable, "-m", "zava_server", "db", "simulate")

WRONG_TOTALS = """
SELECT count(*) FROM retail.orders JOIN (
    SELECT store_id, order_id, sum(total_amount) AS lines,
        sum(round(quantity * unit_price * (1 - discount_percent / 100), 2)) AS computed
    FROM retail.order_items GROUP BY 1, 2
) AS i USING (store_id, order_id)
WHERE total_amount <> lines OR total_amount <> computed
"""
STOCK = "SELECT store_id, product_id, stock_level FROM retail.inventory"
NEW_LINES = """
SELECT i.* FROM retail.order_items AS i JOIN retail.orders AS o USING (store_id, order_id)
WHERE o.order_date > $1
"""


@pytest.fixture(scope="module")
async def owner(database: Database) -> AsyncIterator[asyncpg.Connection]:
    async with database_of_its_own(database, "simulation") as endpoint:
        connection = await endpoint.connect()
        await load_demo(connection, until=datetime.now(UTC), scale=0.02)
        yield connection
        await connection.close()


@pytest.fixture(scope="module")
async def started(owner: asyncpg.Connection) -> datetime:
    # A moment of its own: the demo's last order may be a second old.
    await asyncio.sleep(1)
    started: datetime = await owner.fetchval("SELECT now()")
    return started


@pytest.fixture(scope="module")
async def stock_before(
    owner: asyncpg.Connection, started: datetime
) -> dict[tuple[object, object], int]:
    return {(r["store_id"], r["product_id"]): r["stock_level"] for r in await owner.fetch(STOCK)}


@pytest.fixture(scope="module")
async def sales(
    owner: asyncpg.Connection,
    started: datetime,
    stock_before: dict[tuple[object, object], int],
) -> list[Sale]:
    """Orders as fast as they go, with nothing delivered yet."""
    simulation = await Simulation.of(owner, np.random.default_rng(5))
    placed = [await simulation.next_order(clock=0.0) for _ in range(ORDERS)]
    return [sale for sale in placed if sale is not None]


async def test_orders_come_in_where_they_were_announced(
    owner: asyncpg.Connection, sales: list[Sale], started: datetime
) -> None:
    assert len(sales) > ORDERS * 0.9
    found = await owner.fetch(
        "SELECT s.name, count(*) AS orders, sum(o.total_amount) AS total FROM retail.orders AS o "
        "JOIN retail.stores AS s USING (store_id) WHERE order_date > $1 GROUP BY 1",
        started,
    )
    for row in found:
        of_store = [sale for sale in sales if sale.store == row["name"]]
        assert row["orders"] == len(of_store)
        assert row["total"] == sum((sale.total for sale in of_store), Decimal())
    assert len(found) >= 1


async def test_no_order_lies_in_the_future_and_all_are_completed(
    owner: asyncpg.Connection, sales: list[Sale], started: datetime
) -> None:
    assert await owner.fetchval("SELECT max(order_date) <= now() FROM retail.orders")
    assert await owner.fetchval(
        "SELECT bool_and(status = 'completed') FROM retail.orders WHERE order_date > $1", started
    )


async def test_every_order_adds_up_and_every_day_is_exact(
    owner: asyncpg.Connection, sales: list[Sale]
) -> None:
    assert await owner.fetchval(WRONG_TOTALS) == 0
    assert await owner.fetchval(WRONG_DAYS) == 0


async def test_baskets_are_like_the_demos(
    owner: asyncpg.Connection, sales: list[Sale], started: datetime
) -> None:
    lines = await owner.fetch(NEW_LINES, started)
    bought = [line for line in lines if line["quantity"] > 0]
    assert 1.6 < len(lines) / len(sales) < 2.5
    assert 0.09 < sum(line["discount_percent"] > 0 for line in bought) / len(bought) < 0.22
    assert 0 < sum(sale.units < 0 for sale in sales) < len(sales) * 0.08


async def test_most_customers_have_bought_before_and_some_are_new(
    owner: asyncpg.Connection, sales: list[Sale], started: datetime
) -> None:
    new = await owner.fetchval(
        "SELECT count(*) FROM retail.customers WHERE created_at > $1", started
    )
    assert 0.1 < new / len(sales) < 0.3


async def test_stock_falls_by_what_was_sold_and_rises_by_what_came_back(
    owner: asyncpg.Connection,
    sales: list[Sale],
    started: datetime,
    stock_before: dict[tuple[object, object], int],
) -> None:
    expected = dict(stock_before)
    for line in await owner.fetch(NEW_LINES, started):
        expected[line["store_id"], line["product_id"]] -= line["quantity"]
    now = {(r["store_id"], r["product_id"]): r["stock_level"] for r in await owner.fetch(STOCK)}
    assert now == expected
    assert min(now.values()) >= 0


async def test_what_runs_low_is_delivered_once_and_later(owner: asyncpg.Connection) -> None:
    simulation = await Simulation.of(owner, np.random.default_rng(6))
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute("UPDATE retail.inventory SET stock_level = 40, reorder_point = 100")
    for _ in range(20):
        await simulation.next_order(clock=0.0)
    low = await owner.fetchval("SELECT count(*) FROM retail.inventory WHERE stock_level <> 40")
    await simulation.deliver(clock=59.0)
    assert simulation.deliveries == 0
    await simulation.deliver(clock=241.0)
    assert simulation.deliveries >= low
    assert (
        await owner.fetchval("SELECT count(*) FROM retail.inventory WHERE stock_level > 250")
        == simulation.deliveries
    )
    await simulation.deliver(clock=1_000.0)
    assert await owner.fetchval("SELECT max(stock_level) < 500 FROM retail.inventory")
    await transaction.rollback()


async def test_an_empty_shelf_sells_nothing(owner: asyncpg.Connection) -> None:
    simulation = await Simulation.of(owner, np.random.default_rng(7))
    transaction = owner.transaction()
    await transaction.start()
    await owner.execute("UPDATE retail.inventory SET stock_level = 0")
    sales = [await simulation.next_order(clock=0.0) for _ in range(40)]
    # Only what was bought before can come back.
    assert all(sale is None or sale.units < 0 for sale in sales)
    await transaction.rollback()


async def test_ones_own_products_sell_as_well(database: Database) -> None:
    async with database_of_its_own(database, "own_market") as endpoint:
        owner = await endpoint.connect()
        with pytest.raises(ValidationError, match="no stores or no products"):
            await read_market(owner)
        await owner.execute("""
            INSERT INTO retail.stores (name, time_zone) VALUES ('Lisboa', 'Europe/Lisbon');
            INSERT INTO retail.categories (name) VALUES ('Queijo'), ('Vinho');
            INSERT INTO retail.product_types (category_id, name)
                SELECT category_id, 'Caro' FROM retail.categories;
            INSERT INTO retail.products (sku, name, category_id, type_id, base_price)
                SELECT 'P' || t.category_id, 'P', t.category_id, t.type_id, 9.99
                FROM retail.product_types AS t;
        """)
        simulation = await Simulation.of(owner, np.random.default_rng(8))
        sales = [await simulation.next_order(clock=0.0) for _ in range(10)]
        assert sum(sale is not None for sale in sales) >= 8
        assert await owner.fetchval(WRONG_DAYS) == 0
        await owner.close()


@pytest.mark.parametrize(
    ("quantity", "price", "discount", "total"),
    [(3, "0.35", "10", "0.95"), (-3, "0.35", "10", "-0.95"), (1, "19.99", "0", "19.99")],
)
def test_a_line_is_rounded_half_away_from_zero(
    quantity: int, price: str, discount: str, total: str
) -> None:
    line = Line(UUID(int=1), quantity, Decimal(price), Decimal(discount))
    assert line.total == Decimal(total)


def test_a_shop_is_closed_at_night_and_the_web_is_not() -> None:
    zone = ZoneInfo("America/Los_Angeles")
    night, noon = datetime(2026, 3, 17, 3, tzinfo=zone), datetime(2026, 3, 17, 12, tzinfo=zone)
    shop = Shop(UUID(int=1), "Seattle", is_online=False, zone=zone, weight=30.0)
    assert shop.bustle(night) == 0 < shop.bustle(noon)
    assert replace(shop, is_online=True).bustle(night) > 0


@pytest.mark.parametrize("told_by", [signal.SIGINT, signal.SIGTERM])
async def test_the_command_runs_until_it_is_told_to_stop(
    told_by: signal.Signals, shared_directory: Path, database: Database
) -> None:
    process = await asyncio.create_subprocess_exec(
        *SIMULATE,
        "--rate=600",
        "--data-dir",
        str(shared_directory / "data"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            first = (await process.stdout.readline()).decode()
            orders = [(await process.stdout.readline()).decode() for _ in range(5)]
            process.send_signal(told_by)
            rest, complaints = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert process.returncode == 0, complaints
    assert first.startswith("600 orders a minute.")
    told = [*orders, *rest.decode().splitlines()]
    assert told[-1] == f"Stopped after {len(told) - 1} orders."
    assert complaints == b""


@pytest.mark.parametrize("rate", ["0", "-1", "nan", "1e9"])
def test_an_absurd_rate_is_refused(shared_directory: Path, rate: str) -> None:
    refused = subprocess.run(
        [*SIMULATE, f"--rate={rate}", "--data-dir", str(shared_directory / "data")],
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert "--rate must be above 0" in refused.stderr


def test_without_a_database_the_command_says_how_to_make_one(tmp_path: Path) -> None:
    refused = subprocess.run(
        [*SIMULATE, "--data-dir", str(tmp_path / "no")],
        capture_output=True,
        text=True,
    )
    assert refused.returncode == 2
    assert "zava-server db init" in refused.stderr
