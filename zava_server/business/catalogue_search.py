"""Finds products by what shoppers say."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING

from zava_server.business.kept_answers import KeptAnswers
from zava_server.business.search.answers import SearchAnswer, SearchHit, judged, notice_about
from zava_server.business.search.bars import SPELLING_GAIN, WORD_WEIGHT, WORDS_BARS, bars_for
from zava_server.business.search.beside import beside
from zava_server.business.search.coverage import CoverageWatch, found_by_words
from zava_server.business.search.query_text import cleaned, code_key, looks_foreign, parsed
from zava_server.business.search.requests import SearchRequest, filter_of
from zava_server.business.search.spelling import corrected, corrections, misspelt
from zava_server.infrastructure.cache.changes import CATALOGUE, STOCK
from zava_server.infrastructure.embedders.wordpiece import bert_uncased
from zava_server.infrastructure.errors import AIUnavailable, ValidationError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from zava_server.business.search.bars import Bars
    from zava_server.data.catalogue import (
        Catalogue,
        ParsedQuery,
        ProductFilter,
        ProductHit,
        QueryWord,
    )
    from zava_server.data.identity import Identity
    from zava_server.infrastructure.cache.cache import Cache
    from zava_server.infrastructure.embedders.embedder import Embedder

__all__ = ["CatalogueSearch", "SearchAnswer", "SearchHit", "SearchRequest"]


@dataclass(frozen=True, slots=True)
class _Task:
    """A query understood: what every way of searching needs."""

    identity: Identity
    request: SearchRequest
    query: ParsedQuery
    words: Sequence[QueryWord]
    wanted: ProductFilter
    vector: Awaitable[NDArray[np.float32]] | None
    """Of the query, where it is being made already."""

    @property
    def stems(self) -> list[str]:
        return [stem for word in self.words for stem in word.stems]

    @property
    def label(self) -> Sequence[str] | None:
        """The words of a query that names a thing and says nothing about it, else None."""
        if len(self.words) > 3 or not all(word.stems for word in self.words):
            return None
        return [word.text for word in self.words]

    def lowest(self, bars: Bars) -> float:
        """The least similar to be shown."""
        return bars.noise if self.request.threshold is None else self.request.threshold


@dataclass(frozen=True, slots=True)
class _Found:
    products: Sequence[ProductHit]
    bars: Bars
    mode: str
    notice: str | None = None
    is_makeshift: bool = False


class CatalogueSearch:
    """Exact SKU or name first, then meaning, with words to stand in where there is no meaning."""

    def __init__(
        self, catalogue: Catalogue, embedder: Embedder, cache: Cache | None = None
    ) -> None:
        self._catalogue = catalogue
        self._embedder = embedder
        self._coverage = CoverageWatch(catalogue, embedder)
        self._kept = KeptAnswers(cache, "search", SearchAnswer, CATALOGUE, STOCK)

    async def warm_up(self) -> None:
        """Loads the model before the first search needs it.

        Raises AIUnavailable.
        """
        await self._embedder.embed_query("")

    async def search(self, identity: Identity, request: SearchRequest) -> SearchAnswer:
        """Products that fit a description.

        Raises ValidationError or AuthorizationError for bad arguments, and AIUnavailable where
        meaning alone was asked for and the embedder cannot answer.
        """
        return await self._get(identity, request, "search", self._searched)

    async def categories(self, identity: Identity) -> Sequence[str]:
        """The categories' names."""
        return await self._catalogue.categories(identity)

    async def similar(self, identity: Identity, request: SearchRequest) -> SearchAnswer:
        """Products like that whose SKU the request's query is, without itself.

        Raises ValidationError for an unknown SKU or bad arguments, AuthorizationError, OtherModel.
        """
        return await self._get(identity, request, "similar", self._like)

    async def _get(
        self,
        identity: Identity,
        request: SearchRequest,
        way: str,
        compute: Callable[[Identity, SearchRequest], Coroutine[object, object, SearchAnswer]],
    ) -> SearchAnswer:
        started = time.perf_counter()
        answer = await self._kept.get(
            identity,
            (way, self._embedder.name, self._embedder.model, *astuple(request)),
            lambda: compute(identity, request),
            lambda answer: not answer.is_makeshift,
        )
        return replace(answer, elapsed_ms=(time.perf_counter() - started) * 1000)

    async def _searched(self, identity: Identity, request: SearchRequest) -> SearchAnswer:
        wanted = await filter_of(identity, request, self._catalogue)
        query = parsed(cleaned(request.query))
        if not query.text:
            raise ValidationError(
                "query_description is empty.", "Describe what the product should do."
            )
        if not query.words:
            return _answer([], "lexical", "There is no word in this to search by.")
        # What looks like a SKU is seldom looked for by meaning as well.
        ahead = request.mode != "lexical" and query.code_start is None
        embedding = beside(self._embedder.embed_query(query.text)) if ahead else nullcontext()
        async with embedding as vector:
            named, words = await self._catalogue.look_up(identity, query, wanted)
            task = _Task(identity, request, query, words, wanted, vector)
            return await self._answered(task, [] if request.mode == "semantic" else named)

    async def _like(self, identity: Identity, request: SearchRequest) -> SearchAnswer:
        wanted = await filter_of(identity, request, self._catalogue)
        product = await self._catalogue.vector_of(identity, code_key(cleaned(request.query)))
        if product is None:
            raise ValidationError(
                "There is no product with this SKU.", "Find it with semantic_search_products."
            )
        if product.vector is None or product.model is None:
            return _answer([], "semantic", "This product is not in the search index yet.")
        found = await self._catalogue.nearest(
            identity,
            product.vector,
            product.model,
            request.threshold or 0.0,
            request.max_rows + 1,
            wanted=wanted,
        )
        others = [hit for hit in found if hit.sku != product.sku][: request.max_rows]
        hits = [SearchHit(hit, f"like {product.sku}", weak=False) for hit in others]
        return _answer(hits, "semantic", None)

    async def _answered(self, task: _Task, named: Sequence[ProductHit]) -> SearchAnswer:
        most = task.request.max_rows
        if named and (
            named[0].by[0] == "start" or code_key(task.query.text) == code_key(named[0].sku)
        ):
            hits = [SearchHit(product, "sku", weak=False) for product in named]
            return _answer(hits[:most], "exact", None)
        exact = [SearchHit(p, p.by[0], weak=False) for p in named if p.by[0] != "start"]
        found, task = await self._find(task)
        seen = {hit.product.sku for hit in exact}
        judgement = judged(task.label, found.products, found.bars, _words_by_stem(task.words))
        hits = [*exact, *(hit for hit in judgement if hit.product.sku not in seen)]
        about = None if exact else notice_about(hits, task.label)
        notice = " ".join(text for text in (found.notice, about) if text)
        answer = _answer(hits[:most], found.mode, notice or None)
        return replace(answer, is_makeshift=found.is_makeshift)

    async def _find(self, task: _Task) -> tuple[_Found, _Task]:
        """What fits, and the task as it was carried out: its spelling may have been corrected."""
        if task.request.mode == "lexical":
            return await self._by_words(task, None)
        missing = await self._coverage.missing(task.identity)
        if task.request.mode == "auto" and missing and missing.many:
            return _makeshift(*await self._by_words(task, missing.notice))
        try:
            found, task = await self._by_meaning(task)
        except AIUnavailable as error:
            if task.request.mode == "semantic":
                raise
            return _makeshift(*await self._by_words(task, found_by_words(error)))
        if missing:
            found = replace(found, notice=" ".join(filter(None, (missing.notice, found.notice))))
            return _makeshift(found, task)
        return found, task

    async def _by_meaning(self, task: _Task) -> tuple[_Found, _Task]:
        found = await self._nearest(task)
        if task.request.mode == "semantic":
            return found, task
        notice = self._language_notice(task)
        replacements = await self._corrections(task)
        if replacements:
            other = await self._respelt(task, replacements)
            better = await self._nearest(other)
            gain = _best(better) - _best(found)
            if gain >= SPELLING_GAIN and _best(better) >= better.bars.near:
                return replace(better, notice=f"Searched for “{other.query.text}”."), other
        return replace(found, notice=notice), task

    async def _nearest(self, task: _Task) -> _Found:
        bars = bars_for(self._embedder.name, len(task.words))
        products = await self._catalogue.nearest(
            task.identity,
            await (task.vector or self._embedder.embed_query(task.query.text)),
            self._embedder.model,
            task.lowest(bars),
            task.request.max_rows,
            wanted=task.wanted,
            stems=task.stems,
            weight=WORD_WEIGHT if task.request.mode == "auto" else 0.0,
        )
        return _Found(products, bars, "semantic")

    async def _by_words(self, task: _Task, notice: str | None) -> tuple[_Found, _Task]:
        replacements = await self._corrections(task, typing=task.query.words[-1])
        if replacements:
            task = await self._respelt(task, replacements)
            spelling = f"Searched for “{task.query.text}”."
            notice = " ".join(text for text in (notice, spelling) if text)
        # Somebody may be typing it still.
        last = task.words[-1]
        start = None if last.in_catalogue or not last.stems else last.text
        products = await self._catalogue.by_words(
            task.identity,
            [stem for stem in task.stems if start is None or stem not in last.stems],
            start,
            task.lowest(WORDS_BARS),
            task.request.max_rows,
            task.wanted,
        )
        return _Found(products, WORDS_BARS, "lexical", notice), task

    async def _corrections(self, task: _Task, typing: str | None = None) -> Mapping[str, str]:
        in_catalogue = {word.text for word in task.words if word.in_catalogue or not word.stems}
        unknown = misspelt(
            task.query.words,
            lambda word: word in in_catalogue or bert_uncased().knows(word),
        )
        if not unknown:
            return {}
        candidates = await self._catalogue.similar_words(task.identity, unknown)
        return corrections(candidates, typing)

    async def _respelt(self, task: _Task, replacements: Mapping[str, str]) -> _Task:
        query = parsed(corrected(task.query.text, replacements))
        _, words = await self._catalogue.look_up(task.identity, query)
        return replace(task, query=query, words=words, vector=None)

    def _language_notice(self, task: _Task) -> str | None:
        if self._embedder.name != "local" or not looks_foreign(task.query.text):
            return None
        return "The search model knows English only. Ask in English to find what is right."


def _best(found: _Found) -> float:
    return found.products[0].similarity if found.products else 0.0


def _words_by_stem(words: Sequence[QueryWord]) -> dict[str, str]:
    return {stem: word.text for word in words for stem in word.stems}


def _makeshift(found: _Found, task: _Task) -> tuple[_Found, _Task]:
    return replace(found, is_makeshift=True), task


def _answer(hits: Sequence[SearchHit], mode: str, notice: str | None) -> SearchAnswer:
    return SearchAnswer(hits, mode, notice, elapsed_ms=0.0)
