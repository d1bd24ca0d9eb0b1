"""Stock alerts of the caller's stores."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from zava_server.business.kept_answers import KeptAnswers, minute
from zava_server.business.own_stores import own_stores
from zava_server.business.stock import KINDS, StockAdvice, advice, stock_rules
from zava_server.infrastructure.cache.changes import CATALOGUE, SALES, STOCK
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from zava_server.data.identity import Identity
    from zava_server.data.performance import Performance
    from zava_server.infrastructure.cache.cache import Cache

_MOST_OF_A_KIND = 500


class StockAlertsService:
    """Says what is out of stock, what to order and what lies."""

    def __init__(
        self,
        performance: Performance,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        cache: Cache | None = None,
    ) -> None:
        self._performance = performance
        self._now = now
        self._kept = KeptAnswers(cache, "stock_alerts", list[StockAdvice], SALES, STOCK, CATALOGUE)

    async def alerts(
        self, identity: Identity, store: str | None, kind: str | None, limit: int
    ) -> Sequence[StockAdvice]:
        """The most urgent alerts, `limit` of each kind at most, of one kind or of all.

        Raises AuthorizationError, ValidationError.
        """
        store_ids = own_stores(identity, store)
        if kind is not None and kind not in KINDS:
            raise ValidationError(f"kind must be one of: {', '.join(KINDS)}.")
        if not 1 <= limit <= _MOST_OF_A_KIND:
            raise ValidationError(f"limit must be from 1 to {_MOST_OF_A_KIND}.")
        now = self._now()
        return await self._kept.get(
            identity,
            (store_ids, kind, limit, minute(now)),
            lambda: self._computed(identity, store_ids, kind, limit, now),
        )

    async def _computed(
        self,
        identity: Identity,
        store_ids: Sequence[UUID],
        kind: str | None,
        limit: int,
        now: datetime,
    ) -> list[StockAdvice]:
        async with self._performance.read_as(identity) as reader:
            clocks = await reader.stores(store_ids, now)
            local = now.astimezone(ZoneInfo(clocks[0].time_zone)).replace(tzinfo=None)
            found = await reader.stock_alerts(store_ids, stock_rules(local, limit))
        return [advice(alert) for alert in found if kind in (None, alert.kind)]
