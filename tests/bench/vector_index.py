"""Search over 100,000 vectors: `python -m tests.bench.vector_index [--crowded] [--wide]`.

An embedded PostgreSQL of its own gets synthetic products. A product's vector is made of real ones:
of one to three neighbouring products of the demo, mixed at random; of five phrases (a maker, a
finish, a size, a pack, a grade), each a fifth as long; and of random noise a tenth as long. That
is how the model itself makes the vector of a text, as the mean of its parts. `--crowded` mixes no
products, so that 194 variants stand close around each of 515 and there is nothing between them.
`--wide` rotates everything into 1,536 dimensions, which leaves every angle as it is.

The queries are the labelled ones of `search_queries.toml`. Prints, with the exact scan as the
baseline of the same run: time to build, how long searches took meanwhile, recall@10 by kind of
query, database time of a search, and whether 20 come where 20 are asked for under filters. All
searches run as zava_app in a role of its callers.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import asyncpg
import numpy as np
from numpy.typing import NDArray
from pgvector.asyncpg import register_vector

from zava_server.data.demo.vectors import load_demo_vectors
from zava_server.data.vector_index import VectorIndex
from zava_server.data.vectors import Space
from zava_server.infrastructure.embedders.local import LocalEmbedder
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import open_database, prepare

Vectors = NDArray[np.float32]

QUERIES = Path(__file__).with_name("search_queries.toml")
SEARCH = "SELECT product_id FROM retail.search_products_by_description($1, -1, $2, $3, {wanted})"
AMONG = SEARCH.format(wanted="$4")
FILTERED = SEARCH.format(wanted="array(SELECT product_id FROM retail.products WHERE {condition})")
# Codes are looked up, and what is not for sale or not English has no nearest product.
NOT_MEANING = {"sku", "far_off", "junk"}
PHRASES = (
    "Harlow|Brightwell|Ironside|Kestrel|Northfork|Cascadia|Tamarack|Oakhurst|Redfern|Stillwater",
    "red|black|white|galvanized|stainless|brass|chrome|bronze|cedar|oak|matte|clear|weatherproof",
    "1/4 in.|1/2 in.|3/4 in.|1 in.|2 in.|12 in.|24 in.|4 ft.|8 ft.|25 ft.|1 gal.|16 oz.|50 lb.",
    "single|2-pack|4-pack|6-pack|10-pack|25-pack|100-pack|box|case|kit|set|pair|roll|bundle",
    "professional|heavy duty|economy|premium|compact|extra long|low profile|rust resistant|quiet",
)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--crowded", action="store_true", help="194 variants around each product")
    parser.add_argument("--wide", action="store_true", help="1,536 dimensions, as halfvec")
    arguments = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    made = await embedded(arguments.products, crowded=arguments.crowded, wide=arguments.wide)
    directory = shared_directory()
    try:
        settings = Settings(data_dir=directory / "data")
        async with open_database(settings, ignore_progress) as database:
            assert database.owner is not None
            await prepare(database.owner, settings, ignore_progress, demo=False)
            owner, watcher = await database.owner.connect(), await database.owner.connect()
            app = await database.app.connect()
            for connection in (owner, app):
                await register_vector(connection)
            await app.prepare(AMONG)  # the driver looks up types as roles may not
            await app.execute("SET ROLE viewers")
            await Bench(owner, watcher, app, *made).run()
            for connection in (owner, watcher, app):
                await connection.close()
    finally:
        shutil.rmtree(directory)
    print(f"load average {os.getloadavg()[0]:.1f}")


def shared_directory() -> Path:
    """Which PostgreSQL can reach when root runs this."""
    directory = Path(tempfile.mkdtemp(prefix="zava-bench-"))
    directory.chmod(0o755)
    return directory


class Bench:
    def __init__(
        self,
        owner: asyncpg.Connection,
        watcher: asyncpg.Connection,
        app: asyncpg.Connection,
        vectors: Vectors,
        queries: Vectors,
        kinds: Sequence[str],
    ) -> None:
        self.owner, self.watcher, self.app = owner, watcher, app
        self.vectors, self.queries, self.kinds = vectors, queries, kinds
        self.space = Space("bench", vectors.shape[1])

    async def run(self) -> None:
        await self.load()
        every = range(len(self.queries))
        exact = {q: await self.search(q, 10) for q in every}
        await self.timed("exact scan, 20 asked", every[::8], 20)
        await self.build()
        recall = [len(set(await self.search(q, 10)) & set(exact[q])) / 10 for q in every]
        self.tell_recall(recall)
        await self.timed("index, 20 asked", every, 20)
        await self.filters(every[::4])

    def tell_recall(self, recall: Sequence[float]) -> None:
        for kind in dict.fromkeys(self.kinds):
            among = [r for r, k in zip(recall, self.kinds, strict=True) if k == kind]
            print(f"  recall@10 of {kind}: {statistics.mean(among):.3f}")
        meant = [r for r, k in zip(recall, self.kinds, strict=True) if k not in NOT_MEANING]
        print(f"recall@10 of all that ask for something to buy: {statistics.mean(meant):.4f}")

    async def load(self) -> None:
        """Product n has price n % 100: any filter on it is independent of the vectors."""
        started = time.perf_counter()
        await self.owner.execute("INSERT INTO retail.categories (name) VALUES ('Bench')")
        await self.owner.execute(
            "INSERT INTO retail.product_types (category_id, name) "
            "SELECT category_id, 'Bench' FROM retail.categories"
        )
        await self.owner.execute(
            "INSERT INTO retail.products"
            "    (product_id, sku, name, category_id, type_id, base_price) "
            "SELECT lpad(to_hex(n), 32, '0')::uuid, n, 'Product ' || n, category_id, type_id, "
            "    n % 100 "
            "FROM retail.product_types, generate_series(0, $1::int - 1) AS n",
            len(self.vectors),
        )
        await self.owner.copy_records_to_table(
            "product_description_embeddings",
            schema_name="retail",
            columns=["product_id", "description_embedding", "model", "content_hash"],
            records=[(UUID(int=n), v, "bench", b"") for n, v in enumerate(self.vectors)],
        )
        await self.owner.execute(
            "INSERT INTO zava.embedding_models (model, dimensions, serving) VALUES ($1, $2, true)",
            self.space.model,
            self.space.dimensions,
        )
        await self.owner.execute("VACUUM ANALYZE")
        seconds = time.perf_counter() - started
        print(f"{len(self.vectors):,} products × {self.space.dimensions} in {seconds:.0f} s")

    async def build(self) -> None:
        reports: list[float] = []
        done = asyncio.Event()
        reading = asyncio.create_task(self.latencies_until(done))
        started = time.perf_counter()
        await VectorIndex(self.owner, self.watcher).ensure(self.space, reports.append)
        seconds = time.perf_counter() - started
        done.set()
        meanwhile = await reading
        size = await self.owner.fetchval(
            "SELECT pg_size_pretty(sum(pg_relation_size(indexrelid))) FROM pg_index "
            "WHERE NOT indisprimary "
            "AND indrelid = 'retail.product_description_embeddings'::regclass"
        )
        print(
            f"index built in {seconds:.0f} s, {size}; {len(reports)} reports of progress; "
            f"{len(meanwhile)} searches meanwhile, slowest {max(meanwhile):.0f} ms"
        )

    async def latencies_until(self, done: asyncio.Event) -> list[float]:
        milliseconds: list[float] = []
        while not done.is_set():
            started = time.perf_counter()
            await self.search(len(milliseconds) % len(self.queries), 20)
            milliseconds.append((time.perf_counter() - started) * 1000)
        return milliseconds

    async def filters(self, some: range) -> None:
        """Filters as search applies them, and against the grain: on the products farthest off."""
        for label, condition in (
            ("1 %", "base_price = 7"),
            ("5 %", "base_price < 5"),
            ("20 %", "base_price < 20"),
            ("90 %", "base_price < 90"),
        ):
            sql = FILTERED.format(condition=condition)
            await self.timed(f"filter that keeps {label}", some, 20, sql)
        for share in (0.01, 0.2):
            await self.timed(f"filter that keeps the farthest {share:.0%}", some, 20, far=share)

    async def timed(
        self, label: str, queries: range, asked: int, sql: str = AMONG, far: float | None = None
    ) -> None:
        found = []
        milliseconds = []
        for query in queries:
            among = [self.farthest(query, far)] if far else [None] if sql == AMONG else []
            started = time.perf_counter()
            rows = await self.app.fetch(sql, self.queries[query], asked, self.space.model, *among)
            milliseconds.append((time.perf_counter() - started) * 1000)
            found.append(len(rows))
        least, p50, p95 = np.percentile(milliseconds, [0, 50, 95])
        print(
            f"{label}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, least {least:.1f} ms; "
            f"fewest found {min(found)} of {asked}"
        )

    def farthest(self, query: int, share: float) -> list[UUID]:
        count = int(len(self.vectors) * share)
        order = np.argpartition(self.vectors @ self.queries[query], count)
        return [UUID(int=int(n)) for n in order[:count]]

    async def search(self, query: int, asked: int) -> list[UUID]:
        rows = await self.app.fetch(AMONG, self.queries[query], asked, self.space.model, None)
        return [row["product_id"] for row in rows]


async def embedded(
    products: int, *, crowded: bool, wide: bool
) -> tuple[Vectors, Vectors, Sequence[str]]:
    """Vectors of that many products and of the queries, and the queries' kinds."""
    groups = tomllib.loads(QUERIES.read_text())
    embedder = LocalEmbedder()
    real = np.array(list(load_demo_vectors(embedder.model).values()))
    asked = await embedder.embed_documents([text for group in groups.values() for text in group])
    phrases = [await embedder.embed_documents(words.split("|")) for words in PHRASES]
    await embedder.close()
    made = synthetic(real, phrases, products, crowded=crowded)
    if wide:
        rng = np.random.default_rng(2)
        turn = np.linalg.qr(rng.standard_normal((1536, real.shape[1])))[0].T.astype(np.float32)
        made, asked = made @ turn, asked @ turn
    return made, asked, [kind for kind, group in groups.items() for _ in group]


def synthetic(real: Vectors, phrases: Sequence[Vectors], count: int, *, crowded: bool) -> Vectors:
    rng = np.random.default_rng(1)
    near = np.argsort(-(real @ real.T), axis=1)[:, :20]
    chosen = rng.integers(len(real), size=count)
    mixed = real[chosen]
    if not crowded:
        parts = near[chosen[:, None], rng.integers(20, size=(count, 3))]
        parts[:, 0] = chosen
        shares = rng.dirichlet([0.7] * 3, size=count).astype(np.float32)
        mixed = unit((real[parts] * shares[:, :, None]).sum(axis=1))
    for vectors in phrases:
        apart = vectors - vectors.mean(axis=0)
        strength = rng.uniform(0.1, 0.3, size=(count, 1)).astype(np.float32)
        mixed = mixed + strength * apart[rng.integers(len(apart), size=count)]
    noise = rng.standard_normal(mixed.shape).astype(np.float32)
    return unit(mixed + 0.1 * unit(noise))


def unit(vectors: Vectors) -> Vectors:
    scaled: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return scaled


if __name__ == "__main__":
    asyncio.run(main())
