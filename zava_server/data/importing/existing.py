"""What of the files' stores, products, customers and orders the database has already.

What is found is locked as a foreign key would lock it: until the import ends, nobody deletes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from zava_server.data.binary_copy import Kind
from zava_server.data.importing.staging import EncodedRows, stage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg
    from numpy.typing import NDArray

    from zava_server.data.importing.links import Links, Things

_STORES = "SELECT store_id, name, time_zone FROM retail.stores FOR KEY SHARE"

_ASKED = """
CREATE TEMPORARY TABLE IF NOT EXISTS asked_products (number integer, sku text) ON COMMIT DROP;
TRUNCATE asked_products;
CREATE TEMPORARY TABLE IF NOT EXISTS asked_emails
    (number integer, store_id uuid, id uuid, email text) ON COMMIT DROP;
"""

_PRODUCTS = """
SELECT a.number, p.product_id
FROM asked_products AS a JOIN retail.products AS p USING (sku)
FOR KEY SHARE OF p
"""
_CUSTOMERS = """
SELECT a.number
FROM asked_pairs AS a
JOIN retail.customers AS c ON c.store_id = a.store_id AND c.customer_id = a.id
FOR KEY SHARE OF c
"""
_ORDERS = """
SELECT a.number
FROM asked_pairs AS a
JOIN retail.orders AS o ON o.store_id = a.store_id AND o.order_id = a.id
FOR KEY SHARE OF o
"""
# Customers whose address belongs to another one, who keeps it.
_TAKEN_EMAILS = """
SELECT a.number
FROM asked_emails AS a
JOIN retail.customers AS c ON c.store_id = a.store_id AND c.email = a.email
WHERE c.customer_id <> a.id
    AND NOT EXISTS (
        SELECT FROM asked_emails AS other
        WHERE other.store_id = c.store_id AND other.id = c.customer_id
    )
"""
_ZONES = "SELECT name FROM pg_timezone_names"

_PAIR = {"number": Kind.INTEGER, "store_id": Kind.UUID, "id": Kind.UUID}


@dataclass(frozen=True, slots=True)
class KnownStore:
    """A store in the database."""

    name: str
    time_zone: str


class Existing:
    """Asks the database, and marks what it knows. Within the import's transaction."""

    def __init__(self, owner: asyncpg.Connection) -> None:
        self._owner = owner

    async def mark(self, links: Links) -> Mapping[bytes, KnownStore]:
        """Fills in `known` and the UUIDs of products; returns all the stores there are by UUID."""
        await self._owner.execute(_ASKED)
        stores = {
            row["store_id"].bytes: KnownStore(row["name"], row["time_zone"])
            for row in await self._owner.fetch(_STORES)
        }
        there = links.stores
        there.known[:] = [identifier.tobytes() in stores for identifier in there.ids]
        await self._mark_products(links.products)
        await self._mark_pairs(links, links.customers, _CUSTOMERS)
        await self._mark_pairs(links, links.orders, _ORDERS)
        return stores

    async def taken_emails(self, links: Links, emails: Mapping[int, str]) -> Sequence[int]:
        """Which of these customers, by number, have the e-mail address of one who keeps it."""
        stores, customers = links.stores.ids, links.customers
        await self._owner.copy_records_to_table(
            "asked_emails",
            records=[
                (
                    number,
                    UUID(bytes=stores[customers.stores[number]].tobytes()),
                    UUID(bytes=customers.ids[number].tobytes()),
                    email,
                )
                for number, email in emails.items()
            ],
        )
        return [row["number"] for row in await self._owner.fetch(_TAKEN_EMAILS)]

    async def time_zones(self) -> frozenset[str]:
        """The names that the database knows."""
        return frozenset(row["name"] for row in await self._owner.fetch(_ZONES))

    async def _mark_products(self, products: Things) -> None:
        await self._owner.copy_records_to_table(
            "asked_products",
            records=[(number, sku) for number, (sku,) in enumerate(products.keys.all)],
        )
        for row in await self._owner.fetch(_PRODUCTS):
            products.known[row["number"]] = True
            products.ids[row["number"]] = np.frombuffer(row["product_id"].bytes, np.uint8)

    async def _mark_pairs(self, links: Links, things: Things, query: str) -> None:
        pairs: Mapping[str, NDArray[Any]] = {
            "number": np.arange(len(things.keys)),
            "store_id": links.stores.ids[things.stores],
            "id": things.ids,
        }
        await stage(self._owner, "asked_pairs", EncodedRows.of(_PAIR, pairs))
        found = await self._owner.fetch(query)
        things.known[[row["number"] for row in found]] = True
