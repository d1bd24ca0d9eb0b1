"""The `openai` embedder against a stand-in endpoint, with faults."""

from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tests.integration.openai_stand_in import KEY, MODEL, Fault, OpenAIStandIn, word_vector
from zava_server.infrastructure.embedders import openai_client
from zava_server.infrastructure.embedders.openai_compatible import (
    BATCH_TEXTS,
    MAX_TEXT_BYTES,
    OpenAIEmbedder,
)
from zava_server.infrastructure.errors import AIUnavailable, ValidationError

MakeEmbedder = Callable[..., OpenAIEmbedder]
RETRY_NOW = {"retry-after-ms": "1"}


@pytest.fixture
def endpoint() -> Iterator[OpenAIStandIn]:
    with OpenAIStandIn() as stand_in:
        yield stand_in


@pytest.fixture
async def make(endpoint: OpenAIStandIn) -> AsyncIterator[MakeEmbedder]:
    made: list[OpenAIEmbedder] = []

    def make(**arguments: Any) -> OpenAIEmbedder:
        made.append(OpenAIEmbedder(**{"api_key": KEY, "base_url": endpoint.base_url} | arguments))
        return made[-1]

    yield make
    for embedder in made:
        await embedder.close()


async def refusal(embedder: OpenAIEmbedder, text: str = "tape") -> AIUnavailable:
    with pytest.raises(AIUnavailable) as caught:
        await embedder.embed_query(text)
    return caught.value


async def test_a_query_becomes_a_unit_vector(make: MakeEmbedder) -> None:
    vector = await make().embed_query("thread seal tape")
    assert vector.shape == (1536,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-6)
    assert vector @ word_vector("thread seal tape", 1536) == pytest.approx(2, abs=1e-5)


async def test_the_model_and_its_dimensions_are_asked_for(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    vector = await make(dimensions=256).embed_query("tape")
    assert vector.shape == (256,)
    assert endpoint.asked[0].body["model"] == MODEL
    assert endpoint.asked[0].body["dimensions"] == 256


async def test_documents_come_back_in_their_order_over_many_batches(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    texts = [f"product {number}" for number in range(2 * BATCH_TEXTS + 1)]
    vectors = await make(dimensions=64).embed_documents(texts)
    assert [len(asked.body["input"]) for asked in endpoint.asked] == [BATCH_TEXTS, BATCH_TEXTS, 1]
    expected = np.array([word_vector(text, 64) / 2 for text in texts])
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


async def test_no_documents_need_no_endpoint(make: MakeEmbedder, endpoint: OpenAIStandIn) -> None:
    assert (await make().embed_documents([])).shape == (0, 1536)
    assert endpoint.asked == []


async def test_an_endpoint_without_base64_is_understood(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    endpoint.knows_base64 = False
    vector = await make().embed_query("tape")
    assert vector @ word_vector("tape", 1536) == pytest.approx(2, abs=1e-5)


async def test_an_endpoint_that_takes_fewer_texts_gets_smaller_batches(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    endpoint.most_texts = 32
    texts = [f"product {number}" for number in range(70)]
    vectors = await make(dimensions=64).embed_documents(texts)
    assert vectors.shape == (70, 64)
    assert max(len(asked.body["input"]) for asked in endpoint.asked[-3:]) <= 32


async def test_a_model_that_refuses_to_be_told_its_dimensions_is_not_told_again(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    endpoint.dimensions, endpoint.takes_dimensions = 768, False
    embedder = make(dimensions=768)
    assert (await embedder.embed_query("tape")).shape == (768,)
    assert (await embedder.embed_query("rake")).shape == (768,)
    assert ["dimensions" in asked.body for asked in endpoint.asked] == [True, False, False]


@pytest.mark.parametrize("text", ["", " \n", "🔧🪛", "x" * 10_000, "水" * 10_000, "\ud800", "\x00"])
async def test_any_text_gives_a_vector(
    make: MakeEmbedder, endpoint: OpenAIStandIn, text: str
) -> None:
    assert (await make().embed_query(text)).shape == (1536,)
    assert 1 <= len(endpoint.asked[0].body["input"][0].encode()) <= MAX_TEXT_BYTES


async def test_azure_deployments_are_asked_in_their_own_way(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    url = f"{endpoint.address}/openai?api-version=2024-10-21"
    assert (await make(base_url=url).embed_query("tape")).shape == (1536,)
    path = f"/openai/deployments/{MODEL}/embeddings?api-version=2024-10-21"
    assert endpoint.asked[0].path == path


@pytest.mark.parametrize(
    "fault",
    [Fault(429, RETRY_NOW), Fault(500, RETRY_NOW), Fault(503, RETRY_NOW), Fault(drop=True)],
    ids=["rate limit", "500", "503", "dropped connection"],
)
async def test_a_passing_fault_is_retried(
    make: MakeEmbedder, endpoint: OpenAIStandIn, fault: Fault
) -> None:
    endpoint.faults.append(fault)
    assert (await make().embed_query("tape")).shape == (1536,)
    assert len(endpoint.asked) == 2


async def test_a_lasting_rate_limit_is_named(make: MakeEmbedder, endpoint: OpenAIStandIn) -> None:
    endpoint.fault = Fault(429, RETRY_NOW)
    assert "takes no more requests" in (await refusal(make())).message


async def test_a_rate_limit_longer_than_the_time_limit_is_not_waited_for(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    endpoint.fault = Fault(429, {"retry-after": "60"})
    assert "takes no more requests" in (await refusal(make())).message
    assert len(endpoint.asked) == 1


async def test_a_lasting_server_error_is_named(make: MakeEmbedder, endpoint: OpenAIStandIn) -> None:
    endpoint.fault = Fault(503, RETRY_NOW)
    assert "HTTP status 503" in (await refusal(make())).message


async def test_a_silent_endpoint_ends_in_a_time_out(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    endpoint.fault = Fault(hang=True)
    assert "did not answer within 0.3 seconds" in (await refusal(make(query_seconds=0.3))).message


async def test_an_endpoint_that_is_down_is_named(make: MakeEmbedder) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        error = await refusal(make(base_url=url))
    assert "cannot be reached" in error.message


async def test_a_wrong_key_is_named(make: MakeEmbedder, endpoint: OpenAIStandIn) -> None:
    error = await refusal(make(api_key="sk-wrong"))
    assert "refused the key" in error.message
    assert error.hint == "Check OPENAI_API_KEY."
    assert len(endpoint.asked) == 1


async def test_a_missing_key_is_named() -> None:
    assert "no key" in (await refusal(OpenAIEmbedder())).message


async def test_an_unknown_model_is_named(make: MakeEmbedder) -> None:
    assert "knows no model nonesuch" in (await refusal(make(model="nonesuch"))).message


async def test_a_wrong_path_is_named(make: MakeEmbedder, endpoint: OpenAIStandIn) -> None:
    endpoint.fault = Fault(404, body=b"<html>nothing here</html>")
    error = await refusal(make())
    assert error.hint is not None
    assert "OPENAI_BASE_URL" in error.hint


async def test_vectors_of_other_dimensions_are_refused_with_the_remedy(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    endpoint.dimensions, endpoint.takes_dimensions = 768, False
    error = await refusal(make())
    assert "have 768 dimensions, not 1536" in error.message
    assert error.hint is not None
    assert "ZAVA_EMBEDDING_DIMENSIONS to 768" in error.hint


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Welcome</html>",
        b"",
        b"null",
        b'{"data": []}',
        b'{"data": [{"index": 0}]}',
        b'{"data": [{"index": 0, "embedding": "no base64!"}]}',
        b'{"data": [{"index": 0, "embedding": [' + b"0," * 1535 + b"0]}]}",
        b'{"data": [{"index": 0, "embedding": [' + b"NaN," * 1535 + b"1]}]}",
    ],
    ids=["html", "empty", "null", "no data", "no vector", "no base64", "zeros", "not numbers"],
)
async def test_an_answer_without_embeddings_is_named(
    make: MakeEmbedder, endpoint: OpenAIStandIn, body: bytes
) -> None:
    endpoint.fault = Fault(200, body=body)
    assert "holds no embeddings" in (await refusal(make())).message


async def test_an_answer_larger_than_any_is_not_read_to_its_end(
    make: MakeEmbedder, endpoint: OpenAIStandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_client, "MOST_ANSWER_BYTES", 100_000)
    endpoint.fault = Fault(200, body=b" " * 100_001)
    assert "larger than any" in (await refusal(make())).message


async def test_what_is_packed_is_not_unpacked(make: MakeEmbedder, endpoint: OpenAIStandIn) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    endpoint.fault = Fault(200, {"content-encoding": "gzip"}, body=bomb)
    assert "holds no embeddings" in (await refusal(make())).message


@pytest.mark.parametrize("status", [401, 429, 500, 400])
async def test_the_key_shows_nowhere(
    make: MakeEmbedder, endpoint: OpenAIStandIn, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    embedder = make()
    endpoint.fault = Fault(status, RETRY_NOW)  # its body quotes the key
    error = await refusal(embedder)
    shown = "".join(traceback.format_exception(error)) + f"{error!r}{vars(embedder)}{caplog.text}"
    assert KEY not in shown


@pytest.mark.parametrize("url", ["localhost:8080/v1", "ftp://host/v1", "http://", "http://h:x/v1"])
def test_a_base_url_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValidationError):
        OpenAIEmbedder(api_key=KEY, base_url=url)


def test_a_key_that_cannot_travel_is_refused_without_being_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        OpenAIEmbedder(api_key="sk-“quoted”")
    assert "sk-" not in str(caught.value)


async def test_a_cancelled_query_leaves_the_embedder_usable(
    make: MakeEmbedder, endpoint: OpenAIStandIn
) -> None:
    embedder = make()
    endpoint.faults.append(Fault(hang=True))
    query = asyncio.create_task(embedder.embed_query("tape"))
    assert await asyncio.to_thread(endpoint.hanging.wait, 10)
    query.cancel()
    with pytest.raises(asyncio.CancelledError):
        await query
    assert (await embedder.embed_query("tape")).shape == (1536,)
