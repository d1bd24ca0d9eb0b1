"""What may be asked of a search, checked."""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from zava_server.business.search.query_text import cleaned
from zava_server.data.catalogue import ProductFilter
from zava_server.infrastructure.errors import AuthorizationError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from zava_server.data.catalogue import Catalogue
    from zava_server.data.identity import Identity

Mode = Literal["auto", "semantic", "lexical"]

_MOST_HITS = 100
_LONGEST_QUERY = 10_000
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """A search; prices in US dollars, `threshold` the lowest similarity or None for the default.

    `category` names a category or product type, `store` one of the caller's stores.
    """

    query: str
    max_rows: int = 20
    threshold: float | None = None
    mode: Mode = "auto"
    category: str | None = None
    min_price: float | None = None
    max_price: float | None = None
    in_stock: bool = False
    store: str | None = None


async def filter_of(
    identity: Identity, request: SearchRequest, catalogue: Catalogue
) -> ProductFilter:
    """The filter of a request.

    Raises ValidationError for what cannot be, AuthorizationError for a store of others.
    """
    _check(request)
    category = cleaned(request.category) if request.category else None
    if category:
        names = await catalogue.categories_unless(identity, category)
        if names is not None:
            raise _unknown_category(category, names)
    return ProductFilter(
        category or None,
        request.min_price,
        request.max_price,
        request.in_stock,
        _own_store(identity, request),
    )


def _check(request: SearchRequest) -> None:
    if len(request.query) > _LONGEST_QUERY:
        raise ValidationError(
            f"query_description is over {_LONGEST_QUERY:,} characters.", "Say it in a few words."
        )
    if not 1 <= request.max_rows <= _MOST_HITS:
        raise ValidationError(f"max_rows must be from 1 to {_MOST_HITS}.")
    if request.threshold is not None and not 0 <= request.threshold <= 1:
        raise ValidationError("similarity_threshold must be from 0 to 1.")
    for name, price in (("min_price", request.min_price), ("max_price", request.max_price)):
        if price is not None and not (math.isfinite(price) and price >= 0):
            raise ValidationError(f"{name} must be a price, 0 or more.")
    if None not in (request.min_price, request.max_price) and (
        (request.min_price or 0) > (request.max_price or 0)
    ):
        raise ValidationError("min_price is above max_price.", "Swap them, or leave one out.")
    for name, text in (("category", request.category), ("store", request.store)):
        if text is not None and len(text) > _LONGEST_NAME:
            raise ValidationError(f"{name} is over {_LONGEST_NAME} characters.")


def _own_store(identity: Identity, request: SearchRequest) -> UUID | None:
    if not identity.store_ids and (request.in_stock or request.store):
        raise AuthorizationError(
            "You have no stores, and so no stock to look at.",
            "Leave out in_stock and store.",
        )
    wanted = cleaned(request.store).lower() if request.store else ""
    if not wanted:
        return None
    for store_id, name in zip(identity.store_ids, identity.store_names, strict=True):
        if wanted in (name.lower(), str(store_id)):
            return store_id
    own = ", ".join(identity.store_names)
    raise AuthorizationError(f"There is no store {wanted} among yours.", f"Yours: {own}.")


def _unknown_category(category: str, names: Sequence[str]) -> ValidationError:
    near = difflib.get_close_matches(category, names, n=1)
    message = f"There is no category or product type {category}."
    if near:
        message += f" Did you mean {near[0]}?"
    return ValidationError(message, f"Categories: {', '.join(names)}.")
