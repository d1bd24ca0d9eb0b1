"""Answers of a service, kept for equal questions of the same caller."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from pydantic import TypeAdapter

from zava_server.infrastructure.cache.cache import Cache, Question
from zava_server.infrastructure.cache.changes import PEOPLE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime

    from zava_server.data.identity import Identity

T = TypeVar("T")


class KeptAnswers(Generic[T]):
    """Answers of one kind, until one of its topics changes."""

    def __init__(self, cache: Cache | None, kind: str, of: type[T], *topics: str) -> None:
        """`of` is their type, a frozen dataclass or a list of such. Without a cache, none is."""
        self._cache = cache or Cache.off()
        self._kind = kind
        self._of = of
        # Whoever loses a right loses what it gave.
        self._topics = sorted({PEOPLE, *topics})

    async def get(
        self,
        identity: Identity,
        arguments: Sequence[object],
        compute: Callable[[], Coroutine[object, object, T]],
        is_worth_keeping: Callable[[T], bool] = lambda _: True,
    ) -> T:
        """What `compute` gives, or gave before. `arguments` are all that it depends on otherwise.

        Raises what `compute` raises.
        """
        question = Question(self._kind, _all_of(identity), arguments, self._topics)
        return await self._cache.answer(question, self._codec, compute, is_worth_keeping)

    @cached_property
    def _codec(self) -> TypeAdapter[T]:
        # Made with the first answer: it takes some milliseconds, and a start needs none.
        return TypeAdapter(self._of)


def minute(now: datetime) -> str:
    """What stands for "now" in the arguments of figures that end there."""
    return now.replace(second=0, microsecond=0).isoformat()


def _all_of(identity: Identity) -> Sequence[object]:
    return (
        identity.user_id,
        identity.handle,
        identity.display_name,
        identity.role,
        sorted(identity.permissions),
        identity.version,
        identity.store_ids,
        identity.store_names,
    )
