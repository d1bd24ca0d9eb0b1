"""The tokens that were issued: entered, listed and revoked by the owner, found by the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from zava_server.data.identity import Identity, ask_as_server, identity_of
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import asyncpg

    from zava_server.data.identity import AnyConnection
    from zava_server.data.signing_keys import Signer

QUERY, SEARCH, METRICS, OPS = "query", "search", "metrics", "ops"
SCOPES = (QUERY, SEARCH, METRICS, OPS)
"""What a token may open."""

_ENTER = """
INSERT INTO identity.tokens (token_id, user_id, scopes, expires_at)
SELECT $1, user_id, $3, $4 FROM identity.users WHERE handle = $2
"""
_LIST = """
SELECT t.token_id, u.handle, t.scopes, t.issued_at, t.expires_at, t.revoked_at,
    CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
        WHEN t.expires_at <= now() THEN 'expired' ELSE 'good' END AS state
FROM identity.tokens AS t JOIN identity.users AS u USING (user_id)
ORDER BY t.issued_at, t.token_id
"""
_REVOKE = """
UPDATE identity.tokens SET revoked_at = coalesce(revoked_at, now()) WHERE token_id = $1
"""


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token in the register; `state` is `good`, `expired` or `revoked`."""

    token_id: UUID
    handle: str
    scopes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class Admission:
    """Whom a token that is good now speaks for, and which tools it opens."""

    identity: Identity
    scopes: frozenset[str]


async def enter_token(
    owner: asyncpg.Connection, handle: str, scopes: Sequence[str], expires: datetime
) -> UUID:
    """Puts a new token into the register and gives its id. Raises ValidationError for nobody."""
    token_id = uuid4()
    if await owner.execute(_ENTER, token_id, handle, list(scopes), expires) != "INSERT 0 1":
        raise ValidationError(f"There is no user {handle}.")
    return token_id


async def list_tokens(owner: asyncpg.Connection) -> list[IssuedToken]:
    """All tokens of all users, oldest first."""
    return [
        IssuedToken(
            token_id=row["token_id"],
            handle=row["handle"],
            scopes=tuple(row["scopes"]),
            issued_at=row["issued_at"],
            expires_at=row["expires_at"],
            revoked_at=row["revoked_at"],
            state=row["state"],
        )
        for row in await owner.fetch(_LIST)
    ]


async def revoke_token(owner: asyncpg.Connection, token_id: UUID) -> None:
    """Ends a token; one that was revoked before stays so. Raises ValidationError for no token."""
    if await owner.execute(_REVOKE, token_id) != "UPDATE 1":
        raise ValidationError(
            f"There is no token {token_id}.", "See them with: zava-server token list"
        )


async def find_token(connection: AnyConnection, signer: Signer, token_id: UUID) -> Admission | None:
    """A token that is good now, with its user. For zava_app, as the server."""
    rows = await ask_as_server(
        connection, signer, "SELECT * FROM identity.find_token($1)", token_id
    )
    return Admission(identity_of(rows[0]), frozenset(rows[0]["scopes"])) if rows else None
