"""Keeps answers to what is asked often, for each asker apart, until what they tell of changes."""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar, cast
from uuid import UUID

from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from zava_server.infrastructure.cache.changes import Changes
from zava_server.infrastructure.cache.memory import MemoryStore
from zava_server.infrastructure.cache.shared_calls import SharedCalls

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from pydantic import TypeAdapter

    from zava_server.infrastructure.cache.store import Found, Place

T = TypeVar("T")

_MOST_BYTES_EACH = 1024**2


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, by whom, and on which topics the answer depends.

    `asker` is all that decides what they may see, `arguments` all else that changes the answer:
    both of texts, numbers, UUIDs, None and sequences of these.
    """

    kind: str
    asker: Sequence[object]
    arguments: Sequence[object]
    topics: Sequence[str]


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """Hits and misses by kind of question, and what memory holds. Whoever joins a call hits."""

    hits: Mapping[str, int]
    misses: Mapping[str, int]
    entries: int
    bytes: int


@dataclass(frozen=True, slots=True)
class CacheStatus:
    """Where answers are kept: `memory`, `redis` or `nowhere`.

    `trouble` is why memory stands in for Redis, `silence` why changes are not told of, so that
    answers are kept for a second only; each one sentence, None where all is well.
    """

    place: str
    trouble: str | None
    silence: str | None


class Cache:
    """Answers kept for `seconds` at most; 0 keeps none.

    A new answer is computed once for all who ask the same at the same time. Failures are not kept.
    While the database would not tell of a change, answers hold for the second in which they began.
    """

    def __init__(
        self,
        place: Place,
        changes: Changes,
        *,
        seconds: float,
        scope: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`changes` are those of `place`; `scope` is what all answers of this server depend on."""
        self._place = place
        self._changes = changes
        self._seconds = seconds
        self._scope = tuple(scope)
        self._clock = clock
        self._calls: SharedCalls[tuple[str, tuple[str, ...]], Any] = SharedCalls()
        self._hits: Counter[str] = Counter()
        self._misses: Counter[str] = Counter()

    @classmethod
    def off(cls) -> Cache:
        """One that keeps nothing."""
        memory = MemoryStore()
        return cls(memory, Changes(memory), seconds=0)

    async def answer(
        self,
        question: Question,
        codec: TypeAdapter[T],
        compute: Callable[[], Coroutine[object, object, T]],
        is_worth_keeping: Callable[[T], bool],
    ) -> T:
        """The answer, kept or computed; `codec` is of its type. Raises what `compute` raises."""
        if not self._seconds:
            return await compute()
        is_told = self._changes.would_be_told(question.topics)
        key = self._key(question, None if is_told else int(self._clock()))
        found = await self._place.find(key, question.topics)
        if found.entry is not None:
            try:
                answer = codec.validate_json(found.entry)
            except ValidationError:
                # Of another version that calls itself the same.
                pass
            else:
                self._hits[question.kind] += 1
                return answer
        call = (key, found.generations)
        (self._hits if call in self._calls else self._misses)[question.kind] += 1

        async def computed() -> T:
            answer = await compute()
            # A standby may have taken over meanwhile.
            is_sure = not is_told or self._changes.would_be_told(question.topics)
            if is_sure and is_worth_keeping(answer):
                seconds = self._seconds if is_told else min(1, self._seconds)
                await self._keep(key, found, codec, answer, seconds)
            return answer

        return cast("T", await self._calls.share(call, computed))

    def figures(self) -> CacheFigures:
        """What it was good for so far."""
        return CacheFigures(
            dict(self._hits), dict(self._misses), self._place.entries, self._place.size
        )

    def status(self) -> CacheStatus:
        """How it does."""
        if not self._seconds:
            return CacheStatus("nowhere", None, None)
        return CacheStatus(self._place.name, self._place.trouble, self._changes.silence)

    def _key(self, question: Question, second: int | None) -> str:
        parts = [self._scope, question.kind, question.asker, question.arguments, second]
        return hashlib.sha256(json.dumps(parts, default=_plain).encode()).hexdigest()

    async def _keep(
        self, key: str, found: Found, codec: TypeAdapter[T], answer: T, seconds: float
    ) -> None:
        try:
            entry = codec.dump_json(answer)
        except PydanticSerializationError:
            # Half a character of the caller's in a notice.
            return
        if len(entry) <= _MOST_BYTES_EACH:
            await self._place.keep(key, found, entry, seconds)


def _plain(value: object) -> str:
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be part of a question")
