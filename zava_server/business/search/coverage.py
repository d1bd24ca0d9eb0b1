"""How far the search index has come, asked for now and then."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.data.vectors import OtherModel, Space

if TYPE_CHECKING:
    from zava_server.data.catalogue import Catalogue
    from zava_server.data.identity import Identity
    from zava_server.infrastructure.embedders.embedder import Embedder
    from zava_server.infrastructure.errors import AIUnavailable

_AGAIN_SECONDS = 60.0
_AGAIN_WHILE_INCOMPLETE_SECONDS = 0.5
# Below this share of products with a vector, words find more than meaning.
_ENOUGH = 0.95


@dataclass(frozen=True, slots=True)
class Missing:
    """Products without a vector: whether they are so many that words find more, and a notice."""

    many: bool
    notice: str


def found_by_words(why: AIUnavailable) -> str:
    """The notice of hits that were to be found by meaning."""
    # A hint may end in a command.
    return f"Found by words, not by meaning: {why}".removesuffix(".") + "."


class CoverageWatch:
    """Knows what is missing, without counting at every search."""

    def __init__(self, catalogue: Catalogue, embedder: Embedder) -> None:
        self._catalogue = catalogue
        self._embedder = embedder
        self._missing: Missing | None = None
        self._until = 0.0

    async def missing(self, identity: Identity) -> Missing | None:
        """What cannot be found by meaning yet, or None."""
        if time.monotonic() < self._until:
            return self._missing
        coverage = await self._catalogue.coverage(identity, self._embedder.model)
        self._missing = None
        own = Space(self._embedder.model, self._embedder.dimensions)
        if coverage.serving not in (None, own):
            other = OtherModel(
                f"The catalogue's vectors are of {coverage.serving}, the server's are of {own}."
            )
            self._missing = Missing(many=True, notice=found_by_words(other))
        elif coverage.share < 1:
            few = coverage.share < _ENOUGH
            so_far = f"{coverage.embedded:,} of {coverage.products:,} products are in it"
            way = "; until then products are found by their words" if few else ""
            self._missing = Missing(few, f"The search index is being made: {so_far}{way}.")
        again = _AGAIN_WHILE_INCOMPLETE_SECONDS if self._missing else _AGAIN_SECONDS
        self._until = time.monotonic() + again
        return self._missing
