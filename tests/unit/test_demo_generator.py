"""The demo retailer's traits, held at a tenth of its size."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.typing import NDArray

from zava_server.data.demo import stock
from zava_server.data.demo.assortment import Assortment
from zava_server.data.demo.baskets import Shelf
from zava_server.data.demo.catalogue import Catalogue, load_catalogue
from zava_server.data.demo.generator import Generator
from zava_server.data.demo.retailer import STORES, USERS
from zava_server.data.demo.rows import TABLES
from zava_server.infrastructure.errors import ValidationError

PACIFIC = ZoneInfo("America/Los_Angeles")
# A Tuesday afternoon, nine days after the clocks went forward.
UNTIL = datetime(2026, 3, 17, 16, 30, tzinfo=PACIFIC)
OPENING_DAY = datetime(2021, 3, 17, tzinfo=PACIFIC)
DAY = 86_400

Column = NDArray[Any]


def generator(catalogue: Catalogue, **changes: Any) -> Generator:
    return replace(Generator(42, UNTIL, 0.1, catalogue), **changes)


def fingerprint(made: Generator) -> str:
    digest = hashlib.sha256()
    for rows in made.rows():
        digest.update(rows.table.encode() + rows.encode())
    return digest.hexdigest()


class Demo:
    """All rows of a run, a table's columns as arrays; an id is one value of 16 bytes."""

    def __init__(self, made: Generator) -> None:
        pieces: dict[str, list[dict[str, Column]]] = {table: [] for table in TABLES}
        for rows in made.rows():
            pieces[rows.table].append(rows.columns)
        self.tables = {
            table: {
                name: np.concatenate([_plain(piece[name]) for piece in parts])
                for name in TABLES[table]
            }
            for table, parts in pieces.items()
        }
        stores = self.tables["stores"]
        self.store_id = dict(zip(stores["name"].tolist(), stores["store_id"].tolist(), strict=True))

    def __getitem__(self, table: str) -> dict[str, Column]:
        return self.tables[table]

    def local_time(self, seconds: Column) -> list[datetime]:
        return [datetime.fromtimestamp(at, PACIFIC) for at in seconds.tolist()]

    def line_positions(self, table: str, key: str) -> Column:
        """For each order line the position of the row of `table` that its `key` names."""
        return positions(self[table][key], self["order_items"][key])


def _plain(values: Column) -> Column:
    if values.ndim == 1:
        return values
    return np.ascontiguousarray(values).view("S16").ravel()


def positions(keys: Column, wanted: Column) -> Column:
    order = np.argsort(keys)
    found: Column = order[np.searchsorted(keys[order], wanted)]
    assert (keys[found] == wanted).all()
    return found


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="module")
def demo(catalogue: Catalogue) -> Demo:
    return Demo(generator(catalogue))


@pytest.fixture(scope="module")
def full_size(catalogue: Catalogue) -> Demo:
    return Demo(generator(catalogue, scale=1.0))


@pytest.fixture(scope="module")
def in_shop(demo: Demo) -> Column:
    """Which orders were not placed online."""
    not_online: Column = demo["orders"]["store_id"] != demo.store_id[b"Online"]
    return not_online


class TestRepeatability:
    def test_the_same_seed_gives_the_same_bytes(self, catalogue: Catalogue) -> None:
        small = generator(catalogue, scale=0.02)
        assert fingerprint(small) == fingerprint(generator(catalogue, scale=0.02))

    def test_another_seed_gives_other_rows(self, catalogue: Catalogue) -> None:
        small = generator(catalogue, scale=0.02)
        assert fingerprint(small) != fingerprint(replace(small, seed=43))

    def test_the_end_is_a_moment_whatever_its_time_zone(self, catalogue: Catalogue) -> None:
        small = generator(catalogue, scale=0.02)
        elsewhere = UNTIL.astimezone(timezone(timedelta(hours=9)))
        assert fingerprint(small) == fingerprint(replace(small, until=elsewhere))

    def test_ids_are_random_uuids_of_version_4(self, demo: Demo) -> None:
        for table, column in (("orders", "order_id"), ("customers", "customer_id")):
            ids = demo[table][column]
            assert len(np.unique(ids)) == len(ids)
            raw = ids.view(np.uint8).reshape(-1, 16)
            assert (raw[:, 6] >> 4 == 4).all()
            assert (raw[:, 8] >> 6 == 2).all()

    def test_an_end_without_time_zone_is_refused(self, catalogue: Catalogue) -> None:
        with pytest.raises(ValidationError, match="time zone"):
            generator(catalogue, until=datetime(2026, 3, 17))

    @pytest.mark.parametrize("scale", [0, -1, 51, float("nan")])
    def test_an_absurd_scale_is_refused(self, catalogue: Catalogue, scale: float) -> None:
        with pytest.raises(ValidationError, match="scale"):
            generator(catalogue, scale=scale)


class TestSize:
    def test_the_scale_multiplies_customers_orders_and_lines(self, demo: Demo) -> None:
        assert len(demo["customers"]["email"]) == 5_000
        assert len(demo["orders"]["status"]) == pytest.approx(20_000, rel=0.02)
        assert len(demo["order_items"]["line_no"]) == pytest.approx(41_500, rel=0.03)

    @pytest.mark.parametrize(
        ("store", "weight"),
        [
            (b"Seattle", 30),
            (b"Bellevue", 25),
            (b"Tacoma", 20),
            (b"Spokane", 8),
            (b"Everett", 7),
            (b"Redmond", 6),
            (b"Kirkland", 4),
            (b"Online", 30),
        ],
    )
    def test_stores_get_orders_and_customers_by_weight(
        self, demo: Demo, store: bytes, weight: int
    ) -> None:
        for table in ("orders", "customers"):
            share = (demo[table]["store_id"] == demo.store_id[store]).mean()
            assert share == pytest.approx(weight / 130, rel=0.1)

    def test_there_is_a_manager_for_each_store(self) -> None:
        managed = [user.stores for user in USERS if user.role == "store_manager"]
        assert managed == [(store.name,) for store in STORES]
        assert [user.handle for user in USERS if "ops" in user.permissions] == ["head-office"]


class TestCalendar:
    def test_orders_fill_five_years(self, demo: Demo) -> None:
        at = demo["orders"]["order_date"]
        assert 0 <= at.min() - OPENING_DAY.timestamp() < DAY
        assert len(np.unique(at // DAY)) >= 5 * 365

    def test_today_goes_on_up_to_the_very_moment_and_no_further(self, full_size: Demo) -> None:
        at = full_size["orders"]["order_date"]
        end = UNTIL.timestamp()
        since_opening_time = end - UNTIL.replace(hour=7, minute=0).timestamp()

        def orders_until(moment: float) -> int:
            return int(((at > moment - since_opening_time) & (at <= moment)).sum())

        weeks_before = [orders_until(end - week * 7 * DAY) for week in (1, 2, 3, 4)]
        assert at.max() <= end
        assert at.max() > (UNTIL - timedelta(minutes=30)).timestamp()
        assert orders_until(end) == pytest.approx(np.mean(weeks_before), rel=0.45)

    def test_sales_grow_by_a_tenth_a_year(self, demo: Demo) -> None:
        years = (demo["orders"]["order_date"] - OPENING_DAY.timestamp()) // (365.25 * DAY)
        orders = np.bincount(years.astype(int), minlength=5)[:5]
        assert (orders[4] / orders[0]) ** (1 / 4) == pytest.approx(1.10, abs=0.03)

    def test_weekends_are_busier_in_the_shops(self, demo: Demo, in_shop: Column) -> None:
        times = demo.local_time(demo["orders"]["order_date"][in_shop])
        by_weekday = np.bincount([at.weekday() for at in times], minlength=7)
        assert by_weekday[5:].mean() / by_weekday[:4].mean() == pytest.approx(1.47, abs=0.12)

    def test_shops_sell_in_opening_hours_in_summer_and_winter_time(
        self, demo: Demo, in_shop: Column
    ) -> None:
        times = demo.local_time(demo["orders"]["order_date"][in_shop])
        for offset in (-8, -7):
            hours = {at.hour for at in times if at.utcoffset() == timedelta(hours=offset)}
            assert hours == set(range(7, 21))
        assert {at.hour for at in times if at.weekday() == 6} == set(range(8, 19))

    def test_shops_rest_on_thanksgiving_and_christmas_and_the_web_does_not(
        self, full_size: Demo
    ) -> None:
        online = full_size["orders"]["store_id"] == full_size.store_id[b"Online"]
        at = full_size["orders"]["order_date"]
        in_shops = {time.date() for time in full_size.local_time(at[~online])}
        on_the_web = {time.date() for time in full_size.local_time(at[online])}
        thanksgivings = [date(2021, 11, 25), date(2022, 11, 24), date(2023, 11, 23)]
        thanksgivings += [date(2024, 11, 28), date(2025, 11, 27)]
        holidays = {*thanksgivings, *(date(year, 12, 25) for year in range(2021, 2026))}
        every_day = {OPENING_DAY.date() + timedelta(n) for n in range(5 * 365 + 2)}
        assert every_day - in_shops == holidays
        assert every_day == on_the_web

    def test_online_sells_around_the_clock_and_most_in_the_evening(
        self, demo: Demo, in_shop: Column
    ) -> None:
        times = demo.local_time(demo["orders"]["order_date"][~in_shop])
        by_hour = np.bincount([at.hour for at in times], minlength=24)
        assert (by_hour > 0).all()
        assert by_hour.argmax() in (19, 20, 21)
        assert by_hour[:6].mean() < by_hour.mean() / 2

    def test_seasons_move_the_mix(self, full_size: Demo, catalogue: Catalogue) -> None:
        assortment = Assortment.of(catalogue)
        sold = sales_by_month(full_size, catalogue)
        expected = assortment.season * assortment.type_popularity[:, None]
        seasonal = np.argsort(np.ptp(assortment.season, axis=1))[-12:]
        observed_lift, expected_lift = lift(sold)[seasonal], lift(expected)[seasonal]
        assert np.corrcoef(observed_lift.ravel(), expected_lift.ravel())[0, 1] > 0.9
        # What is bought because it goes with something else dampens its own season.
        strength = np.abs(observed_lift - 1).sum() / np.abs(expected_lift - 1).sum()
        assert 0.5 < strength < 1.1

    def test_seasons_move_the_volume(self, demo: Demo, catalogue: Catalogue) -> None:
        assortment = Assortment.of(catalogue)
        expected = assortment.type_popularity @ assortment.season
        months = np.array([at.month - 1 for at in demo.local_time(demo["orders"]["order_date"])])
        orders = np.bincount(months, minlength=12)
        assert np.corrcoef(orders, expected)[0, 1] > 0.8
        busiest, quietest = np.argsort(expected)[-3:], np.argsort(expected)[:3]
        ratio = expected[busiest].sum() / expected[quietest].sum()
        assert orders[busiest].sum() / orders[quietest].sum() == pytest.approx(ratio, rel=0.15)


def type_numbers(demo: Demo, catalogue: Catalogue) -> Column:
    """The number of the type of each order line's product."""
    types = [product_type for c in catalogue.categories for product_type in c.types]
    number = {p.sku.encode(): n for n, t in enumerate(types) for p in t.products}
    of_product = np.array([number[sku] for sku in demo["products"]["sku"].tolist()])
    of_line: Column = of_product[demo.line_positions("products", "product_id")]
    return of_line


def sales_by_month(demo: Demo, catalogue: Catalogue) -> Column:
    """How many lines of each type each month of the year sold, (types, 12)."""
    sold = demo["order_items"]["quantity"] > 0
    months = [at.month - 1 for at in demo.local_time(demo["order_items"]["created_at"][sold])]
    types = type_numbers(demo, catalogue)[sold]
    return np.bincount(types * 12 + months, minlength=(types.max() + 1) * 12).reshape(-1, 12)


def lift(by_month: Column) -> Column:
    """Each type's share in a month's sales relative to its share in all of them."""
    share = by_month / by_month.sum(axis=0)
    relative: Column = share / (by_month.sum(axis=1) / by_month.sum())[:, None]
    return relative


class TestBaskets:
    def test_baskets_hold_two_lines_on_average_and_rarely_more_than_five(self, demo: Demo) -> None:
        size = np.unique(demo["order_items"]["order_id"], return_counts=True)[1]
        assert len(size) == len(demo["orders"]["order_id"])
        assert size.mean() == pytest.approx(2.08, abs=0.06)
        assert (size <= 5).mean() > 0.97
        assert (size == 1).mean() == pytest.approx(0.43, abs=0.05)

    def test_lines_are_numbered_from_one(self, demo: Demo) -> None:
        order = demo.line_positions("orders", "order_id")
        line_no = demo["order_items"]["line_no"]
        lines = np.bincount(order)
        assert (line_no >= 1).all()
        assert (np.bincount(order, line_no) == lines * (lines + 1) / 2).all()

    def test_things_that_go_together_are_bought_together(
        self, demo: Demo, catalogue: Catalogue
    ) -> None:
        types = [product_type for c in catalogue.categories for product_type in c.types]
        number = {product_type.name: n for n, product_type in enumerate(types)}
        related = np.zeros((len(types), len(types)), bool)
        for n, product_type in enumerate(types):
            related[n, [number[name] for name in product_type.goes_with]] = True
        line_type = type_numbers(demo, catalogue)
        order = demo.line_positions("orders", "order_id")
        sold = demo["order_items"]["quantity"] > 0
        first = np.full(len(demo["orders"]["order_id"]), -1)
        is_first = sold & (demo["order_items"]["line_no"] == 1)
        first[order[is_first]] = line_type[is_first]
        later = sold & (demo["order_items"]["line_no"] > 1) & (first[order] >= 0)
        together = related[first[order[later]], line_type[later]].mean()
        strangers = np.random.default_rng(1).permutation(line_type[later])
        by_chance = related[first[order[later]], strangers].mean()
        assert together > 0.35
        assert together > 3 * by_chance

    def test_cheap_things_are_taken_by_the_handful(self, demo: Demo) -> None:
        sold = demo["order_items"]["quantity"] > 0
        quantity = demo["order_items"]["quantity"][sold]
        price = demo["order_items"]["unit_price"][sold]
        assert quantity[price < 500].mean() > 2
        assert quantity[price > 10_000].mean() < 1.2

    def test_a_seventh_of_the_lines_is_discounted(self, demo: Demo) -> None:
        discount = demo["order_items"]["discount_percent"][demo["order_items"]["quantity"] > 0]
        assert (discount > 0).mean() == pytest.approx(0.15, abs=0.01)
        assert set(np.unique(discount)) == {0, 500, 1000, 1500, 2000, 2500, 3000}

    def test_what_is_sold_out_is_not_sold(self, catalogue: Catalogue) -> None:
        assortment = Assortment.of(catalogue)
        sold_out_from = np.where(np.arange(len(assortment.products)) % 2, 5, 100).astype(np.int32)
        shelf = Shelf(assortment, np.ones((10, len(assortment.season))), sold_out_from)
        day = np.repeat(np.arange(10, dtype=np.int32), 500)
        lines = shelf.fill(np.random.default_rng(1), day)
        sold_out = lines.product % 2 == 1
        assert day[lines.order[sold_out]].max() == 4
        assert set(lines.order.tolist()) == set(range(len(day)))


class TestMoney:
    def test_a_line_is_quantity_times_price_less_discount(self, demo: Demo) -> None:
        lines = demo["order_items"]
        names = ("quantity", "unit_price", "discount_percent", "total_amount")
        cent = Decimal("0.01")
        for quantity, price, discount, total in zip(
            *(lines[name].tolist() for name in names), strict=True
        ):
            exact = quantity * Decimal(price) / 100 * (1 - Decimal(discount) / 10_000)
            assert Decimal(total) / 100 == exact.quantize(cent, ROUND_HALF_UP)

    def test_an_order_is_the_sum_of_its_lines(self, demo: Demo) -> None:
        sums = np.bincount(
            demo.line_positions("orders", "order_id"), demo["order_items"]["total_amount"]
        )
        assert (sums == demo["orders"]["total_amount"]).all()

    def test_prices_rise_mildly_to_the_list_price(self, demo: Demo) -> None:
        base = demo["products"]["base_price"][demo.line_positions("products", "product_id")]
        ratio = demo["order_items"]["unit_price"] / base
        at = demo["order_items"]["created_at"]
        sold = demo["order_items"]["quantity"] > 0
        dear = base > 1_000
        recent = at > UNTIL.timestamp() - 90 * DAY
        first_year = at < OPENING_DAY.timestamp() + 365 * DAY
        assert (ratio[recent & sold] == 1).all()
        assert (ratio <= 1).all()
        assert ratio[first_year & dear].mean() == pytest.approx(0.91, abs=0.02)


class TestReturns:
    def test_a_few_of_a_hundred_units_come_back(self, demo: Demo) -> None:
        quantity = demo["order_items"]["quantity"]
        share = -quantity[quantity < 0].sum() / quantity[quantity > 0].sum()
        assert 0.02 < share < 0.03

    def test_a_return_follows_a_purchase_of_the_same_customer_at_the_same_price(
        self, demo: Demo
    ) -> None:
        lines = demo["order_items"]
        order = demo.line_positions("orders", "order_id")
        bought: dict[tuple[object, ...], list[tuple[int, int]]] = {}
        returned = []
        for customer, product, price, discount, quantity, at, status in zip(
            demo["orders"]["customer_id"][order].tolist(),
            lines["product_id"].tolist(),
            lines["unit_price"].tolist(),
            lines["discount_percent"].tolist(),
            lines["quantity"].tolist(),
            lines["created_at"].tolist(),
            demo["orders"]["status"][order].tolist(),
            strict=True,
        ):
            key = (customer, product, price, discount)
            if quantity < 0:
                returned.append((key, -quantity, at))
            elif status == b"completed":
                bought.setdefault(key, []).append((quantity, at))
        assert len(returned) > 500
        for key, quantity, at in returned:
            assert any(units >= quantity and sold < at for units, sold in bought[key])


class TestStatus:
    def test_most_orders_are_completed_and_few_cancelled(self, demo: Demo) -> None:
        status = demo["orders"]["status"]
        assert (status == b"cancelled").mean() == pytest.approx(0.02, abs=0.006)
        assert (status == b"completed").mean() > 0.97

    def test_only_orders_of_the_last_days_are_pending(self, full_size: Demo) -> None:
        orders = full_size["orders"]
        at = orders["order_date"][orders["status"] == b"pending"]
        assert len(at) > 0
        assert at.min() > UNTIL.timestamp() - 3 * DAY


class TestCustomers:
    def test_everybody_has_bought_and_is_known_from_just_before(self, demo: Demo) -> None:
        customer = positions(demo["customers"]["customer_id"], demo["orders"]["customer_id"])
        first = np.full(len(demo["customers"]["email"]), np.iinfo(np.int64).max)
        np.minimum.at(first, customer, demo["orders"]["order_date"])
        waited = first - demo["customers"]["created_at"]
        assert (waited > 0).all()
        assert (waited <= 900).all()

    def test_orders_stay_in_the_customers_store(self, demo: Demo) -> None:
        customer = positions(demo["customers"]["customer_id"], demo["orders"]["customer_id"])
        assert (demo["customers"]["store_id"][customer] == demo["orders"]["store_id"]).all()

    def test_the_loyal_few_buy_much(self, demo: Demo) -> None:
        orders = np.unique(demo["orders"]["customer_id"], return_counts=True)[1]
        orders.sort()
        assert 0.5 < (orders > 1).mean() < 0.8
        assert orders[-len(orders) // 10 :].sum() / orders.sum() > 0.3
        assert orders[-1] < 150

    def test_new_customers_keep_coming(self, demo: Demo) -> None:
        created = demo["customers"]["created_at"]
        last_year = created > UNTIL.timestamp() - 365 * DAY
        assert 0.12 < last_year.mean() < 0.25

    def test_a_few_people_are_customers_of_two_stores(self, demo: Demo) -> None:
        names = ("first_name", "last_name", "email", "store_id")
        columns = (demo["customers"][name].tolist() for name in names)
        people: dict[bytes, list[tuple[bytes, bytes, bytes]]] = {}
        for first, last, email, store in zip(*columns, strict=True):
            people.setdefault(email, []).append((first, last, store))
        double = [rows for rows in people.values() if len(rows) > 1]
        assert 0.01 < len(double) / len(people) < 0.02
        for one, other in double:
            assert one[:2] == other[:2]
            assert one[2] != other[2]

    def test_addresses_are_plain_and_lead_nowhere(self, demo: Demo) -> None:
        for email in demo["customers"]["email"].tolist():
            name, domain = email.decode("ascii").split("@")
            assert name.replace(".", "").isalnum()
            assert domain in {"example.com", "example.net", "example.org"}


class TestStock:
    def test_every_store_has_every_product(self, demo: Demo) -> None:
        assert len(demo["inventory"]["stock_level"]) == 8 * len(demo["products"]["sku"])

    def test_some_products_have_run_out_and_more_are_to_be_ordered(self, full_size: Demo) -> None:
        inventory = full_size["inventory"]
        level, reorder = inventory["stock_level"], inventory["reorder_point"]
        assert (level >= 0).all()
        assert (reorder > 0).all()
        assert 0.02 <= (level == 0).mean() <= 0.04
        assert 0.04 <= ((level > 0) & (level <= reorder)).mean() <= 0.2

    def test_stock_falls_with_sales(self) -> None:
        level, _ = store_room(units_on_last_day=0)
        lower, _ = store_room(units_on_last_day=1)
        assert level - lower == 1

    def test_stock_is_ordered_again_and_never_negative(self) -> None:
        level, reorder_point = store_room(units_a_day=7)
        assert reorder_point >= 7 * 12
        assert 0 < level < 7 * 60


def store_room(units_a_day: int = 1, units_on_last_day: int | None = None) -> tuple[int, int]:
    sold = np.full((stock.WATCHED_DAYS, 1), units_a_day, np.int64)
    if units_on_last_day is not None:
        sold[-1] = units_on_last_day
    level, reorder_point = stock.run_store_room(
        np.random.default_rng(5), sold, np.zeros(1, bool), stock.IN_STORE
    )
    return int(level[0]), int(reorder_point[0])


class TestCatalogueRows:
    def test_products_refer_to_their_type_and_category(
        self, demo: Demo, catalogue: Catalogue
    ) -> None:
        types = demo["product_types"]
        of_type = positions(types["type_id"], demo["products"]["type_id"])
        assert (types["category_id"][of_type] == demo["products"]["category_id"]).all()
        assert len(demo["categories"]["name"]) == len(catalogue.categories)

    def test_everything_is_there_from_the_opening_day(self, demo: Demo) -> None:
        opening = int(OPENING_DAY.astimezone(UTC).timestamp())
        for table in ("stores", "categories", "product_types", "products", "inventory"):
            assert (demo[table]["created_at"] == opening).all()
