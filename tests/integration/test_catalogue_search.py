"""What the search finds with the real model over the demo catalogue, and what it says if not."""

from __future__ import annotations

from collections.abc import AsyncIterator

import asyncpg
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.conftest import Staff
from zava_server.business.catalogue_search import CatalogueSearch, SearchAnswer, SearchRequest
from zava_server.business.search.requests import Mode
from zava_server.data.catalogue import Catalogue, Coverage
from zava_server.data.identity import Identity
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.embedders.embedder import CachedEmbedder, Embedder
from zava_server.infrastructure.embedders.local import PACKAGE_MODEL, LocalEmbedder
from zava_server.infrastructure.errors import (
    AIUnavailable,
    AuthorizationError,
    ValidationError,
)

MODES: tuple[Mode, ...] = ("auto", "semantic", "lexical")
SINK = "something to stop water leaking under the sink"


class BrokenEmbedder:
    """Stands in for an endpoint that does not answer."""

    name = "openai"
    model = "unreachable"
    dimensions = 384

    async def embed_documents(self, texts: object) -> NDArray[np.float32]:
        raise AIUnavailable("The embedding endpoint cannot be reached.")

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        raise AIUnavailable("The embedding endpoint cannot be reached.")

    async def close(self) -> None:
        pass


class OfAnotherModel(BrokenEmbedder):
    """Answers, but with vectors that must not be compared with the catalogue's."""

    async def embed_query(self, text: str) -> NDArray[np.float32]:
        return np.full(384, 384**-0.5, np.float32)


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[Embedder]:
    embedder = CachedEmbedder(LocalEmbedder())
    yield embedder
    await embedder.close()


@pytest.fixture
def search(transactions: ReadTransactions, embedder: Embedder) -> CatalogueSearch:
    return CatalogueSearch(Catalogue(transactions), embedder)


@pytest.fixture
def seattle(staff: Staff) -> Identity:
    return staff["seattle"]


def names(answer: SearchAnswer) -> list[str]:
    return [hit.product.name for hit in answer.hits]


def skus(answer: SearchAnswer) -> list[str]:
    return [hit.product.sku for hit in answer.hits]


class TestAuto:
    async def test_a_need_finds_what_meets_it(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest(SINK))
        assert {"PL-SEA-001", "PL-SEA-003"} <= set(skus(answer)[:5])
        assert (answer.mode, answer.notice) == ("semantic", None)
        assert {hit.match for hit in answer.hits} == {"meaning"}

    @pytest.mark.parametrize("query", ["PL-SEA-001", " pl sea 001 ", "plsea001"])
    async def test_a_sku_finds_its_product_alone(
        self, search: CatalogueSearch, seattle: Identity, query: str
    ) -> None:
        answer = await search.search(seattle, SearchRequest(query))
        assert skus(answer) == ["PL-SEA-001"]
        assert (answer.mode, answer.hits[0].match) == ("exact", "sku")

    async def test_the_start_of_a_sku_finds_all_that_begin_so(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("PL-SEA"))
        assert skus(answer) == [f"PL-SEA-00{n}" for n in range(1, 7)]

    async def test_a_sku_in_a_sentence_comes_first(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("tape like PL-SEA-002 please"))
        assert answer.hits[0].product.sku == "PL-SEA-002"
        assert len(answer.hits) == len(set(skus(answer))) > 1

    async def test_an_exact_name_comes_first_and_others_follow(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("10 in folding pruning saw"))
        assert (answer.hits[0].product.sku, answer.hits[0].match) == ("GO-PRU-005", "name")
        assert len(answer.hits) > 1

    async def test_hits_are_in_the_order_of_their_similarity(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("paint for a damp bathroom"))
        similarities = [hit.product.similarity for hit in answer.hits]
        assert similarities == sorted(similarities, reverse=True)
        assert all(0 <= similarity <= 1 for similarity in similarities)

    async def test_a_misspelt_word_is_corrected_and_said(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("thermastat"))
        assert answer.hits[0].product.sku == "EL-HEA-006"
        assert answer.notice == "Searched for “thermostat”."

    async def test_words_the_model_knows_are_not_corrected(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("torch for a power cut"))
        assert answer.notice is None

    @pytest.mark.parametrize(
        "query", ["asdf qwer", "flight to Paris", "help with my tax return", "who won the cup"]
    )
    async def test_nonsense_and_other_worlds_find_nothing(
        self, search: CatalogueSearch, seattle: Identity, query: str
    ) -> None:
        answer = await search.search(seattle, SearchRequest(query))
        assert not answer.hits
        assert answer.notice == "Nothing in the catalogue comes near this."

    @pytest.mark.parametrize("query", ["washing machine", "kitchen sink", "snow blower"])
    async def test_a_near_miss_is_shown_as_one(
        self, search: CatalogueSearch, seattle: Identity, query: str
    ) -> None:
        answer = await search.search(seattle, SearchRequest(query))
        assert answer.hits
        assert all(hit.weak for hit in answer.hits)
        assert answer.notice == (
            f"No product is named “{query}”; these come nearest to it, and may or may not be right."
        )

    @pytest.mark.parametrize("query", ["claw hammer", "primers", "plumbing", "smoke alarm"])
    async def test_what_the_shop_has_is_not_weak(
        self, search: CatalogueSearch, seattle: Identity, query: str
    ) -> None:
        answer = await search.search(seattle, SearchRequest(query))
        assert not answer.hits[0].weak
        assert answer.notice is None

    async def test_another_language_is_noticed(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("mein Wasserhahn tropft und ist alt"))
        assert "English" in (answer.notice or "")

    @pytest.mark.parametrize("query", ["😀😀", "?!", "—"])
    async def test_what_has_no_word_finds_nothing_and_says_why(
        self, search: CatalogueSearch, seattle: Identity, query: str
    ) -> None:
        answer = await search.search(seattle, SearchRequest(query))
        assert not answer.hits
        assert answer.notice == "There is no word in this to search by."

    @pytest.mark.parametrize(
        "query",
        [
            "leak under the sink " * 499,
            "x" * 10_000,
            "tap\0washer",
            "'; DROP TABLE products; --",
            "tap \\ %_",
            "a" * 300 + " & | ! :*",
            "\ud800 tap",
        ],
    )
    async def test_odd_text_is_text(
        self, search: CatalogueSearch, seattle: Identity, query: str
    ) -> None:
        for mode in MODES:
            await search.search(seattle, SearchRequest(query, mode=mode))

    @pytest.mark.parametrize("query", ["", "  \n", "x" * 10_001])
    async def test_nothing_and_too_much_are_refused(
        self, search: CatalogueSearch, seattle: Identity, query: str
    ) -> None:
        with pytest.raises(ValidationError):
            await search.search(seattle, SearchRequest(query))


class TestLexical:
    async def test_it_says_which_words_matched(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("leaking sinks", mode="lexical"))
        assert answer.mode == "lexical"
        assert answer.hits[0].match == "words: leaking, sinks"

    async def test_endings_do_not_matter(self, search: CatalogueSearch, seattle: Identity) -> None:
        one, other = [
            skus(await search.search(seattle, SearchRequest(query, mode="lexical")))
            for query in ("paint brush", "painting brushes")
        ]
        assert one == other != []

    async def test_a_word_that_is_still_being_typed_counts(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("toilet plun", mode="lexical"))
        assert answer.hits[0].product.sku == "PL-DRN-004"

    async def test_a_typo_is_forgiven(self, search: CatalogueSearch, seattle: Identity) -> None:
        answer = await search.search(seattle, SearchRequest("fawcet washer", mode="lexical"))
        assert answer.hits[0].product.sku == "PL-FRP-001"
        assert "Searched for “faucet washer”." in (answer.notice or "")


class TestWithoutMeaning:
    async def test_words_stand_in_for_an_embedder_that_fails(
        self, transactions: ReadTransactions, seattle: Identity
    ) -> None:
        broken = CatalogueSearch(_Covered(transactions), BrokenEmbedder())
        answer = await broken.search(seattle, SearchRequest("faucet washer"))
        assert answer.mode == "lexical"
        assert answer.hits[0].product.sku == "PL-FRP-001"
        assert "cannot be reached" in (answer.notice or "")

    async def test_meaning_alone_fails_with_its_reason(
        self, transactions: ReadTransactions, seattle: Identity
    ) -> None:
        broken = CatalogueSearch(Catalogue(transactions), BrokenEmbedder())
        with pytest.raises(AIUnavailable, match="cannot be reached"):
            await broken.search(seattle, SearchRequest("faucet washer", mode="semantic"))

    async def test_vectors_of_another_model_are_never_compared(
        self, transactions: ReadTransactions, seattle: Identity
    ) -> None:
        other = CatalogueSearch(_Covered(transactions), OfAnotherModel())
        answer = await other.search(seattle, SearchRequest("faucet washer"))
        assert answer.mode == "lexical"
        assert "db embed" in (answer.notice or "")

    async def test_a_server_of_another_model_than_the_catalogues_names_both(
        self, transactions: ReadTransactions, seattle: Identity
    ) -> None:
        other = CatalogueSearch(Catalogue(transactions), OfAnotherModel())
        answer = await other.search(seattle, SearchRequest("faucet washer"))
        assert answer.mode == "lexical"
        for part in ("unreachable", PACKAGE_MODEL, "db embed"):
            assert part in (answer.notice or "")

    async def test_words_stand_in_while_most_vectors_are_missing(
        self, transactions: ReadTransactions, seattle: Identity
    ) -> None:
        begun = CatalogueSearch(_HardlyBegun(transactions), BrokenEmbedder())
        answer = await begun.search(seattle, SearchRequest("faucet washer"))
        assert (answer.mode, answer.hits[0].product.sku) == ("lexical", "PL-FRP-001")
        assert "The search index is being made: 3 of 515 products" in (answer.notice or "")


class _Covered(Catalogue):
    """A catalogue that takes itself for covered by any model."""

    async def coverage(self, identity: Identity, model: str) -> Coverage:
        return Coverage(1, 1)


class _HardlyBegun(Catalogue):
    """A catalogue whose vectors are still being made."""

    async def coverage(self, identity: Identity, model: str) -> Coverage:
        return Coverage(3, 515)


class TestFilters:
    async def test_by_category_and_by_product_type(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        for name in ("plumbing", "Thread Sealants"):
            answer = await search.search(seattle, SearchRequest("tape", category=name))
            assert {hit.product.category for hit in answer.hits} == {"Plumbing"}

    async def test_an_unknown_category_is_refused_with_the_nearest(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        with pytest.raises(ValidationError, match="Did you mean Plumbing"):
            await search.search(seattle, SearchRequest("tape", category="Plumbin"))

    async def test_by_price_both_ends_included(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        request = SearchRequest("hammer", min_price=14.99, max_price=34.97)
        prices = [hit.product.price for hit in (await search.search(seattle, request)).hits]
        assert prices
        assert all(14.99 <= price <= 34.97 for price in prices)

    async def test_a_filter_holds_for_a_sku_too(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.search(seattle, SearchRequest("PL-SEA-001", min_price=100))
        assert "PL-SEA-001" not in skus(answer)

    async def test_in_stock_is_what_the_callers_stores_have(
        self, search: CatalogueSearch, owner: asyncpg.Connection, staff: Staff
    ) -> None:
        request = SearchRequest("screws and nails", max_rows=100, in_stock=True, threshold=0.0)
        for handle in ("seattle", "puget-sound"):
            answer = await search.search(staff[handle], request)
            stocked = await owner.fetch(
                "SELECT p.sku, sum(i.stock_level) AS stock FROM retail.inventory AS i"
                " JOIN retail.products AS p USING (product_id)"
                " WHERE i.store_id = ANY ($1) GROUP BY 1",
                list(staff[handle].store_ids),
            )
            levels = {row["sku"]: row["stock"] for row in stocked}
            assert answer.hits
            assert all(hit.product.stock == levels[hit.product.sku] > 0 for hit in answer.hits)

    async def test_a_store_is_one_of_ones_own(self, search: CatalogueSearch, staff: Staff) -> None:
        answer = await search.search(staff["puget-sound"], SearchRequest("hammer", store="tacoma"))
        assert answer.hits
        with pytest.raises(AuthorizationError, match="among yours"):
            await search.search(staff["tacoma"], SearchRequest("hammer", store="Seattle"))

    async def test_who_has_no_stores_sees_products_without_stock(
        self, search: CatalogueSearch, staff: Staff
    ) -> None:
        answer = await search.search(staff["catalogue-agent"], SearchRequest("hammer"))
        assert answer.hits
        assert all(hit.product.stock is None for hit in answer.hits)
        with pytest.raises(AuthorizationError):
            await search.search(staff["catalogue-agent"], SearchRequest("tap", in_stock=True))

    @pytest.mark.parametrize(
        "wrong",
        [
            {"max_rows": 0},
            {"max_rows": 101},
            {"threshold": 2.0},
            {"min_price": -1.0},
            {"max_price": float("nan")},
            {"min_price": 2.0, "max_price": 1.0},
        ],
    )
    async def test_what_cannot_be_is_refused(
        self, search: CatalogueSearch, seattle: Identity, wrong: dict[str, float]
    ) -> None:
        with pytest.raises(ValidationError):
            await search.search(seattle, SearchRequest("tap", **wrong))  # type: ignore[arg-type]  # that is the point


class TestSimilarProducts:
    async def test_they_serve_the_same_purpose(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        answer = await search.similar(seattle, SearchRequest("pl-toi-001", max_rows=3))
        assert "PL-TOI-001" not in skus(answer)
        assert "PL-TOI-002" in skus(answer)
        assert {hit.match for hit in answer.hits} == {"like PL-TOI-001"}

    async def test_an_unknown_sku_is_refused(
        self, search: CatalogueSearch, seattle: Identity
    ) -> None:
        with pytest.raises(ValidationError, match="no product with this SKU"):
            await search.similar(seattle, SearchRequest("XX-YYY-999"))


class TestWords:
    async def test_words_follow_the_catalogue(self, owner: asyncpg.Connection) -> None:
        stems = "SELECT tsvector_to_array(words) FROM zava.product_words WHERE product_id = $1"
        product = await owner.fetchval(
            "INSERT INTO retail.products (sku, name, category_id, type_id, base_price)"
            " SELECT 'ZZ-1', 'Blimpish Gizmo', category_id, type_id, 1"
            " FROM retail.product_types LIMIT 1 RETURNING product_id"
        )
        assert "blimpish" in await owner.fetchval(stems, product)
        known = "SELECT count(*) FROM zava.catalogue_words WHERE word = $1"
        assert await owner.fetchval(known, "blimpish") == 1
        await owner.execute(
            "UPDATE retail.products SET name = 'Gizmo' WHERE product_id = $1", product
        )
        assert "blimpish" not in await owner.fetchval(stems, product)
        await owner.execute("UPDATE retail.categories SET name = name || ' wobblish'")
        assert "wobblish" in await owner.fetchval(stems, product)
        await owner.execute("DELETE FROM retail.products WHERE product_id = $1", product)
        assert await owner.fetchval(stems, product) is None

    async def test_words_that_look_alike_are_found(self, owner: asyncpg.Connection) -> None:
        similar = "SELECT array(SELECT zava.similar_words('fawcet', 12))"
        assert "faucet" in await owner.fetchval(similar)
