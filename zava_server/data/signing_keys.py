"""The keys that sign identities: their file, and the copies by which the database checks."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

import structlog

from zava_server.infrastructure.errors import DatabaseUnavailable, ValidationError
from zava_server.infrastructure.private_files import write_private

if TYPE_CHECKING:
    from pathlib import Path

    import asyncpg

_log = structlog.get_logger(__name__)

_BLOCK_BYTES = 64
_KEY_BYTES = 32
_SPARE_SECONDS = 5.0
# Any constant does; this one keeps rotations apart.
_LOCK = 0x7A617663

THE_SERVER = UUID(int=0)
"""Whom the server signs for when it asks who there is; no user has this id."""


class Signer(Protocol):
    """Signs identities."""

    def sign(self, user_id: UUID, valid_seconds: float) -> str:
        """An identity that the database believes until it expires."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """An HMAC-SHA256 key with the name the database knows it by. Its repr shows no secret."""

    key_id: str
    secret: bytes

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id!r})"

    @classmethod
    def generate(cls) -> SigningKey:
        """A new random key."""
        return cls(secrets.token_hex(4), secrets.token_bytes(_KEY_BYTES))

    @classmethod
    def read(cls, file: Path) -> SigningKey:
        """The key in a file of the form `key_id:hex`.

        Raises ValidationError when there is none.
        """
        try:
            key_id, _, secret = file.read_text(encoding="ascii").strip().partition(":")
            key = cls(key_id, bytes.fromhex(secret))
        except FileNotFoundError:
            raise ValidationError(
                f"The identity key {file} does not exist.",
                "Copy it from the machine that made the database, or name it in "
                "ZAVA_IDENTITY_KEY_FILE.",
            ) from None
        except PermissionError:
            raise ValidationError(
                f"The identity key {file} cannot be read.", "Run as the user who owns it."
            ) from None
        except (ValueError, OSError):
            key = cls("", b"")
        if not key.key_id or len(key.secret) < _KEY_BYTES:
            raise ValidationError(
                f"The identity key {file} is damaged.", "Restore it from a copy, or make a new one."
            )
        return key

    def write(self, file: Path) -> None:
        """Writes the key where only its owner can read it, whole or not at all."""
        write_private(file, f"{self.key_id}:{self.secret.hex()}\n")

    def padded_blocks(self) -> tuple[bytes, bytes]:
        """The inner and outer key block of HMAC (RFC 2104), which are as secret as the key."""
        key = self.secret
        if len(key) > _BLOCK_BYTES:
            key = hashlib.sha256(key).digest()
        block = key.ljust(_BLOCK_BYTES, b"\0")
        return bytes(b ^ 0x36 for b in block), bytes(b ^ 0x5C for b in block)

    def sign(self, user_id: UUID, valid_seconds: float) -> str:
        """An identity, `key_id.user_id.expiry.mac`, that the database believes until it expires."""
        expiry = int(time.time() + valid_seconds + _SPARE_SECONDS)
        claim = f"{self.key_id}.{user_id}.{expiry}"
        mac = hmac.new(self.secret, claim.encode("ascii"), hashlib.sha256).hexdigest()
        return f"{claim}.{mac}"


class KeyFile:
    """Signs with the key that lies in a file now: a rotation reaches running servers by it."""

    def __init__(self, file: Path) -> None:
        """Raises ValidationError when there is no key to begin with."""
        self._file = file
        self._seen = self._look()
        self._key = SigningKey.read(file)

    def sign(self, user_id: UUID, valid_seconds: float) -> str:
        """An identity signed with the newest key; with the last one read while there is none."""
        # A look at the file takes 2 µs.
        seen = self._look()
        if seen != self._seen:
            try:
                self._key = SigningKey.read(self._file)
            except ValidationError as error:
                _log.warning("the identity key cannot be read again", reason=error.message)
            self._seen = seen
        return self._key.sign(user_id, valid_seconds)

    def _look(self) -> tuple[int, int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


async def install_key(owner: asyncpg.Connection, key: SigningKey) -> None:
    """Makes the database accept identities signed with `key`.

    Raises DatabaseUnavailable when two others are live already: some server uses each of them.
    """
    async with owner.transaction():
        await owner.execute("LOCK TABLE identity.signing_keys IN SHARE ROW EXCLUSIVE MODE")
        live = {row["key_id"] for row in await owner.fetch(_LIVE)}
        if key.key_id not in live and len(live) > 1:
            raise DatabaseUnavailable(
                "The database has two identity keys already and this server's is neither.",
                "Copy the key file from the server that made the newer one, and name it in "
                "ZAVA_IDENTITY_KEY_FILE.",
            )
        await _install(owner, key)


async def rotate_key(owner: asyncpg.Connection, file: Path, *, retire_old: bool = False) -> str:
    """Puts a new key into the database and then into `file`; returns its id.

    The key that was in the file stays live beside it, for servers that have not read the new one
    yet, until the next rotation; `retire_old` ends it at once. Any other key goes.
    Raises ValidationError when the file holds no key.
    """
    await owner.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        old, new = SigningKey.read(file), SigningKey.generate()
        async with owner.transaction():
            await owner.execute(_RETIRE, [old.key_id])
            await _install(owner, new)
        # Only now: a server that reads it must find the database knowing it.
        new.write(file)
        if retire_old:
            await owner.execute(_RETIRE, [new.key_id])
        return new.key_id
    finally:
        await owner.execute("SELECT pg_advisory_unlock($1)", _LOCK)


_LIVE = "SELECT key_id FROM identity.signing_keys"
_RETIRE = "DELETE FROM identity.signing_keys WHERE key_id <> ALL ($1::text[])"
_INSTALL = """
INSERT INTO identity.signing_keys (key_id, inner_block, outer_block) VALUES ($1, $2, $3)
ON CONFLICT (key_id) DO UPDATE SET inner_block = $2, outer_block = $3
"""


async def _install(owner: asyncpg.Connection, key: SigningKey) -> None:
    await owner.execute(_INSTALL, key.key_id, *key.padded_blocks())
