"""What an embedder is, and one that remembers queries."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from zava_server.infrastructure.cache.shared_calls import SharedCalls
from zava_server.infrastructure.errors import AIUnavailable
from zava_server.infrastructure.tracing import span

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray


class Embedder(Protocol):
    """Turns texts into unit vectors whose cosine says how near two texts are in meaning.

    Any text will do: empty, very long, only emoji. Both methods raise AIUnavailable.
    """

    @property
    def name(self) -> str:
        """The kind: `local` or `openai`."""

    @property
    def model(self) -> str:
        """The model's id; vectors of two models must never be compared."""

    @property
    def dimensions(self) -> int:
        """The length of every vector."""

    async def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """One row for each text, shape (texts, dimensions)."""

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """The vector of a search, shape (dimensions,)."""

    async def close(self) -> None:
        """Gives back threads and connections; no call may be under way or follow."""


class CachedEmbedder:
    """Remembers the `size` queries used last; equal queries at the same time share one call.

    What failed is not remembered. The vectors are read-only.
    """

    def __init__(self, inner: Embedder, size: int = 1024) -> None:
        self._inner = inner
        self._size = size
        self._vectors: OrderedDict[str, NDArray[np.float32]] = OrderedDict()
        self._calls: SharedCalls[str, NDArray[np.float32]] = SharedCalls()
        self._trouble: str | None = None
        self.hits = 0
        self.misses = 0

    @property
    def trouble(self) -> str | None:
        """Why the inner embedder could not answer last time; None where it could."""
        return self._trouble

    @property
    def name(self) -> str:
        """The kind of the inner embedder."""
        return self._inner.name

    @property
    def model(self) -> str:
        """The model of the inner embedder."""
        return self._inner.model

    @property
    def dimensions(self) -> int:
        """The vectors' length."""
        return self._inner.dimensions

    async def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """As the inner embedder does."""
        with self._watched(len(texts)):
            return await self._inner.embed_documents(texts)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        """As the inner embedder does, or from memory."""
        if (vector := self._vectors.get(text)) is not None:
            self._vectors.move_to_end(text)
            self.hits += 1
            return vector
        self.misses += 1
        return await self._calls.share(text, lambda: self._embed(text))

    async def close(self) -> None:
        """Closes the inner embedder."""
        await self._inner.close()

    async def _embed(self, text: str) -> NDArray[np.float32]:
        with self._watched(1):
            vector = await self._inner.embed_query(text)
        vector.flags.writeable = False
        self._vectors[text] = vector
        if len(self._vectors) > self._size:
            self._vectors.popitem(last=False)
        return vector

    @contextmanager
    def _watched(self, texts: int) -> Iterator[None]:
        try:
            with span("zava.embedding", texts=texts, model=self._inner.model):
                yield
        except AIUnavailable as error:
            self._trouble = error.message
            raise
        self._trouble = None
