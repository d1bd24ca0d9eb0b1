"""How well the search finds what shoppers mean.

    python -m tests.bench.search_quality [--data-dir DIR] [--misses] [--curve]

Asks the labelled queries of search_queries.toml of a demo database, in each mode, and prints, a
line for each group and mode: how many queries, the share with a right product first (hit@1) and
among the first five (hit@5), the share of the right ones that are there (recall@5: found /
min(5, right)), the mean reciprocal rank of the first right one and nDCG, both over ten hits. For
queries without a right answer: how often nothing was found, and how often what was found was
marked as weak. Intervals hold 95 % of 2,000 bootstrap samples of the queries.

With --curve, for bars of similarity: how many off-topic queries find nothing, and how many
answerable ones still have a right product among the first five.

Each group is split in two halves by a hash of the query: one to tune by, one to judge by.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import math
import tempfile
import tomllib
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from zava_server.business.catalogue_search import CatalogueSearch, SearchAnswer, SearchRequest
from zava_server.business.search.query_text import words_of
from zava_server.data.catalogue import Catalogue
from zava_server.data.demo.catalogue import load_catalogue
from zava_server.data.identity import find_user
from zava_server.data.pool import Pool
from zava_server.data.signing_keys import KeyFile
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import choose_embedder, index_catalogue, open_database, prepare

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from numpy.typing import NDArray

    from zava_server.business.search.requests import Mode
    from zava_server.data.identity import Identity

QUERIES = Path(__file__).with_name("search_queries.toml")
MODES: tuple[Mode, ...] = ("lexical", "semantic", "auto")
SAMPLES = 2000
SHORT = 3
CURVE = (0.20, 0.24, 0.28, 0.32, 0.36, 0.40, 0.42, 0.44, 0.48, 0.52)
DEMO_SCALE = 0.01
MEASURES = ("hit@1", "hit@5", "recall@5", "mrr@10", "ndcg@10")


@dataclass(frozen=True)
class Query:
    """A query of a group; `right` are the SKUs of all right answers, none if there is none."""

    group: str
    text: str
    right: frozenset[str]
    half: str


def labelled_queries() -> list[Query]:
    """All of them, half `tune` and half `held out` within each group."""
    skus = [p.sku for c in load_catalogue().categories for t in c.types for p in t.products]
    queries = []
    for group, table in tomllib.loads(QUERIES.read_text("utf-8")).items():
        ordered = sorted(table, key=lambda text: hashlib.sha256(text.encode()).digest())
        for place, text in enumerate(ordered):
            right = frozenset(sku for sku in skus if sku.startswith(tuple(table[text])))
            half = ("tune", "held out")[place % 2]
            queries.append(Query(group, text, right if table[text] else frozenset(), half))
    return queries


def measures(right: frozenset[str], found: Sequence[str]) -> tuple[float, ...]:
    """The figures of MEASURES for one query and the SKUs found, best first."""
    hits = [sku in right for sku in found[:10]]
    gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits))
    ideal = sum(1 / math.log2(place + 2) for place in range(min(10, len(right))))
    return (
        float(any(hits[:1])),
        float(any(hits[:5])),
        sum(hits[:5]) / min(5, len(right)),
        next((1 / place for place, hit in enumerate(hits, 1) if hit), 0.0),
        gain / ideal,
    )


def figures(query: Query, answer: SearchAnswer) -> tuple[float, ...]:
    """MEASURES of an answerable query; else whether nothing came, and whether all was weak."""
    if query.right:
        return measures(query.right, [hit.product.sku for hit in answer.hits])
    return float(not answer.hits), float(all(hit.weak for hit in answer.hits))


def line(name: str, rows: Sequence[tuple[float, ...]]) -> str:
    """Means of the columns, each with its bootstrap interval."""
    table = np.array(rows)
    low, high = interval(table)
    cells = (
        f"{mean:.2f} [{a:.2f}, {b:.2f}]"
        for mean, a, b in zip(table.mean(axis=0), low, high, strict=True)
    )
    return f"{name:<32}{len(rows):>4}  " + "  ".join(cells)


def interval(table: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ends of the 95 % interval of each column's mean."""
    picks = np.random.default_rng(0).integers(len(table), size=(SAMPLES, len(table)))
    low, high = np.percentile(table[picks].mean(axis=1), [2.5, 97.5], axis=0)
    return low, high


@asynccontextmanager
async def demo_search(directory: Path) -> AsyncIterator[tuple[CatalogueSearch, Identity]]:
    """The search over the demo catalogue and who asks; the database is made if it is not there."""
    settings = Settings(data_dir=directory)
    embedder = choose_embedder(settings)
    async with open_database(settings, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, settings, ignore_progress, demo_scale=DEMO_SCALE)
        await index_catalogue(database.owner, embedder)
        pool = Pool(database.app, min_size=1, max_size=2, acquire_seconds=5)
        async with pool.running():
            key = KeyFile(settings.key_file)
            async with pool.connection() as connection:
                identity = await find_user(connection, key, "seattle")
            assert identity is not None
            transactions = ReadTransactions(
                pool, key, time_zone=settings.time_zone, statement_seconds=10
            )
            yield CatalogueSearch(Catalogue(transactions), embedder), identity
    await embedder.close()


async def ask(
    search: CatalogueSearch, identity: Identity, queries: Sequence[Query], mode: Mode
) -> list[SearchAnswer]:
    """The answers to all queries."""
    return [await search.search(identity, SearchRequest(q.text, mode=mode)) for q in queries]


def report(queries: Sequence[Query], answers: dict[Mode, list[SearchAnswer]]) -> None:
    """Prints the tables."""
    scored = {
        mode: [(q, figures(q, a)) for q, a in zip(queries, answers[mode], strict=True)]
        for mode in MODES
    }
    for half in ("tune", "held out"):
        print(f"\n{half}: " + ", ".join(MEASURES))
        groups = [*dict.fromkeys(q.group for q in queries if q.right), "answerable"]
        _print_groups(scored, half, groups, answerable=True)
        print(f"\n{half}: nothing found, nothing but weak hits")
        groups = list(dict.fromkeys(q.group for q in queries if not q.right))
        _print_groups(scored, half, groups, answerable=False)


def _print_groups(
    scored: dict[Mode, list[tuple[Query, tuple[float, ...]]]],
    half: str,
    groups: Sequence[str],
    *,
    answerable: bool,
) -> None:
    for group in groups:
        for mode in MODES:
            rows = [
                row
                for query, row in scored[mode]
                if query.half == half
                and bool(query.right) == answerable
                and group in (query.group, "answerable")
            ]
            print(line(f"{group}, {mode}", rows))


def print_misses(queries: Sequence[Query], answers: Sequence[SearchAnswer]) -> None:
    """The queries whose first hit is wrong, and those that should have found nothing."""
    for query, answer in zip(queries, answers, strict=True):
        skus = [hit.product.sku for hit in answer.hits[:5]]
        wrong = not skus or skus[0] not in query.right if query.right else bool(skus)
        if wrong:
            print(f"\n[{query.group}, {query.half}] {query.text} ({answer.mode}) {answer.notice}")
            for hit in answer.hits[:5]:
                sign = "+" if hit.product.sku in query.right else "~" if hit.weak else " "
                print(f"  {sign} {hit.product.similarity:.2f} {hit.product.sku} {hit.product.name}")


async def print_curve(
    search: CatalogueSearch, identity: Identity, queries: Sequence[Query]
) -> None:
    """What each bar would cost and gain, for short and for long queries of both halves."""
    points: list[tuple[bool, bool, float]] = []
    for query in queries:
        request = SearchRequest(query.text, max_rows=5, threshold=0.0)
        answer = await search.search(identity, request)
        if query.group == "near_miss" or answer.mode == "exact":
            continue
        reached = [
            hit.product.similarity
            for hit in answer.hits
            if not query.right or hit.product.sku in query.right
        ]
        short = len(words_of(query.text)) <= SHORT
        points.append((short, bool(query.right), max(reached, default=-1.0)))
    print("\nbar   short: nothing  hit@5   long: nothing  hit@5")
    for bar in CURVE:
        cells = []
        for short in (True, False):
            off = [best < bar for s, right, best in points if s == short and not right]
            hit = [best >= bar for s, right, best in points if s == short and right]
            cells.append(f"{np.mean(off):>14.2f} {np.mean(hit):>6.3f}")
        print(f"{bar:.2f}  " + "  ".join(cells))


async def main() -> None:
    """Measures and prints."""
    options = argparse.ArgumentParser(description="How well the search finds what shoppers mean.")
    options.add_argument("--data-dir", type=Path, help="an existing demo database")
    options.add_argument("--misses", action="store_true", help="list what auto got wrong")
    options.add_argument("--curve", action="store_true", help="what bars of similarity do")
    chosen = options.parse_args()
    queries = labelled_queries()
    async with AsyncExitStack() as stack:
        directory = chosen.data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        directory.chmod(0o755)
        search, identity = await stack.enter_async_context(demo_search(directory))
        answers = {mode: await ask(search, identity, queries, mode) for mode in MODES}
        if chosen.curve:
            await print_curve(search, identity, queries)
    report(queries, answers)
    if chosen.misses:
        print_misses(queries, answers["auto"])


if __name__ == "__main__":
    asyncio.run(main())
