"""Finds products by what shoppers say."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_server.data.catalogue import Catalogue, ProductHit
    from zava_server.data.identity import Identity
    from zava_server.infrastructure.embedders.embedder import Embedder

_MOST_HITS = 100
_LONGEST_QUERY = 10_000

# Cosine similarities below which a hit is noise, and below which it is only something near, by
# embedder. Right products for shoppers' sentences lie above 0.4, unrelated ones below 0.25.
_THRESHOLDS = {"local": (0.25, 0.40), "openai": (0.25, 0.40)}


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A product found; `match` is `name`, `sku` or `meaning`, `weak` when it is only near."""

    product: ProductHit
    match: str
    weak: bool


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Hits, best first, and a notice when they need one."""

    hits: Sequence[SearchHit]
    mode: str
    notice: str | None
    elapsed_ms: float


class CatalogueSearch:
    """Exact SKU or name first, then meaning."""

    def __init__(self, catalogue: Catalogue, embedder: Embedder) -> None:
        self._catalogue = catalogue
        self._embedder = embedder
        self._covered = False

    async def warm_up(self) -> None:
        """Loads the model before the first search needs it.

        Raises AIUnavailable.
        """
        await self._embedder.embed_query("")

    async def search(
        self, identity: Identity, description: str, max_rows: int, threshold: float | None
    ) -> SearchAnswer:
        """Products that fit a description.

        Raises ValidationError for bad arguments, AIUnavailable when the embedder cannot answer.
        """
        description = description.strip()
        _check(description, max_rows, threshold)
        started = time.perf_counter()
        exact = await self._catalogue.exact(identity, description)
        if exact:
            hits = [
                SearchHit(p, "sku" if p.sku.upper() == description.upper() else "name", weak=False)
                for p in exact
            ]
            return SearchAnswer(hits[:max_rows], "exact", None, _ms_since(started))
        noise, near = _THRESHOLDS[self._embedder.name]
        vector = await self._embedder.embed_query(description)
        products = await self._catalogue.nearest(
            identity, vector, noise if threshold is None else threshold, max_rows
        )
        hits = [SearchHit(p, "meaning", weak=p.similarity < near) for p in products]
        notice = await self._missing(identity) or _notice(hits)
        return SearchAnswer(hits, "semantic", notice, _ms_since(started))

    async def _missing(self, identity: Identity) -> str | None:
        if self._covered:
            return None
        coverage = await self._catalogue.coverage(identity, self._embedder.model)
        self._covered = coverage.share == 1
        if self._covered:
            return None
        return (
            f"The search index is being made: {coverage.embedded:,} of {coverage.products:,} "
            "products can be found so far."
        )


def _check(description: str, max_rows: int, threshold: float | None) -> None:
    if not description:
        raise ValidationError("query_description is empty.", "Describe what the product should do.")
    if len(description) > _LONGEST_QUERY:
        raise ValidationError(f"query_description is over {_LONGEST_QUERY:,} characters.")
    if not 1 <= max_rows <= _MOST_HITS:
        raise ValidationError(f"max_rows must be from 1 to {_MOST_HITS}.")
    if threshold is not None and not 0 <= threshold <= 1:
        raise ValidationError("similarity_threshold must be from 0 to 1.")


def _notice(hits: Sequence[SearchHit]) -> str | None:
    if not hits:
        return "Nothing in the catalogue comes near this."
    if all(hit.weak for hit in hits):
        return "No product fits this well; these are the nearest."
    return None


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
