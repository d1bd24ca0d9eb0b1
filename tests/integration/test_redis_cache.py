"""Several servers share their answers in Redis, and do without it when it is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
from pydantic import SecretStr, TypeAdapter

from tests.integration.redis_server import RedisServer, redis_server
from tests.integration.states import until, until_it_is
from zava_server.backend import Backend
from zava_server.infrastructure.cache.cache import Cache, Question
from zava_server.infrastructure.cache.changes import CATALOGUE, SALES, TOPICS, Changes
from zava_server.infrastructure.cache.memory import MemoryStore
from zava_server.infrastructure.cache.redis_or_memory import RedisOrMemory
from zava_server.infrastructure.health import Status
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database


@dataclass(frozen=True, slots=True)
class Answer:
    text: str


CODEC = TypeAdapter(Answer)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


class Server:
    """One of those that share a Redis."""

    def __init__(self, name: str, place: RedisOrMemory, seconds: float) -> None:
        self._name = name
        self.place = place
        self.changes = Changes(place)
        self.changes.heard(float("inf"), TOPICS)
        self.cache = Cache(place, self.changes, seconds=seconds)
        self.computed = 0

    async def ask(self, period: str = "7d", user: str = "ann") -> str:
        async def compute() -> Answer:
            self.computed += 1
            return Answer(f"{self._name} {self.computed}")

        question = Question("sales", (user,), (period,), (SALES,))
        return (await self.cache.answer(question, CODEC, compute, lambda _: True)).text

    async def with_redis(self) -> Server:
        await until(lambda: self.place.trouble is None)
        return self

    async def without_redis(self) -> None:
        await until(lambda: self.place.trouble is not None)


@asynccontextmanager
async def serving(
    name: str, redis: RedisServer, *, database: str = "one", seconds: float = 300, url: str = ""
) -> AsyncIterator[Server]:
    place = RedisOrMemory(url or redis.url, database, MemoryStore())
    async with place.running():
        yield Server(name, place, seconds)


async def test_servers_share_answers(redis: RedisServer) -> None:
    async with serving("a", redis) as a, serving("b", redis) as b:
        await a.with_redis()
        await b.with_redis()
        assert [await a.ask(), await b.ask()] == ["a 1", "a 1"]
        assert b.cache.figures().hits == {"sales": 1}
        assert a.cache.status().place == "redis"


async def test_users_share_none(redis: RedisServer) -> None:
    async with serving("a", redis) as a, serving("b", redis) as b:
        await a.with_redis()
        await b.with_redis()
        assert [await a.ask(user="ann"), await b.ask(user="bob")] == ["a 1", "b 1"]


async def test_databases_share_nothing(redis: RedisServer) -> None:
    async with serving("a", redis) as a, serving("b", redis, database="two") as b:
        await a.with_redis()
        await b.with_redis()
        assert [await a.ask(), await b.ask()] == ["a 1", "b 1"]
        await b.changes.renew(TOPICS)
        assert await a.ask() == "a 1"


async def test_a_change_that_one_server_hears_of_ends_the_answers_of_all(
    redis: RedisServer,
) -> None:
    async with serving("a", redis) as a, serving("b", redis) as b:
        await a.with_redis()
        await b.with_redis()
        await a.ask()
        await b.changes.renew([CATALOGUE])
        assert await a.ask() == "a 1"
        await b.changes.renew([SALES])
        assert await a.ask() == "a 2"


async def test_what_redis_has_forgotten_of_changes_does_not_bring_back_old_answers(
    redis: RedisServer,
) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        await a.ask()
        with redis.client() as client:
            for name in client.scan_iter("zava:*:generation:*"):
                client.delete(name)
        assert await a.ask() == "a 2"
        assert await a.ask() == "a 2"


async def test_redis_forgets_answers_by_itself(redis: RedisServer) -> None:
    async with serving("a", redis, seconds=300) as a:
        await a.with_redis()
        await a.ask()
        with redis.client() as client:
            (name,) = client.scan_iter("zava:one:answer:*")
            left = client.pttl(name)
        assert isinstance(left, int)
        assert 290_000 < left <= 300_000


async def test_keys_say_nothing_of_what_was_asked_or_by_whom(redis: RedisServer) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        await a.ask("a surprise for Ebenezer", user="scrooge")
        with redis.client() as client:
            names = " ".join(client.scan_iter("*"))
        assert "Ebenezer" not in names
        assert "scrooge" not in names


@pytest.mark.parametrize("end", ["stop", "kill"])
async def test_memory_stands_in_for_a_redis_that_is_gone_until_it_is_back(
    redis: RedisServer, end: str
) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        await a.ask()
        getattr(redis, end)()
        assert [await a.ask(), await a.ask()] == ["a 2", "a 2"]
        assert a.cache.status().trouble == "Redis cannot be reached."
        assert a.cache.status().place == "memory"
        redis.start()
        await a.with_redis()
        assert [await a.ask(), await a.ask()] == ["a 3", "a 3"]
        assert a.cache.status().place == "redis"


async def test_its_loss_is_noticed_without_any_question(redis: RedisServer) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        redis.kill()
        await a.without_redis()


async def test_a_redis_that_hangs_holds_up_one_question_only(redis: RedisServer) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        redis.pause()
        assert await asyncio.wait_for(a.ask(), 5) == "a 1"
        assert a.cache.status().trouble == "Redis does not answer within 0.5 s."
        redis.resume()
        await a.with_redis()


async def test_a_change_while_redis_is_away_ends_what_it_holds(redis: RedisServer) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        await a.ask()
        redis.pause()
        await a.changes.renew([SALES])
        await a.without_redis()
        redis.resume()
        await a.with_redis()
        assert await a.ask() == "a 2"


async def test_a_change_that_cannot_be_told_to_redis_is_told_to_memory(redis: RedisServer) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        redis.kill()
        await a.ask()
        await a.changes.renew([SALES])
        assert await a.ask() == "a 2"


async def test_a_server_starts_without_redis(redis: RedisServer) -> None:
    redis.kill()
    async with serving("a", redis) as a:
        assert [await a.ask(), await a.ask()] == ["a 1", "a 1"]
        await until(lambda: a.place.trouble == "Redis cannot be reached.")
        redis.start()
        await a.with_redis()


async def test_a_refused_login_is_told_without_the_password(redis: RedisServer) -> None:
    with redis.client() as client:
        client.config_set("requirepass", "right")
    url = redis.url.replace("unix://", "unix://:wrong@")
    async with serving("a", redis, url=url) as a:
        await until(lambda: a.place.trouble == "Redis refuses the login.")
        assert await a.ask() == "a 1"
    async with serving("nobody", redis) as nobody:
        await until(lambda: nobody.place.trouble == "Redis refuses the login.")
    async with serving("b", redis, url=url.replace("wrong", "right")) as b:
        await b.with_redis()


async def test_a_redis_without_memory_is_told_with_the_way_out(redis: RedisServer) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        with redis.client() as client:
            client.config_set("maxmemory", "1")
        await a.ask()
        assert "allkeys-lru" in str(a.place.trouble)
        assert await a.ask() == "a 2"
        assert await a.ask() == "a 2"


async def test_an_option_that_is_none_is_told(redis: RedisServer) -> None:
    async with serving("a", redis, url=f"{redis.url}?colour=red") as a:
        await until(lambda: "option" in str(a.place.trouble))
        assert await a.ask() == "a 1"


async def test_many_questions_at_once_do_not_drive_redis_away(redis: RedisServer) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        await asyncio.gather(*(a.ask(f"{number}d") for number in range(300)))
        assert a.place.trouble is None
        assert a.computed == 300
        await asyncio.gather(*(a.ask(f"{number}d") for number in range(300)))
        assert a.computed == 300


async def test_a_cancelled_question_does_not_confuse_the_next(redis: RedisServer) -> None:
    async with serving("a", redis) as a:
        await a.with_redis()
        for number in range(100):
            asked = asyncio.create_task(a.ask(f"{number}d"))
            for _ in range(number % 7):
                await asyncio.sleep(0)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        first = {number: await a.ask(f"{number}d") for number in range(100)}
        assert len(set(first.values())) == 100
        assert {number: await a.ask(f"{number}d") for number in range(100)} == first


async def test_health_tells_that_redis_is_away_and_when_it_is_back(
    redis: RedisServer, database: Database, settings: Settings
) -> None:
    with_redis = settings.model_copy(update={"user": "seattle", "redis_url": SecretStr(redis.url)})
    async with Backend(with_redis).running() as backend:
        await backend.ready()

        async def cache() -> object:
            found = await backend.services.health.look()
            part = next(part for part in found.parts if part.name == "cache")
            return part.finding.status, part.finding.details["kind"], found.is_ready

        await until_it_is(cache, (Status.OK, "redis", True), seconds=10)
        redis.kill()
        await until_it_is(cache, (Status.DEGRADED, "memory", True), seconds=10)
        assert (await backend.services.health.look()).reason == (
            "Redis cannot be reached. Answers are kept in memory for the time being."
        )
        redis.start()
        await until_it_is(cache, (Status.OK, "redis", True), seconds=10)
