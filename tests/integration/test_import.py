"""A retailer's own data come in as the files say, all of them or none, and never twice."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet
import pytest

from tests.integration.shop_files import Shop
from zava_server.data.endpoint import Endpoint
from zava_server.data.identity import find_user
from zava_server.data.importing.importer import Options, Outcome, import_files
from zava_server.data.migrations import find_migrations, migrate
from zava_server.data.signing_keys import SigningKey, install_key
from zava_server.infrastructure.errors import Busy, ValidationError
from zava_server.infrastructure.progress import Progress, ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database, prepare

TABLES = {
    "stores": "store_id",
    "categories": "category_id",
    "product_types": "type_id",
    "products": "product_id",
    "product_costs": "product_id",
    "customers": "store_id, customer_id",
    "orders": "store_id, order_id",
    "order_items": "store_id, order_id, line_no",
    "inventory": "store_id, product_id",
    "store_managers": "store_id, user_id",
    "daily_sales": "store_id, day, category_id",
    "daily_totals": "store_id, day",
}


@asynccontextmanager
async def _database(admin: Endpoint, name: str, template: str) -> AsyncIterator[Endpoint]:
    connection = await admin.connect()
    await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield replace(admin, database=name)
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture(scope="module")
async def template(database: Database) -> AsyncIterator[Endpoint]:
    """A database with the schema and no rows, to be copied."""
    assert database.owner is not None
    async with _database(database.owner, "import_template", "template0") as endpoint:
        connection = await endpoint.connect()
        await migrate(connection, find_migrations())
        await connection.close()
        yield endpoint


@pytest.fixture
async def empty(template: Endpoint) -> AsyncIterator[Endpoint]:
    # A template must not be connected to while it is copied.
    async with _database(
        replace(template, database="postgres"), "imported", "import_template"
    ) as e:
        yield e


@pytest.fixture
async def owner(empty: Endpoint) -> AsyncIterator[asyncpg.Connection]:
    connection = await empty.connect()
    yield connection
    await connection.close()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "files")


async def bring(owner: asyncpg.Connection, files: Shop | Path, **more: Any) -> Outcome:
    directory = files.write() if isinstance(files, Shop) else files  # noqa: ASYNC240 - small
    options = Options(directory, directory.parent / "report.csv", "America/Los_Angeles", **more)
    return await import_files(owner, options, ignore_progress)


async def bring_well(owner: asyncpg.Connection, shop: Shop | Path, **more: Any) -> Outcome:
    outcome = await bring(owner, shop, **more)
    assert [str(problem) for problem in outcome.problems] == []
    return outcome


async def rows(owner: asyncpg.Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await owner.fetch(query)]


async def everything(owner: asyncpg.Connection) -> dict[str, list[tuple[Any, ...]]]:
    found = {
        t: await rows(owner, f"SELECT * FROM retail.{t} ORDER BY {k}") for t, k in TABLES.items()
    }
    for table in ("users", "user_stores"):
        found[table] = await rows(owner, f"SELECT * FROM identity.{table} ORDER BY 1, 2")
    return found


async def assert_figures_are_exact(owner: asyncpg.Connection) -> None:
    tables = ("daily_sales", "daily_totals", "daily_margins", "monthly_sales", "visits")
    queries = [f"SELECT to_jsonb(t) - 'created_at' FROM retail.{t} AS t ORDER BY 1" for t in tables]
    kept = [await rows(owner, query) for query in queries]
    await owner.execute("SELECT retail.rebuild_rollups()")
    assert [await rows(owner, query) for query in queries] == kept


def problems(outcome: Outcome) -> list[tuple[str, int | None, str, str]]:
    return [(p.file, p.line, p.column, p.value) for p in outcome.problems]


# What comes in ------------------------------------------------------------------------------------


async def test_every_file_comes_in_as_it_says(owner: asyncpg.Connection, shop: Shop) -> None:
    outcome = await bring_well(owner, shop)

    assert {name: counts.written.new for name, counts in outcome.tables.items()} == {
        "stores": 2,
        "products": 3,
        "customers": 3,
        "orders": 4,
        "order_items": 5,
        "inventory": 2,
        "users": 4,
    }
    assert await rows(
        owner, "SELECT name, location, is_online, time_zone FROM retail.stores ORDER BY name"
    ) == [
        ("Northside", "12 Main St, Springfield", False, "America/Los_Angeles"),
        ("Web", "Everywhere", True, "Europe/Paris"),
    ]
    assert await rows(
        owner,
        "SELECT p.sku, p.name, p.description, c.name, t.name, k.cost, p.base_price "
        "FROM retail.products AS p JOIN retail.categories AS c USING (category_id) "
        "JOIN retail.product_types AS t USING (type_id) "
        "LEFT JOIN retail.product_costs AS k USING (product_id) ORDER BY sku",
    ) == [
        (
            *("P1", "Claw hammer", 'A "good" hammer,\nfor nails', "Tools", "Hammers"),
            *(Decimal("5.00"), Decimal("9.99")),
        ),
        ("P2", "Wire nail", "", "Tools", "Nails", None, Decimal("0.10")),
        ("P3", "Hose", "Waters the lawn", "Garden", "Hammers", Decimal("8.00"), Decimal("20.00")),
    ]
    assert await rows(
        owner, "SELECT first_name, last_name, email FROM retail.customers ORDER BY 1, 2"
    ) == [("", "", None), *[("Ann", "Lee", "ann@example.org")] * 2]
    assert await rows(
        owner,
        "SELECT s.name, o.order_date, o.status, o.total_amount, o.customer_id IS NULL "
        "FROM retail.orders AS o JOIN retail.stores AS s USING (store_id) ORDER BY 1, 2",
    ) == [
        ("Northside", datetime(2026, 1, 5, 18, tzinfo=UTC), "completed", Decimal("27.67"), False),
        ("Northside", datetime(2026, 1, 6, 8, tzinfo=UTC), "pending", Decimal("10.00"), True),
        (
            *("Northside", datetime(2026, 1, 7, 17, 30, 15, tzinfo=UTC)),
            *("completed", Decimal("0.00"), False),
        ),
        ("Web", datetime(2026, 1, 5, 10, tzinfo=UTC), "completed", Decimal("20.00"), False),
    ]
    assert await rows(
        owner,
        "SELECT line_no, sku, quantity, unit_price, discount_percent, i.total_amount "
        "FROM retail.order_items AS i JOIN retail.products USING (product_id) "
        "JOIN retail.orders AS o USING (store_id, order_id) "
        "WHERE o.order_date = '2026-01-05 10:00-08' ORDER BY 1",
    ) == [
        (1, "P1", 2, Decimal("9.99"), Decimal("10.00"), Decimal("17.98")),
        (2, "P1", 1, Decimal("9.99"), Decimal("0.00"), Decimal("9.99")),
        (3, "P2", -3, Decimal("0.10"), Decimal("0.00"), Decimal("-0.30")),
    ]
    assert await rows(
        owner, "SELECT stock_level, reorder_point FROM retail.inventory ORDER BY 1"
    ) == [(0, 0), (5, 2)]
    await assert_figures_are_exact(owner)
    assert await owner.fetchval("SELECT sum(revenue) FROM retail.daily_sales") == Decimal("47.67")


async def test_users_log_in_and_see_their_stores(
    owner: asyncpg.Connection, empty: Endpoint, shop: Shop
) -> None:
    await bring_well(owner, shop)
    key = SigningKey.generate()
    await install_key(owner, key)

    app = await empty.login_as("zava_app").connect()
    found = {
        handle: await find_user(app, key, handle) for handle in ("north", "both", "boss", "robot")
    }
    await app.close()

    assert {
        handle: user and (user.display_name, user.role, user.store_names, user.permissions)
        for handle, user in found.items()
    } == {
        "north": ("North manager", "store_manager", ("Northside",), frozenset()),
        "both": ("both", "regional_manager", ("Northside", "Web"), frozenset()),
        "boss": ("The boss", "head_office", ("Northside", "Web"), frozenset({"ops"})),
        "robot": ("Robot", "viewer", (), frozenset()),
    }
    assert await rows(
        owner,
        "SELECT u.handle, s.name FROM retail.store_managers "
        "JOIN identity.users AS u USING (user_id) JOIN retail.stores AS s USING (store_id)",
    ) == [("north", "Northside")]


@pytest.mark.parametrize("typed", [False, True])
async def test_parquet_gives_the_same_as_csv(
    owner: asyncpg.Connection, shop: Shop, typed: bool
) -> None:
    await bring_well(owner, shop)
    before = await everything(owner)
    directory = shop.directory
    for path in list(directory.glob("*.csv")):
        names = path.read_text().split("\n")[0].split(",")
        table = arrow_csv.read_csv(
            path,
            parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
            convert_options=arrow_csv.ConvertOptions(
                strings_can_be_null=True,
                column_types=None if typed else dict.fromkeys(names, pa.string()),
            ),
        )
        parquet.write_table(table, path.with_suffix(".parquet"))
        path.unlink()

    await bring_well(owner, directory)

    assert await everything(owner) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda text: (
            text.replace(",", ";").replace("S1; S2", '"S1; S2"').replace("Main St;", "Main St,")
        ),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.rstrip("\n"),
        lambda text: "\n".join(
            ",".join(f'"{cell}"' for cell in line.split(",")) if '"' not in line and line else line
            for line in text.split("\n")
        ),
    ],
    ids=["semicolons", "byte order mark", "CRLF", "blank lines", "no last line end", "quoted"],
)
async def test_dialects_of_csv_are_understood(
    owner: asyncpg.Connection, shop: Shop, change: Any
) -> None:
    await bring_well(owner, shop)
    before = await everything(owner)
    for table in shop.files.keys() - {"products"}:
        shop.files[table] = change(shop.files[table])
    await bring_well(owner, shop)
    assert await everything(owner) == before


async def test_another_encoding_is_taken_when_told(owner: asyncpg.Connection, shop: Shop) -> None:
    shop.only("stores").replace("stores", "Northside", "Café Nörd")
    path = shop.write() / "stores.csv"
    path.write_bytes(shop.files["stores"].encode("cp1252"))

    refused = await bring(owner, shop.directory)
    assert problems(refused) == [("stores.csv", 2, "", "")]
    assert "--encoding cp1252" in refused.problems[0].reason

    await bring_well(owner, shop.directory, encoding="cp1252")
    assert "Café Nörd" in {name for (name,) in await rows(owner, "SELECT name FROM retail.stores")}


async def test_times_without_a_zone_are_the_stores(owner: asyncpg.Connection, shop: Shop) -> None:
    shop.files["orders"] = (
        "order_code,store_code,order_date\n"
        "gap,S1,2026-03-08 02:30\n"
        "overlap,S1,2025-11-02 01:30\n"
        "summer,S2,2025-07-01\n"
    )
    await bring_well(owner, shop.without({"order_items", "customers"}))
    assert [
        date for (date,) in await rows(owner, "SELECT order_date FROM retail.orders ORDER BY 1")
    ] == [
        datetime(2025, 6, 30, 22, tzinfo=UTC),
        datetime(2025, 11, 2, 8, 30, tzinfo=UTC),
        datetime(2026, 3, 8, 10, 30, tzinfo=UTC),
    ]


async def test_any_subset_may_refer_to_what_is_there(owner: asyncpg.Connection, shop: Shop) -> None:
    for table in list(shop.files):
        await bring_well(owner, Shop(shop.directory, {table: shop.files[table]}))
    assert await owner.fetchval("SELECT count(*) FROM retail.order_items") == 5
    assert await owner.fetchval("SELECT sum(total_amount) FROM retail.orders") == Decimal("57.67")
    await assert_figures_are_exact(owner)


# Again --------------------------------------------------------------------------------------------


async def test_importing_again_changes_nothing(owner: asyncpg.Connection, shop: Shop) -> None:
    await bring_well(owner, shop)
    before = await everything(owner)
    again = await bring_well(owner, shop)
    assert await everything(owner) == before
    assert {(c.written.new, c.written.changed) for c in again.tables.values()} == {(0, 0)}


async def test_importing_in_parts_and_any_order_of_rows_gives_the_same(
    owner: asyncpg.Connection, shop: Shop
) -> None:
    """Lines of one order keep their order; all else may be dealt out anyhow."""
    ignore = "created_at"

    async def content() -> list[Any]:
        return [
            sorted(
                str(row)
                for row in await rows(
                    owner, f"SELECT to_jsonb(t) - '{ignore}' FROM retail.{t} AS t"
                )
            )
            for t in TABLES
        ]

    await bring_well(owner, shop)
    expected = await content()
    await owner.execute(
        "TRUNCATE retail.order_items, retail.orders, retail.customers, retail.inventory CASCADE"
    )
    dice = random.Random(5)
    orders, items = (shop.files[name].splitlines() for name in ("orders", "order_items"))
    parts = [
        (
            [line for line in orders[1:] if line.split(",")[0] == code],
            [line for line in items[1:] if line.split(",")[0] == code],
        )
        for code in ("O3", "O1", "O2", "O1")
    ]
    shop.write()
    await bring_well(owner, shop.without({"orders", "order_items"}))
    for some_orders, some_items in parts:
        dice.shuffle(some_orders)
        part = Shop(
            shop.directory,
            {
                "orders": "\n".join([orders[0], *some_orders]),
                "order_items": "\n".join([items[0], *some_items]),
            },
        )
        await bring_well(owner, part)
    assert await content() == expected


async def test_an_order_that_comes_again_replaces_its_lines(
    owner: asyncpg.Connection, shop: Shop
) -> None:
    await bring_well(owner, shop)
    shop.files["order_items"] = "order_code,store_code,sku,quantity,unit_price\nO1,S1,P2,7,0.10\n"
    outcome = await bring_well(owner, shop.only("order_items"))

    assert outcome.tables["order_items"].written.new == 1
    assert await rows(
        owner,
        "SELECT o.total_amount, count(i.*) FROM retail.orders AS o "
        "LEFT JOIN retail.order_items AS i USING (store_id, order_id) GROUP BY o.store_id, "
        "o.order_id, 1 ORDER BY 1",
    ) == [
        (Decimal("0.00"), 0),
        (Decimal("0.70"), 1),
        (Decimal("10.00"), 1),
        (Decimal("20.00"), 1),
    ]
    await assert_figures_are_exact(owner)


async def test_orders_alone_leave_their_lines(owner: asyncpg.Connection, shop: Shop) -> None:
    await bring_well(owner, shop)
    shop.only("orders").replace("orders", "10:00,completed", "23:30,cancelled")
    outcome = await bring_well(owner, shop)
    assert outcome.tables["orders"].written.changed == 1
    assert await owner.fetchval("SELECT sum(total_amount) FROM retail.orders") == Decimal("57.67")
    assert await owner.fetchval("SELECT count(*) FROM retail.order_items") == 5
    assert await owner.fetchval("SELECT sum(revenue) FROM retail.daily_sales") == Decimal("20.00")
    await assert_figures_are_exact(owner)


async def test_changes_of_catalogue_and_stores_reach_the_figures(
    owner: asyncpg.Connection, shop: Shop
) -> None:
    await bring_well(owner, shop)
    shop.replace("products", "Tools,Hammers,5.00", "Garden,Hammers,6.50")
    shop.replace("stores", "America/Los_Angeles", "Asia/Tokyo")
    await bring_well(owner, shop.only("products", "stores"))
    assert (
        await owner.fetchval(
            "SELECT min(day)::text FROM retail.daily_sales JOIN retail.stores USING (store_id) "
            "WHERE name = 'Northside'"
        )
        == "2026-01-06"
    )
    await assert_figures_are_exact(owner)


async def test_a_column_that_lacks_leaves_what_is_there(
    owner: asyncpg.Connection, shop: Shop
) -> None:
    await bring_well(owner, shop)
    shop.files = {
        "stores": "store_code,name,location,is_online\nS2,The web,Everywhere,1\n",
        "products": "sku,name,category,product_type,base_price\nP1,Hammer,Tools,Hammers,11\n",
    }
    await bring_well(owner, shop)
    assert (
        await owner.fetchval("SELECT time_zone FROM retail.stores WHERE name = 'The web'")
        == "Europe/Paris"
    )
    assert await rows(
        owner,
        "SELECT description <> '', cost FROM retail.products "
        "JOIN retail.product_costs USING (product_id) WHERE sku = 'P1'",
    ) == [(True, Decimal("5.00"))]


async def test_an_empty_cell_takes_a_cost_away(owner: asyncpg.Connection, shop: Shop) -> None:
    await bring_well(owner, shop)
    await bring_well(owner, shop.only("products").replace("products", "Hammers,5.00", "Hammers,"))
    assert await owner.fetchval("SELECT count(*) FROM retail.product_costs") == 1
    await assert_figures_are_exact(owner)


async def test_names_and_addresses_may_change_hands(owner: asyncpg.Connection, shop: Shop) -> None:
    shop.replace("customers", "C2,S1,,,", "C2,S1,Bo,Ek,bo@example.org")
    await bring_well(owner, shop)
    for table, one, other in (
        ("stores", "Northside", "Web"),
        ("customers", "C1,S1,Ann,Lee,ann@", "C2,S1,Bo,Ek,bo@"),
    ):
        text = shop.files[table]
        suffix = one.rpartition(",")[2], other.rpartition(",")[2]
        shop.files[table] = (
            text.replace(one, one.removesuffix(suffix[0]) + "\0")
            .replace(other, other.removesuffix(suffix[1]) + suffix[0])
            .replace("\0", suffix[1])
        )
    await bring_well(owner, shop)
    assert await rows(
        owner, "SELECT first_name, email FROM retail.customers WHERE first_name = 'Bo'"
    ) == [("Bo", "ann@example.org")]
    assert await owner.fetchval("SELECT is_online FROM retail.stores WHERE name = 'Northside'")


async def test_a_user_who_changes_gets_a_higher_version(
    owner: asyncpg.Connection, shop: Shop
) -> None:
    await bring_well(owner, shop)
    shop.replace("users", "store_manager,S1", "store_manager,S2")
    shop.replace("users", "regional_manager,S1; S2", "store_manager,S1")
    outcome = await bring_well(owner, shop.only("users"))
    assert outcome.tables["users"].written.changed == 2
    assert await rows(
        owner,
        "SELECT handle, version, array_agg(s.name) FROM identity.users "
        "JOIN identity.user_stores USING (user_id) JOIN retail.stores AS s USING (store_id) "
        "JOIN retail.store_managers USING (user_id, store_id) GROUP BY 1, 2 ORDER BY 1",
    ) == [("both", 2, ["Northside"]), ("north", 2, ["Web"])]


# Bad rows -----------------------------------------------------------------------------------------

TOMORROW = (datetime.now(UTC) + timedelta(days=2)).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("stores", "S3,South,Here,perhaps,", "is_online", "perhaps"),
        ("stores", "S3,South,Here,no,Mars/Base", "time_zone", "Mars/Base"),
        ("stores", ",South,Here,no,", "store_code", ""),
        ("products", "P4,,,Tools,Nails,,1", "name", ""),
        ("products", "P4,Nail,,Tools,Nails,,-1", "base_price", "-1"),
        ("products", "P4,Nail,,Tools,Nails,1.005,1", "cost", "1.005"),
        ("products", "P4,Nail,,,Nails,,1", "category", ""),
        ("customers", "C3,S9,,,", "store_code", "S9"),
        ("orders", "O4,S9,,2026-01-01,", "store_code", "S9"),
        ("orders", "O4,S1,C9,2026-01-01,", "customer_code", "C9"),
        ("orders", f"O4,S1,,{TOMORROW},", "order_date", TOMORROW),
        ("orders", "O4,S1,,01/02/2026,", "order_date", "01/02/2026"),
        ("orders", "O4,S1,,2026-02-30,", "order_date", "2026-02-30"),
        ("orders", "O4,S1,,2026-01-01,done", "status", "done"),
        ("order_items", "O9,S1,P1,1,9.99,,", "order_code", "O9"),
        ("order_items", "O2,S2,P1,1,9.99,,", "order_code", "O2"),
        ("order_items", "O1,S1,P9,1,9.99,,", "sku", "P9"),
        ("order_items", "O1,S1,p1,1,9.99,,", "sku", "p1"),
        ("order_items", "O1,S1,P1,0,9.99,,", "quantity", "0"),
        ("order_items", "O1,S1,P1,1.5,9.99,,", "quantity", "1.5"),
        ("order_items", "O1,S1,P1,1,9.999,,", "unit_price", "9.999"),
        ("order_items", "O1,S1,P1,1,,,", "unit_price", ""),
        ("order_items", "O1,S1,P1,1,9.99,101,", "discount_percent", "101"),
        ("order_items", "O1,S1,P1,1,9.99,,10.01", "total_amount", "10.01"),
        ("order_items", "O1,S1,P1,2000000000,99999999,,", "quantity", "2000000000"),
        ("inventory", "S1,P2,-1,0", "stock_level", "-1"),
        ("inventory", "S1,P9,1,0", "sku", "P9"),
        ("users", "Big,,viewer,,", "handle", "Big"),
        ("users", "new,,store_manager,S1;S2,", "store_codes", "S1;S2"),
        ("users", "new,,store_manager,S9,", "store_codes", "S9"),
        ("users", "new,,regional_manager,,", "store_codes", ""),
        ("users", "new,,king,,", "role", "king"),
        ("users", "new,,viewer,,root", "permissions", "root"),
        ("orders", "O4,S1", "", ""),
        ("orders", 'O4,S1,"C1,2026-01-01,', "", ""),
    ],
)
async def test_a_bad_row_is_named_and_nothing_comes_in(
    owner: asyncpg.Connection, shop: Shop, table: str, row: str, column: str, value: str
) -> None:
    line = shop.files[table].count("\n") + 1
    outcome = await bring(owner, shop.add(table, row))
    assert problems(outcome) == [(f"{table}.csv", line, column, value)]
    assert outcome.problems[0].reason
    assert not outcome.accepted
    assert await owner.fetchval("SELECT count(*) FROM retail.stores") == 0


@pytest.mark.parametrize(
    ("table", "row", "lines"),
    [
        ("stores", "S1,Other,There,no,", [2, 4]),
        ("stores", "S3,Northside,There,no,", [2, 4]),
        ("customers", "C3,S1,,,ann@example.org", [2, 5]),
        ("products", "P1,Other,,Tools,Nails,,1", [2, 6]),
        ("customers", "C1,S1,,,", [2, 5]),
        ("orders", "O1,S1,,2026-01-01,", [2, 6]),
        ("orders", " O1 , S1,,2026-01-01,", [2, 6]),
        ("inventory", "S1,P1,1,1", [2, 4]),
        ("users", "boss,,viewer,,", [4, 6]),
    ],
)
async def test_all_rows_of_a_key_or_name_that_comes_twice_are_bad(
    owner: asyncpg.Connection, shop: Shop, table: str, row: str, lines: list[int]
) -> None:
    outcome = await bring(owner, shop.add(table, row))
    assert [problem.line for problem in outcome.problems] == lines


async def test_lines_are_physical_ones(owner: asyncpg.Connection, shop: Shop) -> None:
    shop.files["products"] += (
        '\n\nP4,"Two\nlines",,Tools,Nails,,x\nP5,"open,,Tools,Nails,,1\nP6,,,,,,y\n'
    )
    outcome = await bring(owner, shop.only("products"))
    assert [(p.line, p.column, p.value) for p in outcome.problems] == [
        (8, "base_price", "x"),
        (10, "", ""),
        (11, "name", ""),
        (11, "category", ""),
        (11, "product_type", ""),
        (11, "base_price", "y"),
    ]


async def test_with_skip_the_rest_comes_in_and_orders_whole_or_not(
    owner: asyncpg.Connection, shop: Shop
) -> None:
    shop.add("stores", "S3,Bad,There,perhaps,")
    shop.add("customers", "C3,S3,Left,With its store,")
    shop.add("orders", "O5,S1,C1,2026-01-08,", "O6,S1,C1,2026-99-08,", "O7,S3,C3,2026-01-08,")
    shop.add(
        "order_items",
        "O5,S1,P1,1,9.99,,",
        "O5,S1,P1,0,9.99,,",
        "O6,S1,P1,1,9.99,,",
        "O7,S3,P1,1,9.99,,",
    )
    outcome = await bring(owner, shop, skip_bad_rows=True)

    assert outcome.accepted
    assert [(p.file, p.line) for p in outcome.problems] == [
        ("stores.csv", 4),
        ("orders.csv", 7),
        ("order_items.csv", 8),
    ]
    assert {
        name: (counts.bad, counts.left_out, counts.written.new)
        for name, counts in outcome.tables.items()
    } == {
        "stores": (1, 1, 2),
        "products": (0, 0, 3),
        "customers": (0, 1, 3),
        "orders": (1, 3, 4),
        "order_items": (1, 4, 5),
        "inventory": (0, 0, 2),
        "users": (0, 0, 4),
    }
    await assert_figures_are_exact(owner)


async def test_a_bad_line_leaves_the_order_in_the_database_as_it_was(
    owner: asyncpg.Connection, shop: Shop
) -> None:
    await bring_well(owner, shop)
    before = await everything(owner)
    shop.replace("order_items", "O1,S1,P1,2,9.99,10,17.98", "O1,S1,P1,x,9.99,10,17.98")
    shop.replace("orders", "2026-01-05 10:00,completed", "2026-01-05 11:00,completed")
    await bring(owner, shop, skip_bad_rows=True)
    assert await everything(owner) == before


async def test_thousands_of_problems_are_all_found(owner: asyncpg.Connection, shop: Shop) -> None:
    shop.add("orders", *(f"X{n},S1,,never," for n in range(5_000)))
    outcome = await bring(owner, shop)
    assert [p.line for p in outcome.problems] == list(range(6, 5_006))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04whatever", "Excel"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "UTF-8"),
        (b"a,b\n1,2\n", "does not start with a header line"),
        (b"store_code,name\n\0\0\n", "NUL"),
        ("store_code,name".encode("utf-16"), "--encoding utf-16"),
    ],
)
async def test_a_file_that_is_no_csv_is_refused_with_the_reason(
    owner: asyncpg.Connection, shop: Shop, content: bytes, says: str
) -> None:
    (shop.write() / "stores.csv").write_bytes(content)
    outcome = await bring(owner, shop.directory, skip_bad_rows=True)
    assert not outcome.accepted
    # What the other files say of stores is no problem of theirs.
    assert [problem.file for problem in outcome.problems] == ["stores.csv"]
    assert says in outcome.problems[0].reason


async def test_a_column_that_lacks_or_comes_twice_is_named(
    owner: asyncpg.Connection, shop: Shop
) -> None:
    shop.replace("orders", "order_date,status", "status,status")
    outcome = await bring(owner, shop, skip_bad_rows=True)
    assert not outcome.accepted
    assert [(p.file, p.line, p.column) for p in outcome.problems] == [
        ("orders.csv", 1, "order_date"),
        ("orders.csv", 1, "status"),
    ]


async def test_unknown_columns_and_files_are_warned_of(
    owner: asyncpg.Connection, shop: Shop
) -> None:
    shop.only("stores").replace("stores", "is_online,", "is_online,colour,")
    shop.files["stores"] = shop.files["stores"].replace("no,", "no,red,").replace("TRUE,", "TRUE,,")
    (shop.write() / "notes.txt").write_text("remember the milk")
    outcome = await bring_well(owner, shop.directory)
    assert len(outcome.warnings) == 2
    assert "notes.txt" in outcome.warnings[0]
    assert "colour" in outcome.warnings[1]


async def test_a_damaged_parquet_file_is_refused(owner: asyncpg.Connection, shop: Shop) -> None:
    (shop.only("products").write() / "stores.parquet").write_bytes(b"PAR1 and nothing more")
    outcome = await bring(owner, shop.directory)
    assert [problem.file for problem in outcome.problems] == ["stores.parquet"]


# Around -------------------------------------------------------------------------------------------


async def test_a_dry_run_changes_nothing(owner: asyncpg.Connection, shop: Shop) -> None:
    outcome = await bring_well(owner, shop, dry_run=True)
    assert outcome.accepted
    assert outcome.tables["orders"].rows == 4
    assert not any((await everything(owner)).values())


async def test_only_one_import_runs_at_a_time(
    owner: asyncpg.Connection, empty: Endpoint, shop: Shop
) -> None:
    other = await empty.connect()
    async with other.transaction():
        await other.execute("SELECT pg_advisory_xact_lock($1)", 0x7A617664)
        with pytest.raises(Busy):
            await bring(owner, shop)
    await other.close()
    await bring_well(owner, shop)


async def test_what_is_referred_to_stays_until_the_import_ends(
    owner: asyncpg.Connection, empty: Endpoint, shop: Shop
) -> None:
    await bring_well(owner, shop)
    other = await empty.connect()
    deleting: list[asyncio.Task[str]] = []

    def delete_meanwhile(progress: Progress) -> None:
        if progress.step == "writing" and not deleting:
            deleting.append(
                asyncio.ensure_future(other.execute("DELETE FROM retail.products WHERE sku = 'P2'"))
            )

    shop.files["order_items"] = "order_code,store_code,sku,quantity,unit_price\nO3,S1,P2,7,0.10\n"
    options = Options(shop.only("order_items").write(), shop.directory / "x", "UTC")
    await import_files(owner, options, delete_meanwhile)
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await deleting[0]
    await other.close()


async def test_readers_wait_for_no_lock_of_an_import(
    owner: asyncpg.Connection, empty: Endpoint, shop: Shop
) -> None:
    await bring_well(owner, shop)
    reader, blocker = await empty.connect(), await empty.connect()
    await reader.execute("SET lock_timeout = '200ms'")
    shop.replace("order_items", "P1,2,9.99,10,17.98", "P1,5,9.99,,49.95")
    shop.replace("products", "Tools,Hammers", "Tools,Mallets")
    # Lets the import come as far as its last figures, and nobody else wait.
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("LOCK TABLE retail.repeat_visits IN SHARE MODE")
    importing = asyncio.ensure_future(bring(owner, shop))
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with asyncio.timeout(30):
        while not await reader.fetchval(waiting):  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.05)

    tables = await reader.fetch(
        "SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r' "
        "AND relnamespace::regnamespace::text IN ('retail', 'identity', 'zava')"
    )
    for (table,) in tables:
        await reader.execute(f"SELECT * FROM {table} LIMIT 1")

    await transaction.rollback()
    assert (await importing).accepted
    await blocker.close()
    await reader.close()


async def test_large_tables_have_no_triggers_that_an_import_would_leave_out(
    owner: asyncpg.Connection,
) -> None:
    """It mutes all triggers of these tables; the rollups it counts anew."""
    names = await rows(
        owner,
        "SELECT tgrelid::regclass::text, tgname FROM pg_trigger "
        "WHERE NOT tgisinternal AND tgname NOT LIKE 'rollups\\_%' AND tgenabled <> 'A' "
        "AND tgrelid = ANY ("
        "'{retail.customers,retail.orders,retail.order_items,retail.inventory}'::regclass[])",
    )
    assert names == []


@pytest.fixture
async def tenant(database: Database) -> AsyncIterator[asyncpg.Connection]:
    """The owner of a database of their own who is no superuser, as on a rented server."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute(
        """
        CREATE ROLE tenant CREATEROLE CREATEDB;
        GRANT zava_app, store_managers, regional_managers, head_office, viewers
            TO tenant WITH ADMIN OPTION;
        """
    )
    await admin.execute("CREATE DATABASE rented_shop OWNER tenant")
    owner = await replace(database.owner, database="rented_shop").connect()
    await owner.execute("CREATE EXTENSION vector; SET SESSION AUTHORIZATION tenant")
    await migrate(owner, find_migrations())
    yield owner
    await owner.close()
    await admin.execute("DROP DATABASE rented_shop WITH (FORCE)")
    await admin.execute("DROP OWNED BY tenant CASCADE; DROP ROLE tenant")
    await admin.close()


async def test_an_owner_without_special_rights_imports_as_well(
    tenant: asyncpg.Connection, owner: asyncpg.Connection, shop: Shop
) -> None:
    for total in ("20.00", "19.99"):
        shop.files["order_items"] = shop.files["order_items"].replace("0,20.00", f"0,{total}")
        await bring_well(tenant, shop)
        await bring_well(owner, shop)
        for table in TABLES:
            query = f"SELECT to_jsonb(t) - 'created_at' FROM retail.{table} AS t ORDER BY 1"
            assert await rows(tenant, query) == await rows(owner, query)


async def test_options_that_make_no_sense_are_refused(
    owner: asyncpg.Connection, shop: Shop, tmp_path: Path
) -> None:
    with pytest.raises(ValidationError, match="no directory"):
        await bring(owner, tmp_path / "nowhere")
    with pytest.raises(ValidationError, match="no encoding"):
        await bring(owner, shop, encoding="rot13")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValidationError, match="no file to import"):
        await bring(owner, tmp_path / "bare")
    (shop.write() / "Stores.parquet").write_bytes(b"")
    with pytest.raises(ValidationError, match="both there"):
        await bring(owner, shop.directory)


@pytest.fixture
def settings_of_its_own(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, identity_key_file=tmp_path / "key")


async def test_a_database_for_ones_own_data_stays_empty(
    empty: Endpoint, owner: asyncpg.Connection, settings_of_its_own: Settings
) -> None:
    await prepare(empty, settings_of_its_own, ignore_progress, demo=False)
    # As every server does when it starts.
    await prepare(empty, settings_of_its_own, ignore_progress)
    assert await owner.fetchval("SELECT count(*) FROM retail.stores") == 0


async def test_ones_own_data_may_be_there_when_it_is_prepared_again(
    empty: Endpoint, owner: asyncpg.Connection, shop: Shop, settings_of_its_own: Settings
) -> None:
    await prepare(empty, settings_of_its_own, ignore_progress, demo=False)
    await bring_well(owner, shop)
    before = await everything(owner)
    await prepare(empty, settings_of_its_own, ignore_progress, demo=False)
    assert await everything(owner) == before


async def test_a_database_with_other_data_is_not_taken_for_an_empty_one(
    empty: Endpoint, owner: asyncpg.Connection, shop: Shop, settings_of_its_own: Settings
) -> None:
    await bring_well(owner, shop)
    with pytest.raises(ValidationError, match="already holds stores"):
        await prepare(empty, settings_of_its_own, ignore_progress, demo=False)


# The command --------------------------------------------------------------------------------------


def _environment(place: Endpoint) -> dict[str, str]:
    return {
        **os.environ,
        "ZAVA_DATABASE_URL": f"postgresql://zava_app@/imported?host={place.host}",
        "ZAVA_ADMIN_DATABASE_URL": f"postgresql://zava_owner@/imported?host={place.host}",
    }


@pytest.fixture
def command(empty: Endpoint, tmp_path: Path) -> Any:
    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "zava_server", "db", "import", *words, "--data-dir", tmp_path],
            cwd=tmp_path,
            env=_environment(empty),
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


async def test_the_command_says_what_came_in(command: Any, shop: Shop) -> None:
    done = await asyncio.to_thread(command, str(shop.write()), "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["imported"] is True
    assert summary["tables"]["order_items"] == {
        "rows": 5,
        "bad": 0,
        "left_out": 0,
        "new": 5,
        "changed": 0,
    }
    assert (summary["problem_count"], summary["report"]) == (0, None)


async def test_a_file_without_rows_is_said_to_have_none(command: Any, shop: Shop) -> None:
    (shop.write() / "inventory.csv").write_text("store_code,sku,stock_level\n")
    done = await asyncio.to_thread(command, str(shop.directory), "--dry-run")
    assert "  inventory    0 rows\n" in done.stdout


async def test_only_an_import_that_leaves_no_users_warns_of_it(command: Any, shop: Shop) -> None:
    directory = str(shop.write())
    checked = await asyncio.to_thread(command, directory, "--dry-run")
    assert "no users yet" not in checked.stdout
    (shop.directory / "users.csv").unlink()
    done = await asyncio.to_thread(command, directory)
    assert "no users yet" in done.stdout


async def test_the_command_shows_ten_problems_and_reports_all(
    command: Any, shop: Shop, tmp_path: Path
) -> None:
    shop.add("orders", *(f'X{n},S1,,"=HYPERLINK(""http://x"")",' for n in range(12)))
    done = await asyncio.to_thread(command, str(shop.write()))
    assert done.returncode == 1
    assert done.stdout.count("orders.csv line") == 10
    assert "Nothing was imported." in done.stdout
    report = (tmp_path / "import-problems.csv").read_text().splitlines()
    assert report[0] == "file,line,column,value,reason"
    assert len(report) == 13
    assert all(",\"'=HYPERLINK" in line for line in report[1:])


async def test_the_command_calls_a_wrong_directory_wrong_usage(command: Any) -> None:
    done = await asyncio.to_thread(command, "nowhere")
    assert done.returncode == 2
    assert "There is no directory nowhere" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("step", ["reading", "writing", "sales figures"])
async def test_an_interrupted_import_leaves_nothing(
    owner: asyncpg.Connection, shop: Shop, step: str
) -> None:
    options = Options(shop.write(), shop.directory / "x", "UTC")
    loop = asyncio.get_running_loop()
    task: asyncio.Task[Outcome]

    def interrupt(progress: Progress) -> None:
        if progress.step == step:
            loop.call_soon_threadsafe(task.cancel)

    task = asyncio.ensure_future(import_files(owner, options, interrupt))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not any((await everything(owner)).values())
    await bring_well(owner, shop)


async def test_ctrl_c_ends_the_command_with_a_sentence(
    empty: Endpoint, owner: asyncpg.Connection, shop: Shop, tmp_path: Path
) -> None:
    # Waits in the middle of writing, for a lock that the test holds.
    blocker = await empty.connect()
    transaction = blocker.transaction()
    await transaction.start()
    await blocker.execute("LOCK TABLE retail.order_items IN ACCESS EXCLUSIVE MODE")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "zava_server", "db", "import", shop.write()),
        *("--data-dir", tmp_path),
        cwd=tmp_path,
        env=_environment(empty),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    async with asyncio.timeout(30):
        # Not by the one in a transaction, which sees the activity of its start.
        while not await owner.fetchval(waiting):  # noqa: ASYNC110 - another process's state
            await asyncio.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = await process.communicate()
    await transaction.rollback()
    await blocker.close()

    assert process.returncode == 1
    assert said.decode().splitlines()[-1] == (
        "zava-server: The import was stopped. Nothing was imported."
    )
    assert not any((await everything(owner)).values())
