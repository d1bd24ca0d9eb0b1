"""The connection to an OpenAI-compatible endpoint, from an address and a key."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qs, urlsplit, urlunsplit

from pydantic import SecretStr

from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2
    from openai import AsyncOpenAI


def checked_url(url: str) -> str:
    """`url`, if it can be an endpoint's. Raises ValidationError."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValidationError(
            "OPENAI_BASE_URL is no web address.", "Write it like https://api.openai.com/v1"
        )
    return url


def checked_key(key: str) -> SecretStr:
    """`key` without white space around it, if it can travel in a header. Raises ValidationError."""
    key = key.strip()
    if not (key.isascii() and key.isprintable()):
        raise ValidationError("OPENAI_API_KEY holds characters that no key has.")
    return SecretStr(key)


MOST_ANSWER_BYTES = 64 * 1024 * 1024
"""128 vectors of 16,000 dimensions as decimals are 45 MB."""


class AnswerTooLarge(Exception):
    """An answer has more than `MOST_ANSWER_BYTES`."""


def connect(url: str, key: SecretStr) -> AsyncOpenAI:
    """A client for `url`. Call it in a thread: importing the SDK takes half a second."""
    import openai

    parts = urlsplit(url)
    api_version = parse_qs(parts.query).get("api-version")
    http_client = openai.DefaultAsyncHttpxClient(
        headers={"Accept-Encoding": "identity"},
        event_hooks={"response": [_refuse_long_waits, _bound_the_answer]},
    )
    client: AsyncOpenAI
    if api_version:
        client = openai.AsyncAzureOpenAI(
            base_url=urlunsplit(parts._replace(query="")),
            api_version=api_version[0],
            api_key=key.get_secret_value(),
            http_client=http_client,
        )
    else:
        client = openai.AsyncOpenAI(
            base_url=url, api_key=key.get_secret_value(), http_client=http_client
        )
    _ = client.embeddings  # loads more of the SDK
    return client


async def _refuse_long_waits(response: httpx2.Response) -> None:
    """Gives up at once if the endpoint wants a longer pause than a request may take.

    The SDK would sleep up to two minutes, into our time limit, and hide the reason.
    """
    try:
        pause = float(response.headers.get("retry-after", "0"))
    except ValueError:
        return
    if pause > response.request.extensions["timeout"]["read"]:
        response.headers["x-should-retry"] = "false"


async def _bound_the_answer(response: httpx2.Response) -> None:
    # Who compresses nevertheless is not understood: a little could become a lot.
    response.headers.pop("content-encoding", None)
    response.stream = _bounded(response.stream)


def _bounded(stream: object) -> httpx2.AsyncByteStream:
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            received = 0
            async for chunk in cast("httpx2.AsyncByteStream", stream):
                received += len(chunk)
                if received > MOST_ANSWER_BYTES:
                    raise AnswerTooLarge
                yield chunk

        async def aclose(self) -> None:
            await cast("httpx2.AsyncByteStream", stream).aclose()

    return Bounded()
