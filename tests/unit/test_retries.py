"""A lost connection is worth another try within the deadline; nothing else is."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from zava_server.infrastructure import retries
from zava_server.infrastructure.errors import Busy, DatabaseLost, QueryTimeout, ZavaError
from zava_server.infrastructure.retries import again_when_lost


class Work:
    """Fails in the given ways, one after the other, and then succeeds."""

    def __init__(self, *failures: Exception) -> None:
        self._failures = list(failures)
        self.attempts = 0

    async def __call__(self) -> str:
        self.attempts += 1
        if self._failures:
            raise self._failures.pop(0)
        return "rows"


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "_PAUSES_SECONDS", (0.001, 0.002, 0.004))


async def made(work: Callable[[], Awaitable[str]], seconds: float = 10) -> str:
    by = asyncio.get_running_loop().time() + seconds
    return await again_when_lost(work, lambda error: isinstance(error, DatabaseLost), by=by)


async def test_a_lost_connection_is_made_up_for() -> None:
    work = Work(DatabaseLost("lost"), DatabaseLost("lost again"))
    assert await made(work) == "rows"
    assert work.attempts == 3


async def test_after_some_attempts_the_loss_is_told() -> None:
    work = Work(*(DatabaseLost(f"lost {number}") for number in range(9)))
    with pytest.raises(DatabaseLost, match="lost 3"):
        await made(work)
    assert work.attempts == 4


@pytest.mark.parametrize("error", [QueryTimeout("late"), Busy("full"), ValueError("ours")])
async def test_no_other_error_is_worth_another_try(error: Exception) -> None:
    work = Work(error)
    with pytest.raises(type(error)):
        await made(work)
    assert work.attempts == 1


async def test_a_timeout_in_a_second_attempt_is_told_as_such() -> None:
    work = Work(DatabaseLost("lost"), QueryTimeout("late"))
    with pytest.raises(QueryTimeout):
        await made(work)
    assert work.attempts == 2


async def test_no_attempt_begins_after_the_deadline() -> None:
    work = Work(DatabaseLost("lost"))
    with pytest.raises(DatabaseLost):
        await made(work, seconds=0)
    assert work.attempts == 1


async def test_an_attempt_that_reaches_the_deadline_ends_with_the_loss() -> None:
    attempts: list[int] = []

    async def lost_and_then_endless() -> str:
        attempts.append(1)
        if len(attempts) > 1:
            await asyncio.Event().wait()
        raise DatabaseLost("lost")

    with pytest.raises(ZavaError, match="lost"):
        await made(lost_and_then_endless, seconds=0.05)
    assert len(attempts) == 2


async def test_a_cancelled_call_is_not_made_again() -> None:
    begun = asyncio.Event()
    attempts: list[int] = []

    async def endless() -> str:
        attempts.append(1)
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    call = asyncio.create_task(made(endless))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert len(attempts) == 1
