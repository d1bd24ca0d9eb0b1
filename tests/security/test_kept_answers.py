"""What is kept for one caller is never given to another, whatever is asked in whatever order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.conftest import Staff
from zava_server.business.schemas import SchemaService
from zava_server.business.stock_alerts import StockAlertsService
from zava_server.business.store_performance import StorePerformanceService
from zava_server.business.top_products import TopProductsService
from zava_server.data.identity import Identity
from zava_server.data.performance import Performance
from zava_server.data.schemas import Schemas
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.cache.cache import Cache
from zava_server.infrastructure.cache.changes import TOPICS, Changes
from zava_server.infrastructure.cache.memory import MemoryStore
from zava_server.infrastructure.errors import ZavaError

NOW = datetime.now(UTC)
HANDLES = (
    "seattle", "bellevue", "tacoma", "spokane", "online", "puget-sound", "head-office",
    "catalogue-agent",
)  # fmt: skip

Ask = Callable[[Identity], Awaitable[Any]]


def questions(transactions: ReadTransactions, cache: Cache | None) -> list[Ask]:
    performance = Performance(transactions)
    stores = StorePerformanceService(performance, lambda: NOW, cache)
    tops = TopProductsService(performance, lambda: NOW, cache)
    alerts = StockAlertsService(performance, lambda: NOW, cache)
    schemas = SchemaService(Schemas(transactions), cache)
    return [
        lambda who: stores.performance(who, None, "2025"),
        lambda who: stores.performance(who, "Seattle", "2025"),
        lambda who: tops.top(who, None, "2025", ranking="revenue", category=None, limit=3),
        lambda who: alerts.alerts(who, None, None, 3),
        lambda who: schemas.describe(who, []),
        lambda who: schemas.describe(who, ["orders", "customers"]),
    ]


def believing() -> Cache:
    store = MemoryStore()
    changes = Changes(store)
    changes.heard(float("inf"), TOPICS)
    return Cache(store, changes, seconds=300)


async def told(ask: Ask, who: Identity) -> Any:
    """The answer without its time, or the error."""
    try:
        answer = await ask(who)
    except ZavaError as error:
        return type(error), str(error)
    answers = answer if isinstance(answer, list) else [answer]
    return [{k: v for k, v in asdict(one).items() if k != "elapsed_ms"} for one in answers]


@pytest.mark.parametrize("seed", range(3))
async def test_everybody_is_told_what_they_are_told_without_a_cache(
    transactions: ReadTransactions, staff: Staff, seed: int
) -> None:
    cache = believing()
    kept, fresh = questions(transactions, cache), questions(transactions, None)
    asked = [(number, handle) for number in range(len(kept)) for handle in HANDLES] * 2
    random.Random(seed).shuffle(asked)
    wanted = {
        (number, handle): await told(fresh[number], staff[handle]) for number, handle in set(asked)
    }
    for first in range(0, len(asked), 4):
        some = asked[first : first + 4]
        answers = await asyncio.gather(*(told(kept[n], staff[handle]) for n, handle in some))
        assert list(answers) == [wanted[one] for one in some]
    assert sum(cache.figures().hits.values()) > 0


async def test_whoever_loses_a_store_is_not_given_its_figures_any_more(
    transactions: ReadTransactions, staff: Staff
) -> None:
    stores = StorePerformanceService(Performance(transactions), lambda: NOW, believing())
    boss, seattle = staff["head-office"], staff["seattle"]
    everything = await stores.performance(boss, None, "2025")
    # Somebody of the same name, with another version, role and stores.
    demoted = replace(
        boss,
        user_id=seattle.user_id,
        role=seattle.role,
        version=boss.version + 1,
        store_ids=seattle.store_ids,
        store_names=seattle.store_names,
    )
    after = await stores.performance(demoted, None, "2025")
    assert after.current.revenue != everything.current.revenue
    assert after.store == "Seattle"
