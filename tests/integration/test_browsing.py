"""Pages of any table in any order: together they are the whole table, each row once."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.browsing_oracle import KEYS, SORTS, Oracle, Row, as_sent
from tests.security.test_oracle import run_given
from zava_server.business.browsing import BrowsingService, Filter
from zava_server.data import browsing
from zava_server.data.browsable_tables import BROWSABLE
from zava_server.data.browsing import Browsing
from zava_server.data.demo.loader import load_demo
from zava_server.data.identity import Identity, describe_users
from zava_server.data.migrations import find_migrations, migrate
from zava_server.data.pool import Pool
from zava_server.data.signing_keys import SigningKey, install_key
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.errors import AuthorizationError, ValidationError
from zava_server.startup import Database

UNTIL = datetime(2026, 3, 17, 23, 30, tzinfo=UTC)
PACIFIC = "America/Los_Angeles"

# What the demo has none of: people without an address, namesakes, orders of nobody, equal times
# and amounts, and texts that sort differently elsewhere.
ODDITIES = """
UPDATE retail.customers SET email = NULL WHERE customer_id::text < '4';
UPDATE retail.customers SET last_name = 'Özdemir', first_name = '' WHERE customer_id::text < '1';
UPDATE retail.customers SET last_name = 'de_la%Cruz' WHERE customer_id::text > 'e';
UPDATE retail.customers SET created_at = '2024-01-01' WHERE customer_id::text > 'c';
UPDATE retail.orders SET customer_id = NULL WHERE order_id::text < '2';
UPDATE retail.orders SET order_date = '2025-07-01 12:00+00'
    WHERE order_id::text BETWEEN '2' AND '6';
UPDATE retail.orders SET total_amount = 10 WHERE order_id::text > 'd';
UPDATE retail.orders SET status = 'pending' WHERE order_id::text > 'f';
"""


@pytest.fixture(scope="module")
async def owner(database: Database, signing_key: SigningKey) -> AsyncIterator[asyncpg.Connection]:
    """The owner of a database of its own, whose rows tests may add to."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute("CREATE DATABASE browsing")
    connection = await replace(database.owner, database="browsing").connect()
    await migrate(connection, find_migrations())
    await install_key(connection, signing_key)
    await load_demo(connection, seed=7, until=UNTIL, scale=0.01)
    await connection.execute(ODDITIES)
    yield connection
    await connection.close()
    await admin.execute("DROP DATABASE browsing WITH (FORCE)")
    await admin.close()


@pytest.fixture(scope="module")
async def people(owner: asyncpg.Connection) -> dict[str, Identity]:
    return {user.handle: user for user in await describe_users(owner)}


@pytest.fixture(scope="module")
async def service(
    owner: asyncpg.Connection, database: Database, signing_key: SigningKey
) -> AsyncIterator[BrowsingService]:
    endpoint = replace(database.app, database="browsing")
    async with Pool(endpoint, min_size=1, max_size=2, acquire_seconds=5).running() as pool:
        transactions = ReadTransactions(pool, signing_key, time_zone=PACIFIC, statement_seconds=10)
        yield BrowsingService(Browsing(transactions), ZoneInfo(PACIFIC))


@pytest.fixture(scope="module")
async def oracle(owner: asyncpg.Connection) -> Oracle:
    return await Oracle.of(owner)


async def walk(
    service: BrowsingService,
    identity: Identity,
    table: str,
    filters: Sequence[Filter] = (),
    sort: str | None = None,
    limit: int = 100,
) -> AsyncIterator[list[Row]]:
    """The pages, their rows by column name."""
    cursor, names = None, [column.name for column in BROWSABLE[table].columns]
    for _ in range(100_000):
        page = await service.browse(identity, table, filters, sort, cursor, limit)
        assert len(page.content.rows) <= limit
        yield [dict(zip(names, row, strict=True)) for row in page.content.rows]
        cursor = page.cursor
        if cursor is None:
            return
    raise AssertionError("the pages never end")


async def whole(*arguments: Any, **named: Any) -> list[Row]:
    return [row async for page in walk(*arguments, **named) for row in page]


def shown(row: Row, table: str) -> Row:
    return {column.name: row[column.name] for column in BROWSABLE[table].columns}


@st.composite
def questions(draw: st.DrawFn) -> dict[str, Any]:
    table = draw(st.sampled_from(sorted(SORTS)))
    columns = [column for column in BROWSABLE[table].columns if column.filters]
    return {
        "handle": draw(st.sampled_from(["kirkland", "puget-sound", "head-office"])),
        "table": table,
        "sort": draw(st.sampled_from(sorted(SORTS[table]))),
        "descending": draw(st.booleans()),
        "limit": draw(st.sampled_from([7, 50, 499])),
        "filters": draw(
            st.lists(
                st.sampled_from(
                    [(column.name, operator) for column in columns for operator in column.filters]
                ),
                max_size=3,
            )
        ),
        "bounds": draw(st.sampled_from([(1_200, 800, 10), (160, 30, 20), (40, 0, 1)])),
        "seed": draw(st.integers(0, 2**32)),
    }


def like_a_row_of(
    rows: Sequence[Row], wishes: Sequence[tuple[str, str]], seed: int
) -> list[Filter]:
    """Filters with values that occur; all of them hold for one row more often than not."""
    chance = random.Random(seed)
    filters = []
    model = chance.choice(rows)
    for column, operator in wishes:
        source = model if chance.random() < 0.8 else chance.choice(rows)
        value = as_sent(source[column])
        if value is None:
            continue
        if operator == "in":
            value = [value, *(as_sent(r[column]) for r in chance.sample(rows, 3) if r[column])]
        elif operator == "contains":
            start = chance.randrange(len(value) + 1)
            value = value[start : start + chance.randint(1, 5)].upper()
        elif operator == "starts_with":
            value = value[: chance.randint(1, 4)]
        filters.append(Filter(column, operator, value))
    return filters


async def test_all_pages_together_are_the_whole_table_in_order_each_row_once(
    service: BrowsingService,
    people: dict[str, Identity],
    oracle: Oracle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []

    @settings(
        max_examples=50,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(questions())
    async def check(asked: dict[str, Any]) -> None:
        table, descending = asked["table"], asked["descending"]
        identity = people[asked["handle"]]
        for name, bound in zip(
            ("_EXAMINED", "_FEW", "_SHORTEST_WALK"), asked["bounds"], strict=True
        ):
            monkeypatch.setattr(browsing, name, bound)
        own = [
            row
            for row in oracle.tables[table]
            if row.get("store_id") in (*identity.store_ids, None)
        ]
        filters = like_a_row_of(own, asked["filters"], asked["seed"])
        expected = oracle.rows(
            table, identity.store_ids, filters, asked["sort"], descending=descending
        )
        # Small pages of a large result would only repeat themselves.
        limit = max(asked["limit"], len(expected) // 40)
        sort = f"{asked['sort']} {'desc' if descending else 'asc'}"
        found = await whole(service, identity, table, filters, sort, min(limit, 500))
        assert found == [shown(row, table) for row in expected]
        sizes.append(len(found))

    await run_given(check)
    assert sum(size > 0 for size in sizes) > len(sizes) / 2


@pytest.mark.parametrize("sort", ["order_date desc", "order_date asc", "total_amount desc"])
async def test_rows_that_arrive_between_pages_neither_hide_nor_repeat_a_row(
    service: BrowsingService,
    owner: asyncpg.Connection,
    people: dict[str, Identity],
    sort: str,
) -> None:
    identity = people["kirkland"]
    store = identity.store_ids[0]
    before = [row["order_id"] for row in await whole(service, identity, "orders", sort=sort)]
    seen: list[UUID] = []
    added: list[UUID] = []
    chance = random.Random(1)
    async for page in walk(service, identity, "orders", sort=sort, limit=10):
        seen += [row["order_id"] for row in page]
        for _ in range(3):
            added.append(uuid4())
            await owner.execute(
                "INSERT INTO retail.orders (store_id, order_id, order_date, total_amount) "
                "VALUES ($1, $2, $3, $4)",
                store,
                added[-1],
                UNTIL - timedelta(days=chance.randint(0, 1800)),
                chance.randint(1, 300),
            )
    await owner.execute("DELETE FROM retail.orders WHERE order_id = ANY ($1)", added)
    assert len(seen) == len(set(seen))
    assert [order for order in seen if order in set(before)] == before


@pytest.mark.parametrize("table", sorted(SORTS))
async def test_a_manager_finds_only_rows_of_their_own_stores(
    service: BrowsingService, people: dict[str, Identity], oracle: Oracle, table: str
) -> None:
    sort = next(iter(SORTS[table]))
    for handle in ("kirkland", "puget-sound"):
        identity = people[handle]
        found = await whole(service, identity, table, sort=sort, limit=500)
        expected = oracle.rows(table, identity.store_ids, [], sort, descending=False)
        assert len(found) == len(expected)
        if "store" in found[0]:
            assert {row["store"] for row in found} <= set(identity.store_names)


async def test_the_database_holds_a_manager_to_their_stores_when_the_server_does_not(
    service: BrowsingService, people: dict[str, Identity]
) -> None:
    """The server's own list of stores is wrong: the signed identity still decides."""
    everybody = people["head-office"]
    deceived = replace(
        people["kirkland"], store_ids=everybody.store_ids, store_names=everybody.store_names
    )
    for table in ("orders", "order_items", "customers", "inventory"):
        found = await whole(service, deceived, table, limit=500)
        assert {row["store"] for row in found} == {"Kirkland"}


async def test_a_cursor_of_another_user_gives_no_row_of_theirs(
    service: BrowsingService, people: dict[str, Identity]
) -> None:
    page = await service.browse(people["head-office"], "orders", [], None, None, 10)
    theirs = await service.browse(people["kirkland"], "orders", [], None, page.cursor, 500)
    assert {row[0] for row in theirs.content.rows} == {"Kirkland"}


async def test_a_viewer_browses_the_catalogue_and_no_tenant_data(
    service: BrowsingService, people: dict[str, Identity]
) -> None:
    viewer = people["catalogue-agent"]
    assert len(await whole(service, viewer, "products")) >= 420
    assert len(await whole(service, viewer, "stores")) == 8
    for table in ("orders", "order_items", "customers", "inventory"):
        with pytest.raises(AuthorizationError, match="no store"):
            await service.browse(viewer, table, [], None, None, 10)


HOSTILE = [
    "'; DROP TABLE retail.orders; --",
    "' OR '1'='1",
    "$1",
    "\\",
    "%",
    "_",
    "%' ESCAPE '",
    "Ω' UNION SELECT * FROM identity.signing_keys --",
    "\U0010ffff",
    "x" * 200,
]


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("operator", ["=", "in", "contains", "starts_with"])
async def test_a_hostile_value_is_only_a_value(
    service: BrowsingService,
    people: dict[str, Identity],
    oracle: Oracle,
    operator: str,
    value: str,
) -> None:
    identity = people["kirkland"]
    wish = Filter("last_name", operator, [value] if operator == "in" else value)
    found = await whole(service, identity, "customers", [wish])
    expected = oracle.rows("customers", identity.store_ids, [wish], "last_name", descending=False)
    assert [row["customer_id"] for row in found] == [row["customer_id"] for row in expected]


@pytest.mark.parametrize("table", sorted(SORTS))
async def test_links_lead_from_each_row_to_rows(
    service: BrowsingService, people: dict[str, Identity], table: str
) -> None:
    identity = people["head-office"]
    page = await anext(walk(service, identity, table, limit=20))
    for link in BROWSABLE[table].links:
        followed = 0
        for row in page:
            values = [(theirs, row[ours]) for theirs, ours in link.filters]
            if any(value is None for _, value in values):
                continue
            filters = [Filter(theirs, "=", as_sent(value)) for theirs, value in values]
            found = await service.browse(identity, link.table, filters, None, None, 5)
            followed += bool(found.content.rows)
        assert followed > len(page) / 4, link.label


async def test_an_order_its_lines_and_their_product_belong_together(
    service: BrowsingService, people: dict[str, Identity], oracle: Oracle
) -> None:
    identity = people["kirkland"]
    for order in (await whole(service, identity, "orders"))[:20]:
        lines = await whole(
            service, identity, "order_items", [Filter("order_id", "=", str(order["order_id"]))]
        )
        expected = [
            row for row in oracle.tables["order_items"] if row["order_id"] == order["order_id"]
        ]
        assert {line["line_no"] for line in lines} == {row["line_no"] for row in expected}
        for line in lines:
            (product,) = await whole(
                service, identity, "products", [Filter("sku", "=", line["sku"])]
            )
            assert product["name"] == line["product"]


async def test_lines_are_found_by_the_code_on_the_shelf(
    service: BrowsingService, people: dict[str, Identity], oracle: Oracle
) -> None:
    identity = people["head-office"]
    sku = oracle.tables["order_items"][0]["sku"]
    found = await whole(service, identity, "order_items", [Filter("sku", "=", sku)])
    expected = [row for row in oracle.tables["order_items"] if row["sku"] == sku]
    assert len(found) == len(expected) > 0
    assert not await whole(service, identity, "order_items", [Filter("sku", "=", "NO-SUCH")])


async def test_a_date_is_the_whole_of_that_day(
    service: BrowsingService, people: dict[str, Identity], oracle: Oracle
) -> None:
    identity = people["kirkland"]
    zone = ZoneInfo(PACIFIC)
    own = oracle.rows("orders", identity.store_ids, [], "order_date", descending=False)
    day = own[len(own) // 2]["order_date"].astimezone(zone).date()
    expectations: dict[str, Callable[[date], bool]] = {
        "=": lambda d: d == day,
        "<=": lambda d: d <= day,
        ">=": lambda d: d >= day,
        "<": lambda d: d < day,
        ">": lambda d: d > day,
    }
    for operator, holds in expectations.items():
        wish = Filter("order_date", operator, day.isoformat())
        found = await whole(service, identity, "orders", [wish])
        expected = [row for row in own if holds(row["order_date"].astimezone(zone).date())]
        assert len(found) == len(expected) > 0, operator


async def test_the_total_is_exact_where_all_rows_are_known_and_at_least_so_many_elsewhere(
    service: BrowsingService, people: dict[str, Identity], oracle: Oracle
) -> None:
    few = (await service.browse(people["kirkland"], "customers", [], None, None, 100)).content
    assert (few.total, few.total_is_exact) == (
        len(oracle.rows("customers", people["kirkland"].store_ids, [], "email", descending=False)),
        True,
    )
    many = (await service.browse(people["head-office"], "orders", [], None, None, 5)).content
    assert (many.total, many.total_is_exact) == (500, False)
    later = (await service.browse(people["head-office"], "orders", [], None, None, 5)).cursor
    next_page = await service.browse(people["head-office"], "orders", [], None, later, 5)
    assert next_page.content.total is None


async def test_a_store_is_chosen_by_its_name_in_any_case(
    service: BrowsingService, people: dict[str, Identity]
) -> None:
    found = await whole(
        service, people["head-office"], "inventory", [Filter("store", "in", ["TACOMA", "online"])]
    )
    assert {row["store"] for row in found} == {"Tacoma", "Online"}
    both = [Filter("store", "=", "Tacoma"), Filter("store", "=", "Online")]
    assert not await whole(service, people["head-office"], "inventory", both)


@pytest.mark.parametrize("store", ["Seattle", "Atlantis", 7])
async def test_a_store_of_others_and_one_that_does_not_exist_are_refused_alike(
    service: BrowsingService, people: dict[str, Identity], store: Any
) -> None:
    with pytest.raises(AuthorizationError) as refused:
        await service.browse(
            people["kirkland"], "orders", [Filter("store", "=", store)], None, None, 10
        )
    assert str(refused.value).startswith("One of the stores is not yours, or does not exist.")


class TestRefusals:
    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ({"table": "ordres"}, "Did you mean orders?"),
            ({"table": "identity.users"}, "You can browse: orders"),
            ({"filters": [Filter("colour", "=", "red")]}, "You can filter by: store"),
            ({"filters": [Filter("customer", "=", "Kim")]}, "You can filter by: store"),
            ({"filters": [Filter("status", "contains", "p")]}, "no filter of this kind"),
            ({"filters": [Filter("status", "; DROP", "p")]}, "no filter of this kind"),
            ({"filters": [Filter("status", "in", "pending")]}, "is a list"),
            ({"filters": [Filter("status", "in", [])]}, "1 to 100 values"),
            ({"filters": [Filter("status", "=", "p")] * 11}, "At most 10 filters"),
            ({"filters": [Filter("order_date", ">=", "soon")]}, "a date such as"),
            ({"filters": [Filter("order_date", ">=", "9999-12-31")]}, "a date such as"),
            ({"filters": [Filter("total_amount", ">=", "much")]}, "an amount such as"),
            ({"filters": [Filter("total_amount", ">=", float("nan"))]}, "an amount such as"),
            ({"filters": [Filter("total_amount", "=", 1.005)]}, "no more than two decimals"),
            ({"filters": [Filter("total_amount", "=", True)]}, "an amount such as"),
            ({"filters": [Filter("order_id", "=", "1")]}, "an id such as"),
            ({"filters": [Filter("status", "=", "a\0b")]}, "not a text"),
            ({"filters": [Filter("status", "=", "\ud800")]}, "not a text"),
            ({"filters": [Filter("status", "=", "x" * 201)]}, "not a text"),
            ({"sort": "status"}, "You can sort by: order_date, total_amount"),
            ({"sort": "order_date upwards"}, "For example: order_date desc"),
            ({"limit": 0}, "limit must be from 1 to 500"),
            ({"limit": 501}, "limit must be from 1 to 500"),
        ],
    )
    async def test_say_what_would_do(
        self,
        service: BrowsingService,
        people: dict[str, Identity],
        arguments: dict[str, Any],
        sentence: str,
    ) -> None:
        asked = {"table": "orders", "filters": [], "sort": None, "limit": 10, **arguments}
        with pytest.raises(ValidationError) as refused:
            await service.browse(
                people["kirkland"],
                asked["table"],
                asked["filters"],
                asked["sort"],
                None,
                asked["limit"],
            )
        assert sentence in str(refused.value)

    async def test_a_cursor_is_good_for_its_own_question_only(
        self, service: BrowsingService, people: dict[str, Identity]
    ) -> None:
        identity = people["kirkland"]
        first = await service.browse(identity, "orders", [], None, None, 10)
        for table, filters, sort in (
            ("order_items", [], None),
            ("orders", [Filter("status", "=", "pending")], None),
            ("orders", [], "order_date asc"),
            ("orders", [], "total_amount desc"),
        ):
            with pytest.raises(ValidationError, match="belongs to another"):
                await service.browse(identity, table, filters, sort, first.cursor, 10)
        # Said in other words it is the same question.
        await service.browse(identity, "retail.orders", [], "ORDER_DATE DESC", first.cursor, 99)


def test_every_table_has_a_test_of_its_pages() -> None:
    assert set(SORTS) == set(KEYS) == set(BROWSABLE) - {"stores"}
    for table, sorts in SORTS.items():
        sortable = {column.name for column in BROWSABLE[table].columns if column.sort}
        assert set(sorts) == sortable
