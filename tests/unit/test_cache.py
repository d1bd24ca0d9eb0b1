"""Answers are kept, for each asker apart, until a topic of theirs changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from zava_server.business.kept_answers import KeptAnswers
from zava_server.data.identity import DATABASE_ROLES, Identity
from zava_server.infrastructure.cache.cache import Cache, Question
from zava_server.infrastructure.cache.changes import CATALOGUE, PEOPLE, SALES, TOPICS, Changes
from zava_server.infrastructure.cache.memory import MemoryStore
from zava_server.infrastructure.errors import DatabaseUnavailable


@dataclass(frozen=True, slots=True)
class Answer:
    text: str


CODEC = TypeAdapter(Answer)
SEATTLE = UUID(int=1)


class Shop:
    """Computes answers when told to, and counts; with a cache before it."""

    def __init__(
        self, *, seconds: float = 300, told: bool = True, store: MemoryStore | None = None
    ):
        self.now = 1_000.0
        self.store = store or MemoryStore(clock=lambda: self.now)
        self.changes = Changes(self.store, clock=lambda: self.now)
        if told:
            self.changes.heard(self.now + 10_000, TOPICS)
        self.cache = Cache(self.store, self.changes, seconds=seconds, clock=lambda: self.now)
        self.computed = 0
        self.open = asyncio.Event()
        self.open.set()
        self.fails = False

    async def compute(self) -> Answer:
        self.computed += 1
        number = self.computed
        await self.open.wait()
        if self.fails:
            raise DatabaseUnavailable("Down.")
        return Answer(f"answer {number}")

    async def ask(
        self,
        *arguments: object,
        topics: tuple[str, ...] = (SALES,),
        is_worth_keeping: Callable[[Answer], bool] = lambda _: True,
    ) -> str:
        question = Question("sales", ("ann",), arguments, topics)
        return (await self.cache.answer(question, CODEC, self.compute, is_worth_keeping)).text


async def turns() -> None:
    """Lets every ready task run."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_answer_is_computed_once() -> None:
    shop = Shop()
    assert [await shop.ask("7d") for _ in range(3)] == ["answer 1"] * 3


async def test_other_arguments_are_another_question() -> None:
    shop = Shop()
    asked = [await shop.ask(*a) for a in (("7d",), ("8d",), (7,), ("7",), (None,), ("None",), ())]
    assert len(set(asked)) == 7


async def test_a_hundred_equal_questions_at_the_same_time_are_computed_once() -> None:
    shop = Shop()
    shop.open.clear()
    callers = [asyncio.create_task(shop.ask("7d")) for _ in range(100)]
    await turns()
    shop.open.set()
    assert set(await asyncio.gather(*callers)) == {"answer 1"}
    assert (shop.cache.figures().misses, shop.cache.figures().hits) == ({"sales": 1}, {"sales": 99})


async def test_who_leaves_early_does_not_take_the_answer_from_the_others() -> None:
    shop = Shop()
    shop.open.clear()
    first, second = (asyncio.create_task(shop.ask("7d")) for _ in range(2))
    await turns()
    first.cancel()
    await turns()
    shop.open.set()
    assert await second == "answer 1"
    assert await shop.ask("7d") == "answer 1"


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    shop = Shop()
    shop.open.clear()
    shop.fails = True
    callers = [asyncio.create_task(shop.ask("7d")) for _ in range(3)]
    await turns()
    shop.open.set()
    outcomes = await asyncio.gather(*callers, return_exceptions=True)
    assert all(isinstance(outcome, DatabaseUnavailable) for outcome in outcomes)
    shop.fails = False
    assert await shop.ask("7d") == "answer 2"


async def test_an_answer_that_is_not_worth_it_is_not_kept() -> None:
    shop = Shop()
    await shop.ask("7d", is_worth_keeping=lambda _: False)
    assert await shop.ask("7d") == "answer 2"


async def test_a_change_of_a_topic_ends_what_depends_on_it_and_nothing_else() -> None:
    shop = Shop()
    await shop.ask("7d", topics=(SALES, PEOPLE))
    await shop.ask("drill", topics=(CATALOGUE, PEOPLE))
    await shop.changes.renew([SALES])
    assert await shop.ask("7d", topics=(SALES, PEOPLE)) == "answer 3"
    assert await shop.ask("drill", topics=(CATALOGUE, PEOPLE)) == "answer 2"


async def test_a_change_of_something_unknown_may_be_of_anything() -> None:
    shop = Shop()
    await shop.ask("7d")
    await shop.changes.renew(["weather"])
    assert await shop.ask("7d") == "answer 2"


async def test_no_news_changes_nothing() -> None:
    shop = Shop()
    await shop.ask("7d")
    await shop.changes.renew([])
    assert await shop.ask("7d") == "answer 1"


async def test_what_was_computed_of_old_data_is_not_found_after_a_change() -> None:
    shop = Shop()
    shop.open.clear()
    early = asyncio.create_task(shop.ask("7d"))
    await turns()
    await shop.changes.renew([SALES])
    # Nor does who asks now wait for it.
    late = asyncio.create_task(shop.ask("7d"))
    await turns()
    shop.open.set()
    assert (await early, await late) == ("answer 1", "answer 2")
    assert await shop.ask("7d") == "answer 2"


async def test_an_answer_expires() -> None:
    shop = Shop(seconds=300)
    await shop.ask("7d")
    shop.now += 299
    assert await shop.ask("7d") == "answer 1"
    shop.now += 1
    assert await shop.ask("7d") == "answer 2"


async def test_without_time_nothing_is_kept() -> None:
    shop = Shop(seconds=0)
    assert [await shop.ask("7d") for _ in range(2)] == ["answer 1", "answer 2"]
    assert shop.cache.status().place == "nowhere"


async def test_while_no_change_would_be_told_an_answer_holds_for_its_second() -> None:
    shop = Shop(told=False)
    await shop.ask("7d")
    shop.now += 0.9
    assert await shop.ask("7d") == "answer 1"
    shop.now += 0.1
    assert await shop.ask("7d") == "answer 2"


async def test_a_silence_ends_what_was_kept_before_until_it_is_over() -> None:
    shop = Shop()
    await shop.ask("7d")
    shop.changes.silent("The connection was lost.")
    assert await shop.ask("7d") == "answer 2"
    assert shop.cache.status().silence == "The connection was lost."
    # Nothing was said to have changed.
    shop.changes.heard(shop.now + 1, TOPICS)
    assert await shop.ask("7d") == "answer 1"


async def test_a_connection_that_stays_silent_is_not_believed() -> None:
    shop = Shop(told=False)
    shop.changes.heard(shop.now + 1.5, TOPICS)
    await shop.ask("7d")
    shop.now += 1.5
    assert await shop.ask("7d") == "answer 2"


async def test_what_the_database_cannot_tell_is_not_believed() -> None:
    shop = Shop(told=False)
    shop.changes.heard(shop.now + 10_000, TOPICS - {CATALOGUE})
    await shop.ask("7d", topics=(SALES,))
    await shop.ask("drill", topics=(SALES, CATALOGUE))
    shop.now += 1
    assert await shop.ask("7d", topics=(SALES,)) == "answer 1"
    assert await shop.ask("drill", topics=(SALES, CATALOGUE)) == "answer 3"


async def test_an_answer_of_a_standby_that_took_over_meanwhile_is_not_kept() -> None:
    shop = Shop()
    shop.open.clear()
    asked = asyncio.create_task(shop.ask("7d"))
    await turns()
    shop.changes.silent("A standby does not tell of changes.")
    shop.open.set()
    await asked
    shop.changes.heard(shop.now + 10_000, TOPICS)
    assert await shop.ask("7d") == "answer 2"


async def test_memory_holds_the_answers_used_last() -> None:
    shop = Shop(store=MemoryStore(most_entries=2))
    for period in ("a", "b", "a", "c", "a", "b"):
        await shop.ask(period)
    assert shop.computed == 4
    assert shop.cache.figures().entries == 2


async def test_memory_holds_so_many_bytes() -> None:
    store = MemoryStore(most_bytes=20_000)
    shop = Shop(store=store)
    for number in range(1_000):
        await shop.ask(number)
        assert store.size <= 20_000
    assert 0 < store.entries < 1_000
    await shop.changes.renew([SALES])
    for number in range(1_000):
        await shop.ask(number)
    assert store.size <= 20_000


async def test_an_answer_that_cannot_be_written_is_given_and_not_kept() -> None:
    class Halved(Shop):
        async def compute(self) -> Answer:
            self.computed += 1
            return Answer("\ud83d")

    shop = Halved()
    assert [await shop.ask("\ud83d") for _ in range(2)] == ["\ud83d"] * 2
    assert shop.computed == 2


async def test_an_answer_of_another_form_is_computed_anew() -> None:
    shop = Shop()
    question = Question("sales", ("ann",), ("7d",), (SALES,))

    async def numbers() -> list[int]:
        return [1]

    await shop.cache.answer(question, TypeAdapter(list[int]), numbers, lambda _: True)
    assert await shop.ask("7d") == "answer 1"


IDENTITIES = st.builds(
    Identity,
    user_id=st.sampled_from([UUID(int=n) for n in range(3)]),
    handle=st.sampled_from(["ann", "bob"]),
    display_name=st.sampled_from(["Ann", "Bob"]),
    role=st.sampled_from(sorted(DATABASE_ROLES)),
    permissions=st.frozensets(st.sampled_from(["ops", "costs"])),
    version=st.integers(1, 3),
    store_ids=st.lists(st.sampled_from([UUID(int=n) for n in range(9)])).map(tuple),
    store_names=st.lists(st.sampled_from(["Seattle", "Tacoma"])).map(tuple),
)


def kept_by(shop: Shop) -> Callable[[Identity], Coroutine[object, object, str]]:
    kept = KeptAnswers(shop.cache, "sales", Answer, SALES)

    async def ask(identity: Identity) -> str:
        async def compute() -> Answer:
            return Answer(repr(identity))

        return (await kept.get(identity, ("7d",), compute)).text

    return ask


@given(st.lists(IDENTITIES, max_size=20))
def test_nobody_is_given_an_answer_to_another(identities: list[Identity]) -> None:
    async def scenario() -> None:
        shop = Shop()
        ask = kept_by(shop)
        # At the same time, and one after the other.
        for answers in (
            await asyncio.gather(*map(ask, identities)),
            [await ask(identity) for identity in identities],
        ):
            assert answers == [repr(identity) for identity in identities]
        assert shop.cache.figures().misses.get("sales", 0) == len(set(identities))

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": UUID(int=2)},
        {"role": "viewer"},
        {"version": 2},
        {"permissions": frozenset({"ops"})},
        {"store_ids": (SEATTLE, UUID(int=2))},
        {"store_ids": ()},
        {"store_names": ("Tacoma",)},
    ],
)
async def test_whoever_changes_in_any_way_is_somebody_else(change: dict[str, object]) -> None:
    ann = Identity(
        UUID(int=1), "ann", "Ann", "store_manager", frozenset(), 1, (SEATTLE,), ("Seattle",)
    )
    ask = kept_by(Shop())
    await ask(ann)
    other = replace(ann, **change)  # type: ignore[arg-type]  # each of them fits its field
    assert await ask(other) == repr(other)


async def test_a_change_of_rights_ends_every_answer() -> None:
    shop = Shop()
    kept = KeptAnswers(shop.cache, "sales", Answer, SALES)
    ann = Identity(UUID(int=1), "ann", "Ann", "store_manager", frozenset(), 1, (SEATTLE,), ("S",))
    await kept.get(ann, (), shop.compute)
    await shop.changes.renew([PEOPLE])
    assert (await kept.get(ann, (), shop.compute)).text == "answer 2"
