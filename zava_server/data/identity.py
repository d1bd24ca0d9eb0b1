"""Who is asking, and the signature by which the database believes it (Wall 3)."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.data.signing_keys import THE_SERVER
from zava_server.infrastructure.errors import DatabaseUnavailable, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.signing_keys import Signer

    AnyConnection = asyncpg.Connection | PoolConnectionProxy

_LOOK_UP_SECONDS = 10.0

DATABASE_ROLES = {
    "store_manager": "store_managers",
    "regional_manager": "regional_managers",
    "head_office": "head_office",
    "viewer": "viewers",
}
"""The PostgreSQL role that speaks for each role of users."""


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as the database knows them; `store_ids` and `store_names` go together."""

    user_id: UUID
    handle: str
    display_name: str
    role: str
    permissions: frozenset[str]
    version: int
    store_ids: tuple[UUID, ...]
    store_names: tuple[str, ...]

    @property
    def database_role(self) -> str:
        """The PostgreSQL role whose policies apply."""
        return DATABASE_ROLES[self.role]


async def find_user(connection: AnyConnection, signer: Signer, handle: str) -> Identity | None:
    """The user with this handle, if there is one. For zava_app, as the server."""
    users = await _find_users(connection, signer, handle)
    return users[0] if users else None


async def list_users(connection: AnyConnection, signer: Signer) -> Sequence[Identity]:
    """All users, store managers first. For zava_app, as the server."""
    return await _find_users(connection, signer, None)


async def describe_users(owner: asyncpg.Connection) -> Sequence[Identity]:
    """All users, store managers first. For the owner."""
    return _identities(await owner.fetch("SELECT * FROM identity.describe_users(NULL)"))


async def _find_users(
    connection: AnyConnection, signer: Signer, handle: str | None
) -> list[Identity]:
    return _identities(
        await ask_as_server(connection, signer, "SELECT * FROM identity.find_users($1)", handle)
    )


async def ask_as_server(
    connection: AnyConnection, signer: Signer, question: str, argument: object
) -> list[asyncpg.Record]:
    """What the database answers to the server alone. For zava_app.

    Raises DatabaseUnavailable where it does not believe the signature.
    """
    async with connection.transaction(readonly=True):
        proof = signer.sign(THE_SERVER, _LOOK_UP_SECONDS)
        await connection.execute("SELECT set_config('zava.identity', $1, true)", proof)
        if await connection.fetchval("SELECT identity.is_server()") is not True:
            raise identity_refused()
        return await connection.fetch(question, argument)


def _identities(rows: Sequence[asyncpg.Record]) -> list[Identity]:
    return [identity_of(row) for row in rows]


def identity_of(row: asyncpg.Record) -> Identity:
    """The user in a row that has the columns of `identity.describe_users`."""
    return Identity(
        user_id=row["user_id"],
        handle=row["handle"],
        display_name=row["display_name"],
        role=row["role"],
        permissions=frozenset(row["permissions"]),
        version=row["version"],
        store_ids=tuple(row["store_ids"]),
        store_names=tuple(row["store_names"]),
    )


class IdentityRefused(DatabaseUnavailable):
    """The database did not believe the identity it was sent."""


def identity_refused() -> IdentityRefused:
    """What to do then."""
    return IdentityRefused(
        "The database does not recognise the server's signature.",
        "Check that ZAVA_IDENTITY_KEY_FILE belongs to this database and that both clocks agree.",
    )


def unknown_user(handle: str | None, users: Sequence[Identity]) -> ValidationError:
    """The error for a missing or unknown user, naming the nearest and those there are."""
    handles = [user.handle for user in users]
    known = ", ".join(handles)
    message = f"There is no user {handle}." if handle else "No user is given."
    if near := difflib.get_close_matches((handle or "").lower(), handles, n=1):
        message += f" Did you mean {near[0]}?"
    return ValidationError(message, f"Pass --user or set ZAVA_USER to one of: {known}.")
