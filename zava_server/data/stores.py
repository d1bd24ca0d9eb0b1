"""The chain's stores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from zava_server.data.identity import Identity
    from zava_server.data.transactions import ReadTransactions

_STORES = """
SELECT store_id, name, location, is_online, time_zone
FROM retail.stores
ORDER BY is_online, name
"""


@dataclass(frozen=True, slots=True)
class Store:
    """A store; `time_zone` is an IANA name."""

    store_id: UUID
    name: str
    location: str
    is_online: bool
    time_zone: str


class Stores:
    """Reads the stores, which everybody may know."""

    def __init__(self, transactions: ReadTransactions) -> None:
        self._transactions = transactions

    async def all(self, identity: Identity) -> Sequence[Store]:
        """Every store, the online shop last."""
        async with self._transactions.read_as(identity) as transaction:
            rows = await transaction.connection.fetch(_STORES)
        return [Store(**row) for row in rows]
