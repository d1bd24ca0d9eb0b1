"""The key that signs tokens for HTTP, and the tokens it signs (JWT, RFC 7519, HS256).

It is a key of its own: whoever has it cannot sign identities, and the other way round.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.private_files import write_private

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

_log = structlog.get_logger(__name__)

_KEY_BYTES = 32
_ALGORITHM = "HS256"
_ISSUER = "zava"
_AUDIENCE = "zava"
# Good and bad ones, whose signatures are known again.
_TOKENS_KEPT = 256


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a token with a good signature says of itself."""

    token_id: UUID
    handle: str
    scopes: frozenset[str]
    expires: float | None
    """Seconds since 1970; None for one that ends with its key."""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A key with the name that stands in its tokens. Its repr shows no secret."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"TokenKey({self.key_id!r})"

    @classmethod
    def generate(cls) -> TokenKey:
        """A new random key."""
        return cls(secrets.token_hex(4), secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def from_text(cls, text: str) -> TokenKey:
        """The key in a text of the form `key_id:hex`; raises ValueError."""
        key_id, _, secret = text.strip().partition(":")
        key = cls(key_id, bytes.fromhex(secret))
        if not key_id or len(key.secret) < _KEY_BYTES:
            raise ValueError("too short")
        return key

    @classmethod
    def read(cls, file: Path) -> TokenKey:
        """The key in a file.

        Raises FileNotFoundError when there is none, ValidationError when it cannot be used.
        """
        try:
            return cls.from_text(file.read_text(encoding="ascii"))
        except FileNotFoundError:
            raise
        except PermissionError:
            raise ValidationError(
                f"The token key {file} cannot be read.", "Run as the user who owns it."
            ) from None
        except (ValueError, OSError):
            raise ValidationError(
                f"The token key {file} is damaged.",
                "Restore it from a copy, or remove it and issue all tokens anew.",
            ) from None

    def as_text(self) -> str:
        """The form in which it is kept, which is secret."""
        return f"{self.key_id}:{self.secret.hex()}"

    def write(self, file: Path) -> None:
        """Writes the key where only its owner can read it, whole or not at all."""
        write_private(file, f"{self.as_text()}\n")

    def issue(
        self, token_id: UUID, handle: str, scopes: Sequence[str], expires: datetime | None
    ) -> str:
        """A signed token."""
        claims: dict[str, Any] = {
            "iss": _ISSUER,
            "aud": _AUDIENCE,
            "sub": handle,
            "jti": str(token_id),
            "iat": int(time.time()),
            "scope": " ".join(scopes),
        }
        if expires is not None:
            claims["exp"] = int(expires.timestamp())
        header = {"alg": _ALGORITHM, "typ": "JWT", "kid": self.key_id}
        return jwt.encode(header, claims, self._key(), algorithms=[_ALGORITHM])

    def verify(self, token: str) -> TokenClaims | None:
        """What the token says, if this key has signed it, for this use, and it has not expired."""
        claims = _signed_claims(self, token)
        if claims is not None and claims.expires is not None and not time.time() < claims.expires:
            return None
        return claims

    def _key(self) -> OctKey:
        return OctKey.import_key(self.secret)


@lru_cache(_TOKENS_KEPT)
def _signed_claims(key: TokenKey, token: str) -> TokenClaims | None:
    """What the key has signed for this use, which does not change as time and register do."""
    try:
        claims = jwt.decode(token, key._key(), algorithms=[_ALGORITHM]).claims
        if (claims["iss"], claims["aud"]) != (_ISSUER, _AUDIENCE):
            return None
        expires = claims.get("exp")
        return TokenClaims(
            UUID(claims["jti"]),
            str(claims["sub"]),
            frozenset(str(claims["scope"]).split()),
            None if expires is None else float(expires),
        )
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        # Whatever is not of the form that we issue.
        return None


class TokenKeyFile:
    """Verifies with the key that lies in a file now, if there is one."""

    def __init__(self, file: Path) -> None:
        """Raises ValidationError when there is one that cannot be used."""
        self._file = file
        self._key: TokenKey | None = None
        self._seen = self._look()
        if self._seen is not None:
            self._key = TokenKey.read(file)

    def verify(self, token: str) -> TokenClaims | None:
        """As the key; nothing while there is none."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            self._key = self._read()
        return self._key.verify(token) if self._key else None

    def _read(self) -> TokenKey | None:
        try:
            return TokenKey.read(self._file)
        except FileNotFoundError:
            return None
        except ValidationError as error:
            _log.warning("the token key cannot be read", reason=error.message)
            return None

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
