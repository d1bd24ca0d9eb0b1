"""Gives zava_app its password on a PostgreSQL that asks for one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from zava_server.data.endpoint import APP_ROLE
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    import asyncpg

_ITERATIONS = 4096


def scram_verifier(password: str, salt: bytes | None = None) -> str:
    """What PostgreSQL stores of a password (RFC 5803), so that the password never travels."""
    salt = salt or os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    encoded = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{encoded[0]}${encoded[1]}:{encoded[2]}"


async def set_app_password(owner: asyncpg.Connection, app_url: str) -> None:
    """Makes the password in zava_app's URL valid; nothing where the URL has none.

    Raises ValidationError when the URL logs in as somebody else.
    """
    parts = urlsplit(app_url)
    if parts.username != APP_ROLE:
        raise ValidationError(
            f"ZAVA_DATABASE_URL does not log in as {APP_ROLE}.",
            f"Write it like postgresql://{APP_ROLE}:password@host:5432/zava.",
        )
    if parts.password:
        verifier = scram_verifier(unquote(parts.password))
        # A verifier is base64 and needs no quoting.
        await owner.execute(f"ALTER ROLE {APP_ROLE} PASSWORD '{verifier}'")
