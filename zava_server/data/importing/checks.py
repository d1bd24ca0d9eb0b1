"""What rows must fulfil towards other rows: keys, references, names that only one may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.importing.links import NOWHERE
from zava_server.data.importing.tables import NO_CODE, texts_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from numpy.typing import NDArray

    from zava_server.data.importing.existing import Existing, KnownStore
    from zava_server.data.importing.links import Links, Things
    from zava_server.data.importing.tables import Flags, Table


def check_keys(tables: Mapping[str, Table], links: Links) -> None:
    """Every row whose key another row of the file has as well is bad."""
    numbers: dict[str, NDArray[np.integer]] = {}
    for name, of in (
        ("stores", links.store_of),
        ("products", links.product_of),
        ("customers", links.customer_of),
        ("orders", links.order_of),
    ):
        if name in tables:
            numbers[name] = of[name]
    if "inventory" in tables:
        stores, products = links.store_of["inventory"], links.product_of["inventory"]
        pairs = stores.astype(np.int64) * len(links.products.keys) + products
        pairs[(stores == NO_CODE) | (products == NO_CODE)] = NO_CODE
        numbers["inventory"] = pairs
    if "users" in tables:
        numbers["users"] = tables["users"].codes["handle"].numbers
    for name, keys in numbers.items():
        *within, column = tables[name].format.key
        key = " and ".join([*within, column])
        _reject_repeated(tables[name], keys, column, f"{{}} rows of the file have this {key}")


def check_references(
    tables: Mapping[str, Table], links: Links, unreadable: Collection[str]
) -> None:
    """Every row that speaks of something that neither a file nor the database has is bad.

    What stands in a bad row counts as there: that row is the one to mend. So does everything of a
    kind whose file is `unreadable`.
    """
    homeless = {name: np.zeros(table.size, bool) for name, table in tables.items()}
    if "stores" not in unreadable:
        for name in links.store_of.keys() & tables.keys():
            homeless[name] = _missing(links.stores, links.store_of[name])
            tables[name].reject(homeless[name], "store_code", "there is no such store")
    if "products" not in unreadable:
        for name in links.product_of.keys() & tables.keys():
            missing = _missing(links.products, links.product_of[name])
            tables[name].reject(missing, "sku", "there is no such product")
    # Where the store does not exist, the rest of the key needs no complaint.
    if "customers" not in unreadable and "orders" in tables:
        missing = _missing(links.customers, links.customer_of["orders"]) & ~homeless["orders"]
        tables["orders"].reject(missing, "customer_code", "the store has no such customer")
    if "orders" not in unreadable and "order_items" in tables:
        missing = _missing(links.orders, links.order_of["order_items"]) & ~homeless["order_items"]
        tables["order_items"].reject(missing, "order_code", "the store has no such order")


def check_store_names(stores: Table, links: Links, known: Mapping[bytes, KnownStore]) -> None:
    """People call stores by their names, so no two may have the same."""
    names = texts_of(stores, "name")
    _reject_repeated(stores, _numbered(names), "name", "{} stores of the file have this name")
    here = {identifier.tobytes() for identifier in links.stores.ids[links.stores.rows != NOWHERE]}
    taken = {store.name for identifier, store in known.items() if identifier not in here}
    rows = np.fromiter((name in taken for name in names), bool, stores.size)
    stores.reject(rows, "name", "another store in the database has this name")


def check_time_zones(stores: Table, known: Collection[str]) -> None:
    """The zones must mean the same to Python and to PostgreSQL."""
    zones = stores.codes["time_zone"]
    unknown = np.array([*(text not in known for text in zones.texts), False])
    stores.reject(unknown[zones.numbers], "time_zone", "is no IANA time zone such as Europe/Paris")


async def check_emails(customers: Table, links: Links, existing: Existing) -> None:
    """Within a store an e-mail address is one customer's."""
    emails, numbers = texts_of(customers, "email"), links.customer_of["customers"]
    stores = links.store_of["customers"].tolist()
    given = [
        (store, email) if email and store != NO_CODE else None
        for store, email in zip(stores, emails, strict=True)
    ]
    _reject_repeated(
        customers, _numbered(given), "email", "{} customers of the store have this address"
    )
    asked = {
        number: emails[row]
        for row, number in enumerate(numbers.tolist())
        if emails[row] and not customers.bad[row]
    }
    taken = np.zeros(len(links.customers.keys) + 1, bool)
    taken[await existing.taken_emails(links, asked)] = True
    customers.reject(
        taken[numbers], "email", "another customer of the store in the database has this address"
    )


def _missing(things: Things, numbers: NDArray[np.int32]) -> Flags:
    # NO_CODE is the last position, where nothing is missing.
    absent = np.append(~things.known & (things.rows == NOWHERE), False)
    missing: Flags = absent[numbers]
    return missing


def _numbered(values: Sequence[object]) -> NDArray[np.int64]:
    """The same number for the same value; NO_CODE for None and the empty text."""
    known: dict[object, int] = {}
    return np.fromiter(
        (known.setdefault(value, len(known)) if value else NO_CODE for value in values),
        np.int64,
        len(values),
    )


def _reject_repeated(table: Table, numbers: NDArray[np.integer], column: str, reason: str) -> None:
    """Rejects all rows whose number other rows have too; `reason` takes how many they are."""
    _, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    times = np.where(numbers == NO_CODE, 1, counts[places])
    for count in np.unique(times[times > 1]).tolist():
        table.reject(times == count, column, reason.format(f"{count:,}"))
