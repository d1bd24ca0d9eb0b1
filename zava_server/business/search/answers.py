"""What a search answers, and how sure it is of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.business.search.naming import is_called
from zava_server.data.catalogue import ProductHit  # noqa: TC001 - the cache reads it

if TYPE_CHECKING:
    from zava_server.business.search.bars import Bars


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A product found; `weak` when it is near but may not be what was asked for.

    `match` says how it was found: `sku`, `name`, `meaning`, `words: …`, `like SKU`.
    """

    product: ProductHit
    match: str
    weak: bool


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Hits, best first, and a notice when they need one.

    `mode` is how they were found: `exact`, `semantic` or `lexical`. `is_makeshift` where they would
    have been found otherwise if all were well.
    """

    hits: Sequence[SearchHit]
    mode: str
    notice: str | None
    elapsed_ms: float
    is_makeshift: bool = False


def judged(
    label: Sequence[str] | None,
    products: Sequence[ProductHit],
    bars: Bars,
    words_by_stem: Mapping[str, str],
) -> list[SearchHit]:
    """Hits, weak where they are not similar enough or not what the label calls them."""
    return [
        SearchHit(product, _match(product, words_by_stem), _is_weak(label, product, bars))
        for product in products
    ]


def notice_about(hits: Sequence[SearchHit], label: Sequence[str] | None) -> str | None:
    """A caveat where nothing was found, or nothing that is sure to be right."""
    if not hits:
        return "Nothing in the catalogue comes near this."
    if not all(hit.weak for hit in hits):
        return None
    if label:
        name = " ".join(label)
        return (
            f"No product is named “{name}”; these come nearest to it, and may or may not be right."
        )
    return "No product fits this well; these come nearest."


def _is_weak(label: Sequence[str] | None, product: ProductHit, bars: Bars) -> bool:
    if product.similarity < bars.near:
        return True
    if label is None:
        return False
    kind = f"{product.product_type} {product.category}"
    # A share of words says nothing about how like the things are.
    likeness = 0.0 if product.by else product.similarity
    return not is_called(label, product.name, kind, likeness)


def _match(product: ProductHit, words_by_stem: Mapping[str, str]) -> str:
    if not product.by:
        return "meaning"
    words = dict.fromkeys(words_by_stem.get(stem, stem) for stem in product.by)
    return f"words: {', '.join(words)}"
