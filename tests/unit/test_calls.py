"""A server that stops lets calls finish for a while, then ends them with an error."""

from __future__ import annotations

import asyncio

import pytest

from zava_server.infrastructure import calls
from zava_server.infrastructure.calls import CallsUnderWay
from zava_server.infrastructure.errors import DatabaseUnavailable


@pytest.fixture(autouse=True)
def _nothing_to_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "_SECONDS_TO_ANSWER", 0)


async def call(under_way: CallsUnderWay, until: asyncio.Event, begun: asyncio.Event) -> str:
    async with under_way.one():
        begun.set()
        await until.wait()
        return "rows"


async def begun_call(under_way: CallsUnderWay, until: asyncio.Event) -> asyncio.Task[str]:
    begun = asyncio.Event()
    task = asyncio.create_task(call(under_way, until, begun))
    await begun.wait()
    return task


async def test_calls_that_finish_in_time_are_answered() -> None:
    under_way, until = CallsUnderWay(), asyncio.Event()
    tasks = [await begun_call(under_way, until) for _ in range(3)]
    stopping = asyncio.create_task(under_way.finish(10))
    await asyncio.sleep(0)
    assert not stopping.done()
    until.set()
    await stopping
    assert [await task for task in tasks] == ["rows"] * 3


async def test_calls_that_take_longer_end_with_an_error() -> None:
    under_way = CallsUnderWay()
    task = await begun_call(under_way, asyncio.Event())
    await under_way.finish(0.01)
    with pytest.raises(DatabaseUnavailable, match="The server is stopping"):
        await task


async def test_no_call_begins_while_the_server_stops() -> None:
    under_way, until = CallsUnderWay(), asyncio.Event()
    task = await begun_call(under_way, until)
    stopping = asyncio.create_task(under_way.finish(10))
    await asyncio.sleep(0)
    with pytest.raises(DatabaseUnavailable, match="The server is stopping"):
        await call(under_way, until, asyncio.Event())
    until.set()
    await stopping
    assert await task == "rows"


async def test_a_timeout_of_the_calls_own_stays_one() -> None:
    with pytest.raises(TimeoutError):
        async with CallsUnderWay().one():
            raise TimeoutError
