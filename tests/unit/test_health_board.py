"""Health knows since when a part is as it is, and waits for none for long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from zava_server.infrastructure import health
from zava_server.infrastructure.health import Finding, HealthBoard, Status


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_GOOD_FOR_SECONDS", 0.0)


async def test_since_changes_with_the_status_only() -> None:
    now = Finding(Status.OK)

    async def probe() -> Mapping[str, Finding]:
        return {"cache": now}

    board = HealthBoard()
    board.register(probe, "cache")
    (first,) = await board.look()
    (second,) = await board.look()
    assert second.since == first.since
    now = Finding(Status.DEGRADED, "Redis cannot be reached: using memory.")
    (third,) = await board.look()
    assert third.since > first.since
    assert third.finding.reason == "Redis cannot be reached: using memory."


async def test_a_part_that_does_not_answer_is_down_and_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "_PROBE_SECONDS", 0.05)

    async def hangs() -> Mapping[str, Finding]:
        await asyncio.Event().wait()
        return {}

    async def answers() -> Mapping[str, Finding]:
        return {"disk": Finding()}

    board = HealthBoard()
    board.register(hangs, "database", "schema")
    board.register(answers, "disk")
    found = {part.name: part.finding.status for part in await board.look()}
    assert found == {"database": Status.DOWN, "schema": Status.DOWN, "disk": Status.OK}


async def test_questions_at_the_same_time_share_one_look() -> None:
    looks = 0

    async def probe() -> Mapping[str, Finding]:
        nonlocal looks
        looks += 1
        await asyncio.sleep(0)
        return {"disk": Finding()}

    board = HealthBoard()
    board.register(probe, "disk")
    await asyncio.gather(*(board.look() for _ in range(20)))
    assert looks == 1


async def test_a_probe_takes_the_place_of_one_of_the_same_part() -> None:
    async def memory() -> Mapping[str, Finding]:
        return {"cache": Finding()}

    async def redis() -> Mapping[str, Finding]:
        return {"cache": Finding(Status.DOWN)}

    board = HealthBoard()
    board.register(memory, "cache")
    board.register(redis, "cache")
    (part,) = await board.look()
    assert part.finding.status is Status.DOWN
