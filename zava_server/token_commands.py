"""The commands `zava-server token …`."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from zava_server.data.embedded import explained
from zava_server.data.identity import describe_users, unknown_user
from zava_server.data.sessions import session
from zava_server.data.token_keys import TokenKey
from zava_server.data.tokens import OPS, SCOPES, enter_token, list_tokens, revoke_token
from zava_server.database_commands import owner_of, refuse_absent
from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.progress import ignore_progress
from zava_server.startup import check_prepared, open_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    import asyncpg

    from zava_server.data.tokens import IssuedToken
    from zava_server.infrastructure.settings import Settings

# One process makes the key, the others find it.
_LOCK = 0x7A617664
_LIFETIME = re.compile(r"(\d{1,6})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=400)


async def issue_token(
    settings: Settings, handle: str, lifetime: timedelta, scopes: Sequence[str]
) -> str:
    """A token for the user, entered in the register. Makes the key that signs if there is none.

    Raises ValidationError for nobody, or for `ops` for one without that permission.
    """
    async with _owner(settings) as owner:
        users = {user.handle: user for user in await describe_users(owner)}
        user = users.get(handle)
        if user is None:
            raise unknown_user(handle, list(users.values()))
        if OPS in scopes and OPS not in user.permissions:
            raise ValidationError(
                f"{handle} does not have the permission ops, so that the scope would open nothing.",
                "Leave ops out of --scopes.",
            )
        async with owner.transaction():
            await owner.execute("SELECT pg_advisory_xact_lock($1)", _LOCK)
            with explained(settings.token_key.parent):
                key = _key(settings)
            expires = datetime.now(UTC) + lifetime
            token_id = await enter_token(owner, handle, scopes, expires)
        return key.issue(token_id, handle, scopes, expires)


async def known_tokens(settings: Settings) -> list[IssuedToken]:
    """All that were issued, oldest first."""
    async with _owner(settings) as owner:
        return await list_tokens(owner)


async def end_token(settings: Settings, token_id: UUID) -> None:
    """Revokes it. Raises ValidationError where there is none."""
    async with _owner(settings) as owner:
        await revoke_token(owner, token_id)


def lifetime(text: str) -> timedelta:
    """A time such as `30d`. Raises ValidationError."""
    found = _LIFETIME.fullmatch(text)
    span = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else timedelta()
    if not timedelta() < span <= _LONGEST:
        raise ValidationError(
            f"--expires {text} is no lifetime.", "Give minutes, hours or days up to 400d: 12h, 30d."
        )
    return span


def scopes_of(text: str) -> list[str]:
    """Scopes separated by commas, in their own order. Raises ValidationError."""
    wanted = {word.strip() for word in text.split(",")}
    if strange := sorted(wanted - set(SCOPES)):
        raise ValidationError(
            f"There is no scope {strange[0]!r}.", f"Give some of: {','.join(SCOPES)}."
        )
    return [scope for scope in SCOPES if scope in wanted]


def token_id_of(text: str) -> UUID:
    """Raises ValidationError for what is no id."""
    try:
        return UUID(text)
    except ValueError:
        raise ValidationError(
            f"{text[:40]} is no token's id.", "See them with: zava-server token list"
        ) from None


def as_plain(entry: IssuedToken) -> dict[str, Any]:
    """A token of the register as plain values."""
    return {
        name: value if value is None or isinstance(value, tuple) else str(value)
        for name, value in asdict(entry).items()
    }


def _key(settings: Settings) -> TokenKey:
    try:
        return TokenKey.read(settings.token_key)
    except FileNotFoundError:
        key = TokenKey.generate()
        key.write(settings.token_key)
        return key


@asynccontextmanager
async def _owner(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    if settings.database_url is None:
        refuse_absent(settings)
    async with (
        open_database(settings, ignore_progress) as database,
        session(owner_of(database)) as owner,
    ):
        await check_prepared(owner)
        yield owner
