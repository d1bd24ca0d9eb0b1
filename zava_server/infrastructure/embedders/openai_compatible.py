"""Embeddings of OpenAI, Azure OpenAI, or any endpoint that speaks OpenAI's protocol."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

from pydantic_core import from_json

from zava_server.infrastructure.embedders.openai_client import (
    AnswerTooLarge,
    checked_key,
    checked_url,
    connect,
)
from zava_server.infrastructure.errors import AIUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray
    from openai import APIError, AsyncOpenAI

OPENAI_URL = "https://api.openai.com/v1"
MODEL = "text-embedding-3-small"
DIMENSIONS = 1536

QUERY_SECONDS, QUERY_RETRIES = 8.0, 2
"""Someone waits for a query, and lexical search can stand in."""
BATCH_SECONDS, BATCH_RETRIES = 60.0, 5
BATCH_TEXTS = 128
MAX_TEXT_BYTES = 8000
"""OpenAI's models read 8,191 tokens of a text; a token is at least one byte of UTF-8."""
BLANK = "-"
"""Sent for a text without content, which the protocol does not allow."""


class OpenAIEmbedder:
    """Embeddings over HTTP, with a time limit for each request and for all tries together.

    Retries of connection errors, 408, 409, 429 and 5xx are the SDK's: they double from 0.5 s to
    8 s, less up to a quarter at random, and heed Retry-After.

    `dimensions` are asked for in the request, unless the endpoint refuses that; then the model's
    own number must be the same. `base_url` with an `api-version` is Azure OpenAI with deployments
    (`https://NAME.openai.azure.com/openai?api-version=2024-10-21`, the model being the
    deployment's name); Azure's newer `/openai/v1/` is an endpoint like any other.

    Raises ValidationError for a `base_url` or an `api_key` that cannot be one.
    """

    name = "openai"

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        model: str | None = None,
        dimensions: int | None = None,
        query_seconds: float = QUERY_SECONDS,
        batch_seconds: float = BATCH_SECONDS,
    ) -> None:
        self.model = model or MODEL
        self.dimensions = dimensions or DIMENSIONS
        self._base_url = checked_url(base_url or OPENAI_URL)
        # An endpoint of one's own may want no key, but the SDK wants some text.
        self._api_key = checked_key(api_key or ("none" if base_url else ""))
        self._query_seconds = query_seconds
        self._batch_seconds = batch_seconds
        self._batch_texts = BATCH_TEXTS
        self._names_dimensions = True
        self._client: AsyncOpenAI | None = None
        self._connecting = asyncio.Lock()

    async def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text, shape (texts, dimensions)."""
        batches: list[NDArray[np.float32]] = []
        start, size = 0, self._batch_texts
        while start < len(texts):
            batch = texts[start : start + size]
            try:
                batches.append(await self._embed(batch, self._batch_seconds, BATCH_RETRIES))
            except _RequestRefused:
                # Endpoints differ in how many texts they take at once, and do not tell.
                if len(batch) == 1:
                    raise
                size = len(batch) // 2
            else:
                start, self._batch_texts = start + len(batch), size
        return await asyncio.to_thread(_joined, batches, self.dimensions)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of a search, shape (dimensions,)."""
        rows = await self._embed([text], self._query_seconds, QUERY_RETRIES)
        vector: NDArray[np.float32] = rows[0]
        return vector

    async def close(self) -> None:
        """Closes the connections."""
        if self._client is not None:
            await self._client.close()

    async def _connected(self) -> AsyncOpenAI:
        async with self._connecting:
            if self._client is None:
                if not self._api_key.get_secret_value():
                    raise AIUnavailable(
                        "There is no key for the embedding endpoint.", "Set OPENAI_API_KEY."
                    )
                self._client = await asyncio.to_thread(connect, self._base_url, self._api_key)
        return self._client

    async def _embed(
        self, texts: Sequence[str], seconds: float, retries: int
    ) -> NDArray[np.float32]:
        client = (await self._connected()).with_options(max_retries=retries)
        import openai

        inputs = [_sendable(text) for text in texts]
        try:
            async with asyncio.timeout(seconds):
                try:
                    answer = await self._request(client, inputs, seconds / 2)
                except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                    # Models of one fixed size refuse to be told it.
                    if "dimension" not in str(error.body).lower():
                        raise
                    self._names_dimensions = False
                    answer = await self._request(client, inputs, seconds / 2)
        except (TimeoutError, openai.APITimeoutError):
            raise AIUnavailable(
                f"The embedding endpoint did not answer within {seconds:g} seconds.",
                "Try again, or check the endpoint at OPENAI_BASE_URL.",
            ) from None
        except AnswerTooLarge:
            raise AIUnavailable(
                "The embedding endpoint's answer is larger than any with embeddings.",
                "Check the endpoint at OPENAI_BASE_URL.",
            ) from None
        except openai.APIError as error:
            # Not the endpoint's own words: they may quote the key.
            raise self._explained(error) from None
        return await asyncio.to_thread(_unit_vectors, answer, len(inputs), self.dimensions)

    async def _request(self, client: AsyncOpenAI, texts: list[str], seconds: float) -> bytes:
        from openai import omit

        # Raw: the SDK would build its objects number by number and hold up the loop.
        response = await client.embeddings.with_raw_response.create(
            model=self.model,
            input=texts,
            dimensions=self.dimensions if self._names_dimensions else omit,
            encoding_format="base64",
            timeout=seconds,
        )
        return response.http_response.content

    def _explained(self, error: APIError) -> AIUnavailable:
        import openai

        if isinstance(error, openai.APIConnectionError):
            return AIUnavailable(
                "The embedding endpoint cannot be reached.",
                "Check the network and OPENAI_BASE_URL.",
            )
        if isinstance(error, openai.AuthenticationError | openai.PermissionDeniedError):
            return AIUnavailable("The embedding endpoint refused the key.", "Check OPENAI_API_KEY.")
        if isinstance(error, openai.NotFoundError) or error.code == "model_not_found":
            return AIUnavailable(
                f"The embedding endpoint knows no model {self.model}.",
                "Check ZAVA_EMBEDDING_MODEL and the path in OPENAI_BASE_URL.",
            )
        if isinstance(error, openai.RateLimitError):
            return AIUnavailable(
                "The embedding endpoint takes no more requests for now.",
                "Try again in a minute, or check the account's rate limit and quota.",
            )
        status = error.status_code if isinstance(error, openai.APIStatusError) else 0
        kind = _RequestRefused if status in (400, 413, 422) else AIUnavailable
        return kind(
            f"The embedding endpoint answered with HTTP status {status}.",
            "Check the endpoint at OPENAI_BASE_URL.",
        )


class _RequestRefused(AIUnavailable):
    """The endpoint found fault with the request itself."""


def _unreadable() -> AIUnavailable:
    return AIUnavailable(
        "The embedding endpoint's answer holds no embeddings.",
        "Check that OPENAI_BASE_URL names an OpenAI-compatible endpoint, with its /v1.",
    )


def _unit_vectors(answer: bytes, expected: int, dimensions: int) -> NDArray[np.float32]:
    """The vectors of an answer in the order of its request, scaled to unit length."""
    import numpy as np

    try:
        # 8 ms for 128 vectors written as decimals; the standard library's parser takes 60 ms, and
        # neither lets the event loop run meanwhile.
        items = sorted(from_json(answer)["data"], key=lambda item: item["index"])
        rows = [_floats(item["embedding"]) for item in items]
    except (KeyError, TypeError, ValueError):
        raise _unreadable() from None
    if len(rows) != expected:
        raise _unreadable()
    for row in rows:
        if row.shape != (dimensions,):
            raise AIUnavailable(
                f"The embedding endpoint's vectors have {row.size} dimensions, not {dimensions}.",
                f"Set ZAVA_EMBEDDING_DIMENSIONS to {row.size} and run: zava-server db embed",
            )
    vectors = np.stack(rows)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(lengths).all() and lengths.all()):
        raise _unreadable()
    unit: NDArray[np.float32] = vectors / lengths
    return unit


def _floats(embedding: object) -> NDArray[np.float32]:
    """The vector, whether the endpoint knows base64 or not."""
    import numpy as np

    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding), "<f4").astype(np.float32, copy=False)
    return np.array(embedding, np.float32)


def _sendable(text: str) -> str:
    start = text.encode("utf-8", "ignore")[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
    return start if start.strip() else BLANK


def _joined(batches: list[NDArray[np.float32]], dimensions: int) -> NDArray[np.float32]:
    import numpy as np

    return np.concatenate([np.empty((0, dimensions), np.float32), *batches])
