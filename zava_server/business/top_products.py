"""The products that sold best or changed most in a period."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from zava_server.business.kept_answers import KeptAnswers, minute
from zava_server.business.own_stores import own_stores
from zava_server.business.periods import Span, periods_at
from zava_server.business.store_windows import UNSURE, windows_of
from zava_server.data.top_products import RANKINGS, ProductDays, ProductMonths, ProductSales
from zava_server.infrastructure.cache.changes import CATALOGUE, SALES
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from uuid import UUID

    from zava_server.data.identity import Identity
    from zava_server.data.performance import Performance, Window
    from zava_server.infrastructure.cache.cache import Cache

_MOST_PRODUCTS = 200


@dataclass(frozen=True, slots=True)
class TopProducts:
    """The ranked products, first to last, and the period."""

    name: str
    span: Span
    products: Sequence[ProductSales]


class TopProductsService:
    """Ranks products."""

    def __init__(
        self,
        performance: Performance,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        cache: Cache | None = None,
    ) -> None:
        self._performance = performance
        self._now = now
        self._kept = KeptAnswers(cache, "top_products", TopProducts, SALES, CATALOGUE)

    async def top(
        self,
        identity: Identity,
        store: str | None,
        time_period: str,
        *,
        ranking: str,
        category: str | None,
        limit: int,
    ) -> TopProducts:
        """The first `limit` products of the caller's store or stores by one of `RANKINGS`.

        Growth and decline are those of revenue against the period before. Raises
        AuthorizationError, ValidationError.
        """
        store_ids = own_stores(identity, store)
        if ranking not in RANKINGS:
            raise ValidationError(f"by must be one of: {', '.join(RANKINGS)}.")
        if not 1 <= limit <= _MOST_PRODUCTS:
            raise ValidationError(f"limit must be from 1 to {_MOST_PRODUCTS}.")
        now = self._now()
        periods_at(time_period, now.replace(tzinfo=None))
        return await self._kept.get(
            identity,
            (store_ids, time_period.strip(), ranking, category, limit, minute(now)),
            lambda: self._computed(identity, store_ids, time_period, ranking, category, limit, now),
        )

    async def _computed(
        self,
        identity: Identity,
        store_ids: Sequence[UUID],
        time_period: str,
        ranking: str,
        category: str | None,
        limit: int,
        now: datetime,
    ) -> TopProducts:
        def spans(local: datetime) -> dict[str, Span]:
            periods = periods_at(time_period, local)
            return {"current": periods.current, "previous": periods.previous}

        async with self._performance.read_as(identity) as reader:
            clocks = await reader.stores(store_ids, now)
            zones = {clock.store_id: ZoneInfo(clock.time_zone) for clock in clocks}
            windows = windows_of(clocks, spans, now)
            if not all(clock.has_monthly_products for clock in clocks):
                # Lines are read: about as many as there would be sums.
                windows = [
                    replace(window, months=None, loose_days=[(window.start, window.until)])
                    for window in windows
                ]
            products = await reader.top_products(
                [
                    ProductMonths(w.period == "current", w.store_id, *w.months)
                    for w in windows
                    if w.months is not None
                ],
                [days for w in windows for days in _days(w, zones[w.store_id])],
                ranking=ranking,
                category=category,
                limit=limit,
            )
        local = now.astimezone(ZoneInfo(clocks[0].time_zone)).replace(tzinfo=None)
        return TopProducts(time_period.strip(), spans(local)["current"], products)


def _days(window: Window, zone: ZoneInfo) -> Iterator[ProductDays]:
    is_current = window.period == "current"
    for start, until in window.loose_days:
        since = datetime.combine(start, time.min, zone).astimezone(UTC) - UNSURE
        before = datetime.combine(until, time.min, zone).astimezone(UTC) + UNSURE
        yield ProductDays(is_current, window.store_id, start, until, since, before)
    if window.cut is not None:
        yield ProductDays(
            is_current,
            window.store_id,
            window.until,
            window.until + timedelta(days=1),
            window.cut.day_since,
            window.cut.at,
        )
