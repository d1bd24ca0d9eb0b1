"""Tools that search the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastmcp.tools.base import ToolResult
from pydantic import Field

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


def add_catalogue_tools(server: FastMCP, session: Session) -> None:
    """Adds `semantic_search_products`."""

    @server.tool(
        title="Search products by meaning",
        output_schema=_HITS_SCHEMA,
        annotations={"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
    )
    async def semantic_search_products(
        query_description: Annotated[
            str,
            Field(
                description="What the product should do, in a shopper's words, for example: "
                "something to stop water leaking under the sink. A SKU or exact name works too."
            ),
        ],
        max_rows: Annotated[int, Field(description="Hits at most, 1 to 100.")] = 20,
        similarity_threshold: Annotated[
            float | None,
            Field(description="Lowest similarity, 0 to 1; leave out for the calibrated default."),
        ] = None,
    ) -> ToolResult:
        """Find products by what they are for, best first, with price and stock in your stores.

        Weak hits are near but may not be what was asked for; say so when you use one.
        """
        answer = await session.services.catalogue_search.search(
            session.identity, query_description, max_rows, similarity_threshold
        )
        return _result(answer)


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
