"""The commands `zava-server db …`."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from zava_server.data.app_password import set_app_password
from zava_server.data.demo.loader import DEFAULT_SEED
from zava_server.data.embedded import EmbeddedPostgres, is_initialised
from zava_server.data.identity import describe_users, list_users
from zava_server.data.migrations import applied_migrations, find_migrations, mismatch
from zava_server.data.sessions import session
from zava_server.data.signing_keys import KeyFile, rotate_key
from zava_server.infrastructure.endings import wait_to_the_end
from zava_server.infrastructure.errors import ValidationError, ZavaError
from zava_server.infrastructure.progress import ignore_progress
from zava_server.startup import (
    check_prepared,
    choose_embedder,
    index_catalogue,
    open_database,
    prepare,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime

    from zava_server.data.endpoint import Endpoint
    from zava_server.data.identity import Identity
    from zava_server.infrastructure.progress import ReportProgress
    from zava_server.infrastructure.settings import Settings
    from zava_server.startup import Database

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """Which demo data an empty database gets: how many orders, of which kind, until when (now)."""

    scale: float = 1.0
    seed: int = DEFAULT_SEED
    until: datetime | None = None


_COUNTED = ("stores", "products", "customers", "orders", "order_items", "inventory")


async def init_database(
    settings: Settings,
    report: ReportProgress,
    announce: Callable[[Sequence[Identity]], None],
    *,
    hold: bool,
    demo: bool = True,
    plan: DemoPlan | None = None,
) -> None:
    """Makes the database ready and announces its users; `hold` keeps it up until stdin closes.

    Then the search index is made while it is held, and your own PostgreSQL need not have the
    owner's login if it is ready already; when stdin closes earlier, nothing is finished. Without
    `demo` an empty database stays empty.
    Raises DatabaseUnavailable, ValidationError without the owner's login.
    """
    work = _init(settings, report, announce, hold=hold, demo=demo, plan=plan or DemoPlan())
    await (_until_stdin_closes(work) if hold else work)


async def _init(
    settings: Settings,
    report: ReportProgress,
    announce: Callable[[Sequence[Identity]], None],
    *,
    hold: bool,
    demo: bool,
    plan: DemoPlan,
) -> None:
    async with open_database(settings, report) as database:
        if hold and database.owner is None:
            announce(await _users_of_ready_database(database, settings))
        else:
            await make_database(
                owner_of(database),
                settings,
                report,
                announce,
                index=not hold,
                demo=demo,
                plan=plan,
            )
        if hold:
            # What is not complete when stdin closes is gone on with by the server that follows.
            await _index_meanwhile(database.owner, settings)
            await asyncio.Event().wait()


async def _until_stdin_closes(work: Coroutine[Any, Any, None]) -> None:
    """Runs `work` until it fails, which is raised, or whoever started us has gone."""
    task = asyncio.create_task(work)
    gone = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
    finally:
        task.cancel()
        await wait_to_the_end(task)


async def make_database(
    owner: Endpoint,
    settings: Settings,
    report: ReportProgress,
    announce: Callable[[Sequence[Identity]], None],
    *,
    index: bool,
    demo: bool = True,
    plan: DemoPlan,
) -> None:
    """Brings the database up to date, fills an empty one, and announces its users.

    Raises DatabaseUnavailable, ValidationError.
    """
    await prepare(
        owner,
        settings,
        report,
        demo=demo,
        demo_scale=plan.scale,
        demo_seed=plan.seed,
        demo_until=plan.until,
    )
    if index:
        # Nothing else runs, so that it may have all the cores.
        indexer = choose_embedder(settings, threads=os.cpu_count())
        try:
            await index_catalogue(owner, indexer, report)
        finally:
            await indexer.close()
    async with session(owner) as connection:
        if settings.database_url is not None:
            await set_app_password(connection, settings.database_url.get_secret_value())
        announce(await describe_users(connection))


async def _users_of_ready_database(database: Database, settings: Settings) -> Sequence[Identity]:
    async with session(database.app) as connection:
        await check_prepared(connection)
        return await list_users(connection, KeyFile(settings.key_file))


async def _index_meanwhile(owner: Endpoint | None, settings: Settings) -> None:
    if owner is None:
        return
    try:
        indexer = choose_embedder(settings)
        try:
            await index_catalogue(owner, indexer)
        finally:
            await indexer.close()
    except ZavaError as error:
        _log.warning("the search index is not complete", reason=str(error))


async def database_status(settings: Settings) -> dict[str, Any]:
    """What there is, as plain values: place, state, versions, row counts, users.

    The state is `absent`, `incomplete` (a start brings the schema up to date), `empty`, `ready`, or
    `mismatched`, with the `problem`: the schema is not one that this version can go on with.
    """
    if settings.database_url is None and not is_initialised(settings.data_dir):
        return {"place": str(settings.data_dir), "state": "absent"}
    async with (
        open_database(settings, ignore_progress) as database,
        session(owner_of(database)) as connection,
    ):
        applied = await applied_migrations(connection)
        ours = find_migrations()
        found: dict[str, Any] = {
            "place": str(settings.data_dir) if database.embedded else database.app.place,
            "state": "incomplete",
            "server_version": str(connection.get_server_version().major),
            "schema": {"applied": len(applied), "known": len(ours)},
        }
        if error := mismatch(ours, applied, database.app.directory):
            found["state"] = "mismatched"
            found["problem"] = {"message": error.message, "hint": error.hint}
        elif len(applied) == len(ours):
            found["rows"] = {
                table: await connection.fetchval(f"SELECT count(*) FROM retail.{table}")  # noqa: S608 - constants
                for table in _COUNTED
            }
            found["state"] = "ready" if found["rows"]["stores"] else "empty"
            found["users"] = [describe_user(user) for user in await describe_users(connection)]
        return found


def refuse_reset(settings: Settings) -> None:
    """Raises ValidationError when there is no embedded database to remove."""
    if settings.database_url is not None:
        raise ValidationError(
            "`db reset` removes an embedded database, and ZAVA_DATABASE_URL names another.",
            "Unset it, or remove that database with PostgreSQL's own means.",
        )
    refuse_absent(settings)


async def reset_database(settings: Settings) -> None:
    """Removes the embedded database.

    Raises ValidationError when there is none, DatabaseUnavailable while another Zava uses it.
    """
    refuse_reset(settings)
    await asyncio.to_thread(EmbeddedPostgres(settings.data_dir).remove)


async def rotate_identity_key(settings: Settings, *, retire_old: bool) -> str:
    """Puts a new identity key into the database and the key file; returns its id.

    Raises ValidationError without a key file, a database or the owner's login.
    """
    if settings.database_url is None:
        refuse_absent(settings)
    async with (
        open_database(settings, ignore_progress) as database,
        session(owner_of(database)) as connection,
    ):
        await check_prepared(connection)
        return await rotate_key(connection, settings.key_file, retire_old=retire_old)


def refuse_absent(settings: Settings) -> None:
    """Raises ValidationError when there is no embedded database."""
    if not is_initialised(settings.data_dir):
        raise ValidationError(
            f"There is no database in {settings.data_dir}.", "Make it with: zava-server db init"
        )


def describe_user(user: Identity) -> dict[str, Any]:
    """A user as plain values."""
    return {
        "handle": user.handle,
        "display_name": user.display_name,
        "role": user.role,
        "stores": list(user.store_names),
    }


def owner_of(database: Database) -> Endpoint:
    """The owner's login.

    Raises ValidationError where it is not known.
    """
    if database.owner is None:
        raise ValidationError(
            "The owner's login is not known.",
            "Set ZAVA_ADMIN_DATABASE_URL to a role that may create roles and schemas.",
        )
    return database.owner
