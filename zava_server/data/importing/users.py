"""Who may see which store: checks of users, and keeping them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.importing.links import NOWHERE, listed_codes
from zava_server.data.importing.tables import EMPTY
from zava_server.data.importing.values import PERMISSIONS, ROLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_server.data.importing.links import Links
    from zava_server.data.importing.tables import Table

_HANDLE = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


def check_users(users: Table, links: Links, *, stores_are_readable: bool) -> Sequence[str]:
    """Checks handles, permissions and how many stores each role has; returns warnings."""
    handles = users.codes["handle"]
    unfit = np.array([*(not _HANDLE.fullmatch(text) for text in handles.texts), False])
    users.reject(
        unfit[handles.numbers],
        "handle",
        "is not made of a-z, 0-9 and . _ - after a letter or digit, 63 at most",
    )
    permissions = listed_codes(users, "permissions")
    strange = np.array([bool(set(given) - PERMISSIONS) for given in permissions], bool)
    users.reject(
        strange, "permissions", f"holds something that is not {' or '.join(sorted(PERMISSIONS))}"
    )
    if stores_are_readable:
        there = links.stores.known | (links.stores.rows != NOWHERE)
        lost = np.array([not there[list(own)].all() for own in links.users_stores], bool)
        users.reject(lost, "store_codes", "there is no such store")

    roles = [None if role == EMPTY else ROLES[role] for role in users.numbers["role"].tolist()]
    counts = [len(own) for own in links.users_stores]
    users.reject(
        np.array(
            [r == "store_manager" and n != 1 for r, n in zip(roles, counts, strict=True)], bool
        ),
        "store_codes",
        "a store_manager has exactly one store",
    )
    users.reject(
        np.array(
            [r == "regional_manager" and n == 0 for r, n in zip(roles, counts, strict=True)], bool
        ),
        "store_codes",
        "a regional_manager has one store at least",
    )
    return [
        f"users: {role} {meaning}, so the store_codes of {number:,} are left out"
        for role, meaning in (
            ("head_office", "sees all stores"),
            ("viewer", "sees no store's figures"),
        )
        if (number := sum(r == role and n > 0 for r, n in zip(roles, counts, strict=True)))
    ]
