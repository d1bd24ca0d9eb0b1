"""Which of the caller's stores a question is about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import AuthorizationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from zava_server.data.identity import Identity

ALL = "all"
"""Asks for all of one's stores together, as does leaving the store out."""


def own_stores(identity: Identity, store: str | None) -> Sequence[UUID]:
    """The ids of the store that is named, by name in any case or by id, or of all the caller has.

    Raises AuthorizationError for any other store, whether it exists or not.
    """
    if not identity.store_ids:
        raise AuthorizationError(
            "You have no stores, and sales are the stores' own.",
            "The catalogue is open to you: semantic_search_products.",
        )
    wanted = (store or ALL).strip().casefold()
    for store_id, name in zip(identity.store_ids, identity.store_names, strict=True):
        if wanted in (name.casefold(), str(store_id)):
            return [store_id]
    if wanted == ALL:
        return identity.store_ids
    raise AuthorizationError(
        "This is not one of your stores.",
        f"Yours: {', '.join(identity.store_names[:20])}"
        f"{' and more, see whoami' if len(identity.store_names) > 20 else ''}.",
    )
