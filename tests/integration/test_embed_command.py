"""`zava-server db embed`: killed, twice at once, and switching under a running server."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from fastmcp import Client
from fastmcp.client.transports import StdioTransport

from tests.integration.openai_stand_in import KEY, MODEL, Fault, OpenAIStandIn
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import open_database, prepare

COUNT = "SELECT count(*) FROM retail.product_description_embeddings WHERE model = $1"
LOCAL = "all-MiniLM-L6-v2-onnx-int8"


@pytest.fixture
def endpoint() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def owner(shared_directory: Path) -> Any:
    """The owner's connection to a retailer of their own, whose vectors are the local model's."""
    settings = Settings(data_dir=shared_directory / "embed")
    async with open_database(settings, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, settings, ignore_progress, demo_scale=0.01)
        assert (await asyncio.to_thread(run, shared_directory))["model"] == LOCAL
        connection = await database.owner.connect()
        yield connection
        await connection.close()


def start(directory: Path, *words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "zava_server", "db", "embed", "--json"),
            *("--data-dir", str(directory / "embed"), *words),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )


def outcome(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What it says last."""
    said, _ = process.communicate(timeout=100)
    last: dict[str, Any] = json.loads(said.splitlines()[-1])
    return last


def run(directory: Path, *words: str, **environment: str) -> dict[str, Any]:
    return outcome(start(directory, *words, **environment))


def at(endpoint: OpenAIStandIn) -> dict[str, str]:
    return {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": KEY}


def texts_sent(endpoint: OpenAIStandIn) -> list[str]:
    return [text for asked in endpoint.asked for text in asked.body["input"]]


async def test_killed_half_way_it_goes_on_where_it_stopped(
    owner: asyncpg.Connection, shared_directory: Path, endpoint: OpenAIStandIn
) -> None:
    endpoint.faults.extend([None, None, Fault(hang=True)])
    process = start(shared_directory, "--embedder", "openai", **at(endpoint))
    assert await asyncio.to_thread(endpoint.hanging.wait, 90)
    process.kill()
    process.communicate()
    assert await owner.fetchval(COUNT, MODEL) == 128
    sent = len(texts_sent(endpoint))
    said = await asyncio.to_thread(run, shared_directory, "--embedder", "openai", **at(endpoint))
    assert said["embedded"] == said["products"] - 128
    assert said["switched_from"] == f"{LOCAL} (384 dimensions)"
    assert len(texts_sent(endpoint)) - sent == 2 * said["embedded"]
    assert await owner.fetchval(COUNT, MODEL) == said["products"]
    assert await owner.fetchval(COUNT, LOCAL) == 0


async def test_the_second_of_two_waits_says_so_and_finds_nothing_left_to_do(
    owner: asyncpg.Connection, shared_directory: Path, endpoint: OpenAIStandIn
) -> None:
    words = ("--embedder", "openai", "--dimensions", "64")
    both = [start(shared_directory, *words, **at(endpoint)) for _ in range(2)]
    said = await asyncio.gather(*(asyncio.to_thread(outcome, process) for process in both))
    products = said[0]["products"]
    assert sorted(one["embedded"] for one in said) == [0, products]
    assert len(texts_sent(endpoint)) == 2 * products
    assert await owner.fetchval(COUNT, MODEL) == products


async def test_interrupted_it_says_that_what_is_done_stays_and_lets_the_next_one_in(
    owner: asyncpg.Connection, shared_directory: Path, endpoint: OpenAIStandIn
) -> None:
    endpoint.faults.extend([None, Fault(hang=True)])
    words = ("--embedder", "openai", "--dimensions", "96")
    first = start(shared_directory, *words, **at(endpoint))
    assert await asyncio.to_thread(endpoint.hanging.wait, 90)
    second = start(shared_directory, *words, **at(endpoint))
    assert second.stdout is not None
    for line in second.stdout:
        if json.loads(line)["detail"] == "waiting for another process that embeds":
            break
    first.send_signal(signal.SIGINT)
    _, complaint = first.communicate(timeout=20)
    assert first.returncode == 130
    assert "What is embedded stays" in complaint
    said = await asyncio.to_thread(outcome, second)
    assert said["embedded"] == said["products"] - 64


async def test_an_endpoint_that_refuses_the_key_is_named_and_changes_nothing(
    owner: asyncpg.Connection, shared_directory: Path, endpoint: OpenAIStandIn
) -> None:
    products = await owner.fetchval("SELECT count(*) FROM retail.products")
    assert (await asyncio.to_thread(run, shared_directory))["products"] == products
    wrong = {**at(endpoint), "OPENAI_API_KEY": "sk-wrong"}
    said = await asyncio.to_thread(run, shared_directory, "--embedder", "openai", **wrong)
    assert said["error"]["code"] == "AI_UNAVAILABLE"
    assert await owner.fetchval(COUNT, LOCAL) == products


@pytest.mark.parametrize(
    ("words", "environment", "named"),
    [
        (("--model", "other"), {}, "ZAVA_EMBEDDING_MODEL"),
        (("--dimensions", "64"), {}, "ZAVA_EMBEDDING_DIMENSIONS"),
        ((), {"ZAVA_EMBEDDING_DIMENSIONS": "64"}, "ZAVA_EMBEDDING_DIMENSIONS"),
        (
            (),
            {"ZAVA_EMBEDDER": "openai", "ZAVA_EMBEDDING_MODEL_PATH": "/x.onnx"},
            "ZAVA_EMBEDDING_MODEL_PATH",
        ),
    ],
)
async def test_what_does_not_apply_to_the_embedder_is_refused(
    owner: asyncpg.Connection,
    shared_directory: Path,
    words: tuple[str, ...],
    environment: dict[str, str],
    named: str,
) -> None:
    said = await asyncio.to_thread(run, shared_directory, *words, **environment)
    assert said["error"]["code"] == "VALIDATION_ERROR"
    assert said["error"]["message"].startswith(f"{named} does not apply")


async def test_a_running_server_answers_throughout_a_switch_and_then_says_what_happened(
    owner: asyncpg.Connection, shared_directory: Path, endpoint: OpenAIStandIn
) -> None:
    await asyncio.to_thread(run, shared_directory)
    program, *arguments = (
        *(sys.executable, "-m", "zava_server", "stdio", "--user", "seattle"),
        *("--data-dir", str(shared_directory / "embed")),
    )
    transport = StdioTransport(program, arguments, env=dict(os.environ), keep_alive=False)
    modes: list[str] = []
    async with Client(transport) as client:

        async def search() -> dict[str, Any]:
            result = await client.call_tool(
                "semantic_search_products", {"query_description": "stop a leak under the sink"}
            )
            assert result.structured_content is not None
            answer: dict[str, Any] = result.structured_content
            assert answer["hits"]
            modes.append(answer["mode"])
            return answer

        await search()
        switch = start(shared_directory, "--embedder", "openai", **at(endpoint))
        while switch.poll() is None:
            await search()
        assert switch.returncode == 0
        switch.communicate()
        # What was kept from before is believed until the database's signal has come.
        async with asyncio.timeout(2):
            while (answer := await search())["mode"] != "lexical":
                pass
    assert modes[0] == "semantic"
    assert modes == sorted(modes, reverse=True)
    assert "zava-server db embed" in answer["notice"]
