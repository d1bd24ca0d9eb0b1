"""All looks in order: what fails early leaves out what rests on it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from zava_server.data.embedded import is_initialised
from zava_server.data.endpoint import check_versions
from zava_server.data.pool import DRIVER_ERRORS
from zava_server.data.sessions import session
from zava_server.doctor.database import (
    look_at_clock,
    look_at_replicas,
    look_at_role,
    look_at_schema,
    look_at_users,
)
from zava_server.doctor.embedder import look_at_embedder, look_at_index
from zava_server.doctor.finding import Finding, ok, problem
from zava_server.doctor.machine import (
    look_at_data_directory,
    look_at_key_file,
    look_at_log_file,
    look_at_settings,
    look_at_terminal,
)
from zava_server.doctor.network import look_at_port, look_at_redis, look_at_token_key
from zava_server.infrastructure.errors import DatabaseUnavailable, ZavaError
from zava_server.infrastructure.progress import ignore_progress
from zava_server.startup import open_database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from zava_server.infrastructure.embedders.embedder import Embedder
    from zava_server.infrastructure.errors import ValidationError
    from zava_server.infrastructure.settings import Settings


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """Findings as they come. The embedded PostgreSQL is started if need be; nothing is changed."""
    for look in (
        look_at_settings,
        look_at_data_directory,
        look_at_log_file,
        look_at_key_file,
        look_at_token_key,
    ):
        for finding in look(settings):
            yield finding
    yield await look_at_port(settings)
    yield await look_at_redis(settings)
    for finding in look_at_terminal():
        yield finding
    async with AsyncExitStack() as stack:
        found, embedder = await look_at_embedder(settings)
        if embedder is not None:
            stack.push_async_callback(embedder.close)
        yield found
        try:
            if settings.database_url is None and not is_initialised(settings.data_dir):
                yield ok("database", "none yet; the first start makes one")
                return
            async for finding in _look_at_database(settings, embedder):
                yield finding
        except ZavaError as error:
            yield problem("database", error)
        except DRIVER_ERRORS as error:
            yield problem(
                "database",
                DatabaseUnavailable(f"It cannot be looked at: {error}.", "See its own log."),
            )


async def examine_without_settings(error: ValidationError) -> AsyncIterator[Finding]:
    """What can be looked at when the settings cannot be read."""
    yield problem("settings", error)
    for finding in look_at_terminal():
        yield finding


async def _look_at_database(
    settings: Settings, embedder: Embedder | None
) -> AsyncIterator[Finding]:
    async with open_database(settings, ignore_progress) as database:
        # The owner gets in before the server's role exists.
        first = database.owner or database.app
        async with session(first) as connection:
            await check_versions(connection)
            version = connection.get_server_version()
            yield ok("database", f"PostgreSQL {version.major}.{version.micro}, {first.place}")
            yield await look_at_clock(connection)
            schema = await look_at_schema(connection, database)
            yield schema
            if schema.severity != "ok":
                return
            if database.owner is not None and embedder is not None:
                yield await look_at_index(connection, embedder)
        async with session(database.app) as app:
            async for finding in look_at_role(app):
                yield finding
            yield await look_at_users(app, settings)
        yield await look_at_replicas(database, most_seconds=settings.read_max_lag_seconds)
