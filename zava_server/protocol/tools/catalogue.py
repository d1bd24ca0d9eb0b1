"""Tools that search the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastmcp.tools.base import ToolResult
from pydantic import Field

from zava_server.business.catalogue_search import SearchRequest
from zava_server.protocol.rendering import as_csv

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from zava_server.business.catalogue_search import SearchAnswer, SearchHit
    from zava_server.protocol.session import Session

_HITS_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "hits": {"type": "array"},
        "mode": {"type": "string"},
        "notice": {"type": ["string", "null"]},
        "row_count": {"type": "integer"},
        "elapsed_ms": {"type": "number"},
    },
}


_ANNOTATIONS = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}

_MaxRows = Annotated[int, Field(description="Hits at most, 1 to 100.")]
_Threshold = Annotated[
    float | None,
    Field(description="Lowest similarity, 0 to 1; leave out for the calibrated default."),
]
_Category = Annotated[
    str | None,
    Field(description="Only this category or product type, by name, for example: Plumbing."),
]
_MinPrice = Annotated[float | None, Field(description="Lowest price, US dollars.")]
_MaxPrice = Annotated[float | None, Field(description="Highest price, US dollars.")]
_InStock = Annotated[bool, Field(description="Only what is in stock in your stores.")]
_Store = Annotated[
    str | None,
    Field(description="One of your stores by name: only what it carries, with its own stock."),
]


def add_catalogue_tools(server: FastMCP, session: Session) -> None:
    """Adds `semantic_search_products` and `similar_products`."""

    @server.tool(
        title="Search products by meaning",
        output_schema=_HITS_SCHEMA,
        annotations=_ANNOTATIONS,
    )
    async def semantic_search_products(
        query_description: Annotated[
            str,
            Field(
                description="What the product should do, in a shopper's words, for example: "
                "something to stop water leaking under the sink. A SKU or exact name works too."
            ),
        ],
        max_rows: _MaxRows = 20,
        similarity_threshold: _Threshold = None,
        mode: Annotated[
            Literal["auto", "semantic", "lexical"],
            Field(
                description="auto: SKU or name, then meaning with corrected spelling, or words "
                "where there is no embedder; semantic: meaning alone; lexical: words alone."
            ),
        ] = "auto",
        category: _Category = None,
        min_price: _MinPrice = None,
        max_price: _MaxPrice = None,
        in_stock: _InStock = False,
        store: _Store = None,
    ) -> ToolResult:
        """Find products by what they are for, best first, with price and stock in your stores.

        Weak hits are near but may not be what was asked for, and a notice says what else to know
        about the hits; tell people so when you use them.
        """
        request = SearchRequest(
            query_description,
            max_rows,
            similarity_threshold,
            mode,
            category,
            min_price,
            max_price,
            in_stock,
            store,
        )
        search = session.services.catalogue_search
        return _result(await search.search(session.identity, request))

    @server.tool(
        title="Find similar products",
        output_schema=_HITS_SCHEMA,
        annotations=_ANNOTATIONS,
    )
    async def similar_products(
        sku: Annotated[str, Field(description="The SKU of the product to find others like.")],
        max_rows: _MaxRows = 10,
        similarity_threshold: _Threshold = None,
        category: _Category = None,
        min_price: _MinPrice = None,
        max_price: _MaxPrice = None,
        in_stock: _InStock = False,
        store: _Store = None,
    ) -> ToolResult:
        """Find products that serve a like purpose, for example in place of one out of stock.

        Best first, with price and stock in your stores.
        """
        request = SearchRequest(
            sku,
            max_rows,
            similarity_threshold,
            category=category,
            min_price=min_price,
            max_price=max_price,
            in_stock=in_stock,
            store=store,
        )
        search = session.services.catalogue_search
        return _result(await search.similar(session.identity, request))


def _result(answer: SearchAnswer) -> ToolResult:
    hits = [_hit(hit) for hit in answer.hits]
    table = as_csv(list(hits[0]), [list(hit.values()) for hit in hits]) if hits else ""
    return ToolResult(
        content="\n".join(part for part in (answer.notice, table) if part) or "No hits.",
        structured_content={
            "hits": hits,
            "mode": answer.mode,
            "notice": answer.notice,
            "row_count": len(hits),
            "elapsed_ms": round(answer.elapsed_ms, 2),
        },
    )


def _hit(hit: SearchHit) -> dict[str, Any]:
    product = hit.product
    return {
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "product_type": product.product_type,
        "price": product.price,
        "similarity": product.similarity,
        "stock": product.stock,
        "match": hit.match,
        "weak": hit.weak,
    }
