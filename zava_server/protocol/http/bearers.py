"""Whom a bearer token speaks for: one that the server issued, or one of an identity provider."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from zava_server.data.tokens import OPS, SCOPES, Admission

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastmcp.server.auth.providers.jwt import JWTVerifier

    from zava_server.data.directory import Directory
    from zava_server.data.token_keys import TokenKey, TokenKeyFile

# Clocks of providers may be ahead of ours by a little.
_SKEW_SECONDS = 30


class Bearers(Protocol):
    """Knows the bearers of one kind of token."""

    async def find(self, token: str) -> Admission | None:
        """Whom it speaks for; None for a token of another kind, or one that is not good.

        Raises DatabaseUnavailable and Busy when that cannot be found out.
        """


class IssuedTokens:
    """Of tokens that `zava-server token issue` made."""

    def __init__(self, key: TokenKeyFile, directory: Callable[[], Directory]) -> None:
        self._key = key
        self._directory = directory

    async def find(self, token: str) -> Admission | None:
        """The user in the register, who must be the one in the token."""
        claims = self._key.verify(token)
        # One that ends with its key is never of a key that is kept.
        if claims is None or claims.expires is None:
            return None
        entry = await self._directory().token(claims.token_id)
        if entry is None or entry.identity.handle != claims.handle:
            return None
        return Admission(entry.identity, entry.scopes & claims.scopes)


class TemporaryTokens:
    """Of the one token that is good while the server runs."""

    def __init__(self, key: TokenKey, directory: Callable[[], Directory]) -> None:
        self._key = key
        self._directory = directory

    async def find(self, token: str) -> Admission | None:
        """The user whom the token names."""
        claims = self._key.verify(token)
        if claims is None:
            return None
        user = await self._directory().user(claims.handle)
        return Admission(user, claims.scopes) if user else None


class ProviderTokens:
    """Of JWTs of an identity provider, whose keys, issuer and audience `verifier` knows."""

    def __init__(
        self,
        verifier: JWTVerifier,
        directory: Callable[[], Directory],
        *,
        user_claim: str,
        scope_claim: str | None,
    ) -> None:
        self._verifier = verifier
        self._directory = directory
        self._user_claim = user_claim
        self._scope_claim = scope_claim

    async def find(self, token: str) -> Admission | None:
        """The user whom the claim names."""
        verified = await self._verifier.verify_token(token)
        if verified is None or not _is_current(verified.claims):
            return None
        handle = verified.claims.get(self._user_claim)
        if not isinstance(handle, str):
            return None
        scopes = verified.scopes
        if self._scope_claim is not None:
            scopes = _words(verified.claims.get(self._scope_claim))
        user = await self._directory().user(handle)
        return Admission(user, frozenset(scopes)) if user else None


def _is_current(claims: dict[str, Any]) -> bool:
    """Without an end a token would be good for ever: the verifier lets those pass."""
    now = time.time()
    expires, since = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(since, int | float):
        return False
    return now < expires and since <= now + _SKEW_SECONDS


def _words(claim: object) -> list[str]:
    if isinstance(claim, str):
        return claim.split()
    return [word for word in claim if isinstance(word, str)] if isinstance(claim, list) else []


def effective(admission: Admission) -> Admission:
    """What both the token and its user may.

    `ops` takes the scope and the permission: one without the other is neither.
    """
    identity, scopes = admission.identity, admission.scopes & set(SCOPES)
    if OPS in scopes and OPS in identity.permissions:
        return Admission(identity, scopes)
    return Admission(replace(identity, permissions=identity.permissions - {OPS}), scopes - {OPS})
