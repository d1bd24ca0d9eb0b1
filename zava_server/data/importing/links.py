"""What the rows of all files speak of: stores, products, customers and orders, each by a number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.importing.keys import Keys
from zava_server.data.importing.tables import NO_CODE, Codes, texts_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from zava_server.data.importing.keys import Identifiers, Numbers
    from zava_server.data.importing.tables import Flags, Table

NOWHERE = -1


@dataclass(slots=True)
class Things:
    """All stores, or products, customers, orders, that the files name; arrays go by their number.

    `ids` are their UUIDs in the database, or those they will have; `rows` the row of the file that
    describes each, or NOWHERE; `known` tells whether it is in the database; `stores` are the
    numbers of the stores that customers and orders belong to.
    """

    keys: Keys
    ids: Identifiers
    rows: NDArray[np.int64]
    known: Flags
    stores: Numbers


@dataclass(frozen=True, slots=True)
class Links:
    """For each row of a file the numbers of what it speaks of, NO_CODE for nothing."""

    stores: Things
    products: Things
    customers: Things
    orders: Things
    store_of: Mapping[str, Numbers]
    product_of: Mapping[str, Numbers]
    customer_of: Mapping[str, Numbers]
    order_of: Mapping[str, Numbers]
    users_stores: Sequence[Sequence[int]]


def link(tables: Mapping[str, Table]) -> Links:
    """Numbers everything that the tables speak of."""
    stores, products = Keys("store"), Keys("product")
    customers, orders = Keys("customer"), Keys("order")

    def codes(table: str, column: str) -> Codes:
        return tables[table].codes[column]

    def having(*names: str) -> list[str]:
        return [name for name in names if name in tables]

    store_of = {
        name: stores.number(codes(name, "store_code"))
        for name in having("stores", "customers", "orders", "order_items", "inventory")
    }
    product_of = {
        name: products.number(codes(name, "sku"))
        for name in having("products", "order_items", "inventory")
    }
    customer_of = {
        name: customers.number_within(codes(name, "store_code"), codes(name, "customer_code"))
        for name in having("customers", "orders")
    }
    order_of = {
        name: orders.number_within(codes(name, "store_code"), codes(name, "order_code"))
        for name in having("orders", "order_items")
    }
    users_stores = (
        [
            stores.number(Codes(np.arange(len(listed), dtype=np.int32), listed)).tolist()
            for listed in listed_codes(tables["users"], "store_codes")
        ]
        if "users" in tables
        else []
    )
    number_of = {code: number for number, (code,) in enumerate(stores.all)}

    def within_stores(keys: Keys, described: Numbers | None) -> Things:
        return _things(keys, described, [number_of[store] for store, _ in keys.all])

    return Links(
        stores=_things(stores, store_of.get("stores")),
        products=_things(products, product_of.get("products")),
        customers=within_stores(customers, customer_of.get("customers")),
        orders=within_stores(orders, order_of.get("orders")),
        store_of=store_of,
        product_of=product_of,
        customer_of=customer_of,
        order_of=order_of,
        users_stores=users_stores,
    )


def listed_codes(users: Table, column: str) -> Sequence[Sequence[str]]:
    """The codes between the semicolons of each cell, in order and each once."""
    return [
        list(dict.fromkeys(code for part in cell.split(";") if (code := part.strip())))
        for cell in texts_of(users, column)
    ]


def _things(keys: Keys, described: Numbers | None, stores: Sequence[int] = ()) -> Things:
    rows = np.full(len(keys), NOWHERE, np.int64)
    if described is not None:
        there = np.flatnonzero(described != NO_CODE)
        rows[described[there]] = there
    return Things(
        keys, keys.identifiers(), rows, np.zeros(len(keys), bool), np.array(stores, np.int32)
    )
