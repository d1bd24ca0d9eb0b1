"""Orders and their lines: instants, amounts, and that an order goes in whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.importing.links import NOWHERE
from zava_server.data.importing.local_times import as_instants
from zava_server.data.importing.tables import EMPTY, NO_CODE
from zava_server.data.importing.values import MOST_CENTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from zava_server.data.importing.existing import KnownStore
    from zava_server.data.importing.links import Links
    from zava_server.data.importing.tables import Flags, Table

_DAY = 86_400_000_000
# Above, quantity × price × percent does not fit into 64 bits.
_MOST_LIST_CENTS = 1e14


def zones_of_stores(
    stores: Table | None, links: Links, known: Mapping[bytes, KnownStore], default: str
) -> Sequence[str]:
    """The time zone of each store by its number, as it will be after the import."""
    zones = [
        known[identifier.tobytes()].time_zone if there else default
        for identifier, there in zip(links.stores.ids, links.stores.known, strict=True)
    ]
    if stores is not None and "time_zone" in stores.present:
        given = stores.codes["time_zone"]
        for number, row in enumerate(links.stores.rows.tolist()):
            if row != NOWHERE and not stores.bad[row]:
                code = given.numbers[row]
                zones[number] = default if code == NO_CODE else given.texts[code]
    return zones


def check_dates(orders: Table, links: Links, zones: Sequence[str], now: datetime) -> None:
    """Turns the dates into microseconds since 1970 UTC; none may lie over a day ahead."""
    read = orders.numbers["order_date"]
    instants = read >> 1
    local = (read & 1 == 1) & (read != EMPTY)
    stores = links.store_of["orders"]
    by_zone: dict[str, list[int]] = {}
    for number, zone in enumerate(zones):
        by_zone.setdefault(zone, []).append(number)
    for zone, numbers in by_zone.items():
        rows = local & np.isin(stores, numbers)
        instants[rows] = as_instants(instants[rows], zone)
    latest = int(now.timestamp() * 1_000_000) + _DAY
    late = (instants > latest) & (read != EMPTY)
    orders.reject(late, "order_date", "lies more than a day in the future")
    orders.numbers["order_date"] = instants


def check_amounts(items: Table) -> None:
    """Computes the totals that lack, and compares those that are given.

    A total may differ from quantity × price × (1 − discount) by what rounding explains: half a cent
    a unit for the price, half a hundredth of a percent for the discount, half a cent for itself.
    """
    quantity, price = items.numbers["quantity"], items.numbers["unit_price"]
    discount, total = items.numbers["discount_percent"], items.numbers["total_amount"]
    discount = np.where(discount == EMPTY, 0, discount)
    items.numbers["discount_percent"] = discount
    understood = (quantity != EMPTY) & (price != EMPTY) & ~items.bad
    quantity, price = np.where(understood, quantity, 0), np.where(understood, price, 0)
    huge = np.abs(quantity).astype(float) * price > _MOST_LIST_CENTS
    items.reject(huge, "quantity", "comes to more money than can be kept")
    quantity = np.where(huge, 0, quantity)

    # In hundredths of a percent of a cent.
    exact = quantity * price * (100_00 - discount)
    rounded = np.sign(exact) * ((np.abs(exact) + 50_00) // 100_00)
    items.reject(np.abs(rounded) > MOST_CENTS, "quantity", "comes to more than 99,999,999.99")
    given = total != EMPTY
    kept = np.where(given, total, rounded)
    units = np.abs(quantity)
    # Twice both sides of |total − exact| ≤ 0.005·|q| + 0.00005·|q|·price + 0.005, in whole numbers.
    off = 2 * np.abs(np.where(given, kept, 0) * 100_00 - exact) > 100_00 * units + units * price + (
        100_00
    )
    wrong = given & understood & ~huge & off
    items.reject(wrong, "total_amount", "is not quantity × unit_price less the discount")
    items.numbers["total_amount"] = kept


def check_order_totals(items: Table, links: Links) -> None:
    """The lines of an order must add up to something that can be kept."""
    numbers, totals = links.order_of["order_items"], items.numbers["total_amount"]
    counted = ~items.bad & (numbers != NO_CODE)
    sums = np.zeros(len(links.orders.keys) + 1, np.int64)
    np.add.at(sums, numbers[counted], totals[counted])
    too_much = counted & (np.abs(sums) > MOST_CENTS)[numbers]
    items.reject(too_much, "total_amount", "its order adds up to more than 99,999,999.99")


def kept_rows(tables: Mapping[str, Table], links: Links) -> Mapping[str, Flags]:
    """The rows that can go in without the bad ones, by table: none without what it speaks of.

    A bad line takes its order with it, and an order its lines.
    """
    kept = {name: ~table.bad for name, table in tables.items()}
    stores = _available(links.stores.known, links.stores.rows, kept.get("stores"))
    products = _available(links.products.known, links.products.rows, kept.get("products"))
    for name, numbers in links.store_of.items():
        kept[name] &= stores[numbers]
    for name, numbers in links.product_of.items():
        kept[name] &= products[numbers]
    if "orders" in tables:
        customers = _available(links.customers.known, links.customers.rows, kept.get("customers"))
        kept["orders"] &= customers[links.customer_of["orders"]]
    # By number, and at the end for NO_CODE. An order in the database whose row here is bad stays as
    # it is there.
    described = links.orders.rows != NOWHERE
    orders = np.append(links.orders.known & ~described, False)
    if "orders" in tables:
        orders[:-1][described] = kept["orders"][links.orders.rows[described]]
    if "order_items" in tables:
        numbers = links.order_of["order_items"]
        orders[numbers[~kept["order_items"]]] = False
        kept["order_items"] &= orders[numbers]
    if "orders" in tables:
        kept["orders"] &= orders[links.order_of["orders"]]
    if "users" in tables:
        kept["users"] &= np.array(
            [stores[list(numbers)].all() for numbers in links.users_stores], bool
        )
    return kept


def _available(known: Flags, rows: NDArray[np.int64], kept: Flags | None) -> Flags:
    """Which are there after the import, by number; True at the end, where NO_CODE points."""
    there = known.copy()
    described = rows != NOWHERE
    if kept is not None:
        there[described] |= kept[rows[described]]
    return np.append(there, True)
