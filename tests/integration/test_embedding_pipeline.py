"""The catalogue's vectors: made once, kept current, and switched without a moment in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray
from pgvector.asyncpg import register_vector

from tests.integration.openai_stand_in import word_vector
from zava_server.business.product_texts import content_hash
from zava_server.business.search_index import IndexedCatalogue, build_search_index
from zava_server.data import vector_index
from zava_server.data.embeddings import EmbeddingStore, Product
from zava_server.data.endpoint import Endpoint
from zava_server.data.vector_index import VectorIndex
from zava_server.data.vectors import OtherModel, Space, one_model
from zava_server.infrastructure.errors import AIUnavailable
from zava_server.infrastructure.progress import Progress, ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database, prepare

SEARCH = "SELECT product_id FROM retail.search_products_by_description($1, $2, $3, $4, $5)"
PRODUCTS = 150


class Words:
    """An embedder that knows words, counts its texts and fails or waits when told to."""

    name = "local"

    def __init__(self, model: str = "words", dimensions: int = 16) -> None:
        self.model, self.dimensions = model, dimensions
        self.texts: list[str] = []
        self.fails_after: int | None = None
        self.open = asyncio.Event()
        self.open.set()

    async def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        if self.fails_after is not None and len(self.texts) >= self.fails_after:
            raise AIUnavailable("Down.")
        await self.open.wait()
        self.texts += texts
        rows = [await self.embed_query(text) for text in texts]
        return np.array(rows, np.float32).reshape(len(texts), self.dimensions)

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        vector: NDArray[np.float32] = word_vector(f"{self.model} {text}", self.dimensions)
        return np.divide(vector, 2)

    async def close(self) -> None:
        pass


@dataclass(frozen=True)
class Shop:
    """A database with a catalogue, seen by its owner and by somebody who may read."""

    endpoint: Endpoint
    owner: asyncpg.Connection
    watcher: asyncpg.Connection
    reader: asyncpg.Connection

    async def index(self, embedder: Words, **arguments: Any) -> IndexedCatalogue:
        return await build_search_index(
            EmbeddingStore(self.owner),
            VectorIndex(self.owner, self.watcher),
            embedder,
            **arguments,
        )

    async def search(
        self,
        embedder: Words,
        text: str,
        asked: int = 10,
        wanted: Sequence[UUID] | None = None,
        threshold: float = -1,
    ) -> list[UUID]:
        vector = await embedder.embed_query(text)
        with one_model():
            rows = await self.reader.fetch(SEARCH, vector, threshold, asked, embedder.model, wanted)
        return [row["product_id"] for row in rows]

    async def vectors(self) -> dict[str, int]:
        """How many there are of each model."""
        rows = await self.owner.fetch(
            "SELECT model, count(*) FROM retail.product_description_embeddings GROUP BY model"
        )
        return {row["model"]: row["count"] for row in rows}

    async def models(self) -> set[str]:
        """Those that serve or are being made."""
        return {
            row["model"] for row in await self.owner.fetch("SELECT * FROM zava.embedding_models")
        }

    async def indexes(self) -> list[str]:
        """Definitions of the valid IVFFlat indexes."""
        rows = await self.owner.fetch(
            "SELECT pg_get_indexdef(indexrelid) AS definition FROM pg_index WHERE indisvalid "
            "AND indrelid = 'retail.product_description_embeddings'::regclass"
        )
        return [row["definition"] for row in rows if "ivfflat" in row["definition"]]

    async def scans(self, more_than: int = -1) -> int:
        """How often an index was read; waits a while until that was reported."""
        async with asyncio.timeout(10):
            while True:
                await self.reader.fetchval("SELECT 1")
                count = int(
                    await self.owner.fetchval(
                        "SELECT coalesce(sum(idx_scan), 0) FROM pg_stat_user_indexes "
                        "WHERE indexrelname LIKE 'embeddings_lists_%'"
                    )
                )
                if count > more_than:
                    return count
                await asyncio.sleep(0.05)

    async def blocks_read(self) -> int:
        """How many blocks of the vectors' indexes the owner has read, from memory or not."""
        await self.owner.execute("SELECT pg_stat_force_next_flush()")
        return int(
            await self.owner.fetchval(
                "SELECT sum(idx_blks_read + idx_blks_hit) FROM pg_statio_user_indexes "
                "WHERE indexrelname LIKE 'embeddings_lists_%'"
            )
        )

    async def visible(self) -> set[tuple[str, int]]:
        """Models and dimensions that a reader sees vectors of."""
        rows = await self.reader.fetch(
            "SELECT DISTINCT model, dimensions FROM retail.product_description_embeddings"
        )
        return {(row["model"], row["dimensions"]) for row in rows}

    async def add(self, count: int, first: int = 0) -> None:
        await self.owner.execute(
            "INSERT INTO retail.products"
            "    (product_id, sku, name, description, category_id, type_id, base_price) "
            "SELECT lpad(n::text, 32, '0')::uuid, 'T-' || n, 'Thing ' || n, 'about ' || n, "
            "    category_id, type_id, n "
            "FROM retail.product_types, generate_series($1::int, $2::int - 1) AS n",
            first,
            first + count,
        )


@pytest.fixture(scope="module")
async def template(database: Database, settings: Settings) -> AsyncIterator[Endpoint]:
    """An empty database with the schema."""
    assert database.owner is not None
    admin = await database.owner.connect()
    await admin.execute("CREATE DATABASE vectors_template")
    empty = in_database(database.owner, "vectors_template")
    await prepare(empty, settings, ignore_progress, demo=False)
    yield empty
    await admin.execute("DROP DATABASE vectors_template WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def shop(template: Endpoint) -> AsyncIterator[Shop]:
    """150 products of one type."""
    admin = await in_database(template, "postgres").connect()
    await admin.execute("CREATE DATABASE vectors TEMPLATE vectors_template")
    endpoint = in_database(template, "vectors")
    try:
        async with connected(endpoint) as shop:
            await shop.owner.execute("INSERT INTO retail.categories (name) VALUES ('Things')")
            await shop.owner.execute(
                "INSERT INTO retail.product_types (category_id, name) "
                "SELECT category_id, 'Thing' FROM retail.categories"
            )
            await shop.add(PRODUCTS)
            yield shop
    finally:
        await admin.execute("DROP DATABASE vectors WITH (FORCE)")
        await admin.close()


@asynccontextmanager
async def connected(endpoint: Endpoint) -> AsyncIterator[Shop]:
    owner, watcher = await endpoint.connect(), await endpoint.connect()
    reader = await endpoint.login_as("zava_app").connect()
    for connection in (owner, reader):
        await register_vector(connection)
    await reader.prepare(SEARCH)  # the driver looks up types as roles may not
    await reader.execute("SET ROLE viewers")
    try:
        yield Shop(endpoint, owner, watcher, reader)
    finally:
        for connection in (owner, watcher, reader):
            await connection.close()


def in_database(endpoint: Endpoint, name: str) -> Endpoint:
    return Endpoint(host=endpoint.host, port=endpoint.port, user=endpoint.user, database=name)


class TestKeepingCurrent:
    async def test_every_product_is_embedded_once(self, shop: Shop) -> None:
        first, second = await shop.index(Words()), await shop.index(Words())
        assert (first.products, first.embedded) == (PRODUCTS, PRODUCTS)
        assert (second.products, second.embedded) == (PRODUCTS, 0)
        assert await shop.vectors() == {"words": PRODUCTS}

    async def test_only_what_is_new_or_changed_is_embedded_again(self, shop: Shop) -> None:
        await shop.index(Words())
        await shop.add(1, first=PRODUCTS)
        await shop.owner.execute(
            "UPDATE retail.products SET description = 'zebra' WHERE sku = 'T-7'"
        )
        await shop.owner.execute("UPDATE retail.products SET base_price = 1 WHERE sku = 'T-8'")
        embedder = Words()
        assert (await shop.index(embedder)).embedded == 2
        (found,) = await shop.search(embedder, "zebra", asked=1)
        assert found == UUID("7".rjust(32, "0"))

    async def test_a_product_that_is_gone_is_found_no_more(self, shop: Shop) -> None:
        await shop.index(Words())
        await shop.owner.execute("DELETE FROM retail.products WHERE sku <> 'T-3'")
        assert len(await shop.search(Words(), "thing")) == 1

    async def test_a_product_that_goes_meanwhile_fails_no_other(self, shop: Shop) -> None:
        store, space = EmbeddingStore(shop.owner), Space("words", 2)
        there = UUID("3".rjust(32, "0"))
        products = [Product(key, "", "", "", "") for key in (UUID(int=2**127), there)]
        await store.save(space, products, [b"", b""], np.eye(2, dtype=np.float32))
        assert await shop.vectors() == {"words": 1}

    async def test_what_an_interrupted_run_has_made_is_kept(self, shop: Shop) -> None:
        broken, whole = Words(), Words()
        broken.fails_after = 1
        with pytest.raises(AIUnavailable):
            await shop.index(broken)
        assert await shop.vectors() == {"words": len(broken.texts) // 2}
        await shop.index(whole)
        assert sorted(broken.texts + whole.texts) == sorted(set(broken.texts + whole.texts))
        assert await shop.vectors() == {"words": PRODUCTS}

    async def test_vectors_that_are_known_are_not_made(self, shop: Shop) -> None:
        key = UUID("5".rjust(32, "0"))
        product = Product(key, "Things", "Thing", "Thing 5", "about 5")
        vector = np.eye(16, dtype=np.float32)[3]
        embedder = Words()
        await shop.index(embedder, known={content_hash(product): vector})
        assert len(embedder.texts) == 2 * (PRODUCTS - 1)
        kept = await shop.owner.fetchval(
            "SELECT description_embedding FROM retail.product_description_embeddings "
            "WHERE product_id = $1",
            key,
        )
        assert kept.to_list() == vector.tolist()

    async def test_it_says_how_far_it_is(self, shop: Shop) -> None:
        said: list[Progress] = []
        await shop.index(Words(), report=said.append)
        assert [progress.detail.partition(" ·")[0] for progress in said] == [
            "0 of 150 products",
            "64 of 150 products",
            "128 of 150 products",
            "150 products",
        ]
        assert [progress.fraction for progress in said] == sorted(p.fraction for p in said)


class TestSwitching:
    async def test_the_old_vectors_serve_until_the_last_new_one_is_there(self, shop: Shop) -> None:
        old, new = Words("old"), Words("new", 24)
        await shop.index(old)
        new.open.clear()
        switching = asyncio.create_task(shop.index(new, switch=True))
        async with connected(shop.endpoint) as beside:
            async with asyncio.timeout(30):
                while "new" not in await beside.models():  # noqa: ASYNC110 - it is a database's
                    await asyncio.sleep(0.01)
            assert len(await beside.search(old, "thing 3")) == 10
            new.open.set()
            outcome = await switching
            assert outcome.switched_from == Space("old", 16)
            assert len(await beside.search(new, "thing 3")) == 10
            assert await beside.vectors() == {"new": PRODUCTS}

    async def test_a_reader_sees_vectors_of_one_model_at_every_moment(self, shop: Shop) -> None:
        await shop.index(Words("old"))
        seen: list[set[tuple[str, int]]] = []
        async with connected(shop.endpoint) as beside:
            switching = asyncio.create_task(shop.index(Words("new", 24), switch=True))
            while not switching.done():
                seen.append(await beside.visible())
            seen.append(await beside.visible())
        assert all(len(models) == 1 for models in seen)
        assert (seen[0], seen[-1]) == ({("old", 16)}, {("new", 24)})

    async def test_an_interrupted_switch_goes_on_and_the_old_model_serves_meanwhile(
        self, shop: Shop
    ) -> None:
        old, broken, new = Words("old"), Words("new"), Words("new")
        await shop.index(old)
        broken.fails_after = 1
        with pytest.raises(AIUnavailable):
            await shop.index(broken, switch=True)
        assert await shop.vectors() == {"old": PRODUCTS, "new": len(broken.texts) // 2}
        assert await shop.visible() == {("old", 16)}
        await shop.index(old)  # as a server does that starts meanwhile
        await shop.index(new, switch=True)
        assert len(broken.texts) + len(new.texts) == 2 * PRODUCTS
        assert await shop.vectors() == {"new": PRODUCTS}

    async def test_the_same_model_with_other_dimensions_is_another(self, shop: Shop) -> None:
        await shop.index(Words(dimensions=16))
        await shop.index(Words(dimensions=24), switch=True)
        assert await shop.visible() == {("words", 24)}

    async def test_nobody_switches_without_meaning_to(self, shop: Shop) -> None:
        await shop.index(Words("old"))
        with pytest.raises(OtherModel, match=r"old \(16 dim.*new \(24 dim.* zava-server db embed"):
            await shop.index(Words("new", 24))
        assert await shop.vectors() == {"old": PRODUCTS}

    async def test_a_model_without_any_vector_gives_way(self, shop: Shop) -> None:
        broken = Words("broken")
        broken.fails_after = 0
        with pytest.raises(AIUnavailable):
            await shop.index(broken)
        await shop.index(Words("sound"))
        assert await shop.visible() == {("sound", 16)}


class TestComparing:
    async def test_a_query_of_another_model_is_refused(self, shop: Shop) -> None:
        await shop.index(Words("old"))
        with pytest.raises(OtherModel, match=r"are of old .* is of new .* zava-server db embed"):
            await shop.search(Words("new"), "thing")

    async def test_a_query_of_other_dimensions_is_refused(self, shop: Shop) -> None:
        await shop.index(Words(dimensions=16))
        with pytest.raises(OtherModel, match="16 dimensions"):
            await shop.search(Words(dimensions=24), "thing")

    async def test_without_vectors_nothing_is_found(self, shop: Shop) -> None:
        assert await shop.search(Words(), "thing") == []

    @pytest.mark.parametrize("dimensions", [1536, 3072])
    async def test_long_vectors_are_kept_and_found(self, shop: Shop, dimensions: int) -> None:
        embedder = Words(dimensions=dimensions)
        await shop.index(embedder)
        (found,) = await shop.search(embedder, "thing 42", asked=1)
        assert found == UUID("42".rjust(32, "0"))

    async def test_only_wanted_products_are_found(self, shop: Shop) -> None:
        embedder = Words()
        await shop.index(embedder)
        wanted = [UUID(str(n).rjust(32, "0")) for n in (5, 6, 7)]
        assert sorted(await shop.search(embedder, "thing 42", wanted=wanted)) == wanted
        assert await shop.search(embedder, "thing 42", wanted=[]) == []

    async def test_what_is_less_similar_than_asked_for_is_left_out(self, shop: Shop) -> None:
        embedder = Words()
        await shop.index(embedder)
        every = await shop.search(embedder, "thing 42", asked=PRODUCTS)
        near = await shop.search(embedder, "thing 42", asked=PRODUCTS, threshold=0.7)
        assert near == every[: len(near)]
        assert 0 < len(near) < len(every) == PRODUCTS


class TestIndex:
    @pytest.fixture(autouse=True)
    def _at_a_hundred(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vector_index, "INDEX_FROM", 100)

    @pytest.mark.parametrize(("dimensions", "kind"), [(16, "vector"), (1536, "halfvec")])
    async def test_many_vectors_get_an_index_and_searches_use_it(
        self, shop: Shop, dimensions: int, kind: str
    ) -> None:
        embedder = Words(dimensions=dimensions)
        assert (await shop.index(embedder)).approximate
        (definition,) = await shop.indexes()
        assert f"ivfflat (((description_embedding)::{kind}({dimensions}))" in definition
        # So few are sorted faster than the index is read.
        await shop.reader.execute("SET enable_sort = off")
        before = await shop.scans()
        (found,) = await shop.search(embedder, "thing 42", asked=1)
        assert found == UUID("42".rjust(32, "0"))
        assert await shop.scans(more_than=before) > before

    async def test_searches_read_as_many_lists_as_were_measured(self, shop: Shop) -> None:
        await shop.index(Words())
        probes = await shop.owner.fetchval("SELECT probes FROM zava.embedding_models WHERE serving")
        settings = await shop.owner.fetchval(
            "SELECT proconfig FROM pg_proc WHERE proname = 'search_products_by_description'"
        )
        assert f"ivfflat.probes={probes}" in settings

    async def test_a_switch_brings_the_lists_of_its_own_index_along(self, shop: Shop) -> None:
        await shop.index(Words())
        await shop.owner.execute("UPDATE zava.embedding_models SET probes = 3")
        await shop.index(Words("another", 16), switch=True)
        probes = await shop.owner.fetchval("SELECT probes FROM zava.embedding_models WHERE serving")
        settings = await shop.owner.fetchval(
            "SELECT proconfig FROM pg_proc WHERE proname = 'search_products_by_description'"
        )
        assert f"ivfflat.probes={probes}" in settings
        assert probes != 3

    async def test_a_catalogue_that_has_outgrown_its_lists_gets_more(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(vector_index, "_FEWEST_LISTS", 2)
        await shop.index(Words())
        monkeypatch.setattr(vector_index, "_FEWEST_LISTS", 9)
        await shop.index(Words())
        (definition,) = await shop.indexes()
        assert "lists='9'" in definition

    async def test_a_start_reads_the_index_into_memory(self, shop: Shop) -> None:
        await shop.index(Words())
        before = await shop.blocks_read()
        pages = await shop.owner.fetchval(
            "SELECT sum(pg_relation_size(oid)) / 8192 FROM pg_class"
            " WHERE relname LIKE 'embeddings_lists_%'"
        )
        await shop.index(Words())
        assert await shop.blocks_read() >= before + pages > before

    async def test_callers_cannot_push_others_out_of_memory(self, shop: Shop) -> None:
        for name in ("pg_prewarm", "autoprewarm_start_worker", "autoprewarm_dump_now"):
            assert not await shop.owner.fetchval(
                "SELECT bool_or(has_function_privilege('viewers', oid, 'EXECUTE'))"
                " FROM pg_proc WHERE proname = $1",
                name,
            )

    async def test_few_vectors_get_none(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(vector_index, "INDEX_FROM", PRODUCTS + 1)
        assert not (await shop.index(Words())).approximate
        assert await shop.indexes() == []

    async def test_vectors_too_long_for_an_index_are_compared_one_by_one(self, shop: Shop) -> None:
        embedder = Words(dimensions=4001)
        assert not (await shop.index(embedder)).approximate
        assert len(await shop.search(embedder, "thing 42")) == 10

    async def test_a_build_that_was_interrupted_is_begun_anew(self, shop: Shop) -> None:
        await shop.index(Words())
        await shop.owner.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid IN (SELECT oid FROM pg_class "
            "WHERE relname LIKE 'embeddings_lists_%')"
        )
        await shop.index(Words())
        assert len(await shop.indexes()) == 1

    async def test_a_switch_leaves_the_new_index_alone(self, shop: Shop) -> None:
        await shop.index(Words("old"))
        await shop.index(Words("new", 24), switch=True)
        (definition,) = await shop.indexes()
        assert "24" in definition

    async def test_as_many_come_as_are_asked_for_whatever_the_filter_keeps(
        self, shop: Shop, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        embedder = Words()
        await shop.add(12_000, first=PRODUCTS)
        await shop.index(embedder)
        every = [UUID(str(n).rjust(32, "0")) for n in range(PRODUCTS + 12_000)]
        for wanted in (every[::100], every[: 11 * 1000], every[1000:]):
            found = await shop.search(embedder, "thing 42", asked=20, wanted=wanted)
            assert len(found) == 20
            assert set(found) <= set(wanted)

    async def test_a_callers_own_sql_gets_as_many_as_it_asks_for(self, shop: Shop) -> None:
        embedder = Words()
        await shop.add(6_000, first=PRODUCTS)
        await shop.index(embedder)
        found = await shop.search(embedder, "thing 42", asked=PRODUCTS + 6_000)
        assert len(found) == PRODUCTS + 6_000
