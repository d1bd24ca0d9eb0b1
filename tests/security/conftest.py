"""Values planted in each store that nobody else may ever be sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import pytest

from tests.conftest import Staff
from zava_server.data.identity import Identity
from zava_server.startup import Database

_NAMESPACE = UUID("b5c9f0a2-7d0e-4c53-9d4f-0a5e6c1d2f30")
_COST = Decimal("86753.09")
# What only the database's owner and the machine know: its users and its own configuration.
_OF_THE_MACHINE = ("root:x:0:0", "peer map=zava")


@dataclass(frozen=True)
class Canaries:
    """What belongs to each store, as it would look in an answer."""

    by_store: dict[UUID, frozenset[str]]
    secrets: frozenset[str]

    def foreign_to(self, identity: Identity) -> frozenset[str]:
        """Everything this user must never be sent."""
        others = (
            found for store, found in self.by_store.items() if store not in identity.store_ids
        )
        costs = {str(_COST)} if identity.role == "viewer" else set()
        return frozenset().union(self.secrets, costs, *others)

    def seen_in(self, answer: Any, identity: Identity) -> set[str]:
        """The foreign values in an answer of whatever form."""
        text = answer if isinstance(answer, str) else repr(answer)
        lowered = text.lower()
        return {canary for canary in self.foreign_to(identity) if canary.lower() in lowered}


@pytest.fixture(scope="session")
async def canaries(database: Database, staff: Staff) -> AsyncIterator[Canaries]:
    """Plants a customer, an order, a line, stock and a cost, and takes them away at the end."""
    assert database.owner is not None
    owner = await database.owner.connect()
    by_store = {}
    product = uuid5(_NAMESPACE, "product")
    await owner.execute(
        "INSERT INTO retail.products (product_id, sku, name, category_id, type_id, base_price) "
        "SELECT $1, 'CANARY', 'Canary', category_id, type_id, 1 FROM retail.product_types LIMIT 1",
        product,
    )
    await owner.execute("INSERT INTO retail.product_costs VALUES ($1, $2)", product, _COST)
    for number, (store, name) in enumerate(
        zip(staff["head-office"].store_ids, staff["head-office"].store_names, strict=True)
    ):
        by_store[store] = await _plant(owner, store, name, number, product)
    keys = await owner.fetch("SELECT inner_block, outer_block FROM identity.signing_keys")
    secrets = {block.hex() for row in keys for block in row}
    yield Canaries(by_store, frozenset(secrets.union(_OF_THE_MACHINE)))
    # Others may have sold it meanwhile.
    await owner.execute("DELETE FROM retail.order_items WHERE product_id = $1", product)
    await owner.execute("DELETE FROM retail.inventory WHERE product_id = $1", product)
    for table in ("order_items", "orders", "customers", "inventory"):
        await owner.execute(
            f"DELETE FROM retail.{table} WHERE created_at = timestamptz '2020-02-02'"
        )
    await owner.execute("DELETE FROM retail.product_costs WHERE product_id = $1", product)
    await owner.execute("DELETE FROM retail.products WHERE product_id = $1", product)
    await owner.close()


async def _plant(
    owner: asyncpg.Connection, store: UUID, name: str, number: int, product: UUID
) -> frozenset[str]:
    customer, order = uuid5(_NAMESPACE, f"customer {name}"), uuid5(_NAMESPACE, f"order {name}")
    email = f"canary-{name.lower()}@canary.example"
    first, last = f"Firstcanary{name}", f"Lastcanary{name}"
    amount = Decimal(f"3141592{number}.{number}{number}")
    stock = 271828180 + number
    since = "timestamptz '2020-02-02'"
    await owner.execute(
        f"INSERT INTO retail.customers VALUES ($1, $2, $3, $4, $5, {since})",
        *(store, customer, first, last, email),
    )
    await owner.execute(
        f"INSERT INTO retail.orders VALUES ($1, $2, $3, {since}, 'completed', $4, {since})",
        *(store, order, customer, amount),
    )
    await owner.execute(
        f"INSERT INTO retail.order_items VALUES ($1, $2, 1, $3, 1, $4, 0, $4, {since})",
        *(store, order, product, amount),
    )
    await owner.execute(
        f"INSERT INTO retail.inventory VALUES ($1, $2, $3, 0, {since})", store, product, stock
    )
    managers = await owner.fetch(
        "SELECT user_id FROM identity.users JOIN identity.user_stores USING (user_id) "
        "WHERE store_id = $1 AND role = 'store_manager'",
        store,
    )
    return frozenset(
        {email, first, last, str(amount), str(stock), str(customer), str(order)}
        | {str(row["user_id"]) for row in managers}
    )
