"""Who is asking, and the signature by which the database believes it (Wall 3)."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.infrastructure.errors import DatabaseUnavailable, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from uuid import UUID

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    AnyConnection = asyncpg.Connection | PoolConnectionProxy

_BLOCK_BYTES = 64
_KEY_BYTES = 32
_SPARE_SECONDS = 5.0

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
        draft = file.with_name(f".{file.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as out:
            out.write(f"{self.key_id}:{self.secret.hex()}\n")
            out.flush()
            os.fsync(out.fileno())
        draft.replace(file)

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


async def install_key(owner: asyncpg.Connection, key: SigningKey) -> None:
    """Makes the database accept identities signed with `key`."""
    inner, outer = key.padded_blocks()
    await owner.execute(
        "INSERT INTO identity.signing_keys (key_id, inner_block, outer_block) VALUES ($1, $2, $3) "
        "ON CONFLICT (key_id) DO UPDATE SET inner_block = $2, outer_block = $3",
        key.key_id,
        inner,
        outer,
    )


async def find_user(connection: AnyConnection, handle: str) -> Identity | None:
    """The user with this handle, if there is one."""
    users = await _find_users(connection, handle)
    return users[0] if users else None


async def list_users(connection: AnyConnection) -> Sequence[Identity]:
    """All users, store managers first."""
    return await _find_users(connection, None)


async def _find_users(connection: AnyConnection, handle: str | None) -> list[Identity]:
    rows = await connection.fetch("SELECT * FROM identity.find_users($1)", handle)
    return [
        Identity(
            user_id=row["user_id"],
            handle=row["handle"],
            display_name=row["display_name"],
            role=row["role"],
            permissions=frozenset(row["permissions"]),
            version=row["version"],
            store_ids=tuple(row["store_ids"]),
            store_names=tuple(row["store_names"]),
        )
        for row in rows
    ]


def identity_refused() -> DatabaseUnavailable:
    """The database did not believe the identity it was sent."""
    return DatabaseUnavailable(
        "The database does not recognise the server's signature.",
        "Check that ZAVA_IDENTITY_KEY_FILE belongs to this database and that both clocks agree.",
    )
