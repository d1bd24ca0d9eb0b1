"""Makes a database ready: found or started, migrated, keyed, filled and searchable."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from zava_server.business.search_index import STEP, IndexedCatalogue, build_search_index
from zava_server.data.demo.loader import DEFAULT_SEED, load_demo
from zava_server.data.demo.vectors import load_demo_vectors
from zava_server.data.embedded import EmbeddedPostgres, explained
from zava_server.data.embeddings import EmbeddingStore
from zava_server.data.endpoint import APP_ROLE, Endpoint, check_versions
from zava_server.data.migrations import applied_migrations, find_migrations, migrate
from zava_server.data.sessions import session
from zava_server.data.signing_keys import SigningKey, install_key
from zava_server.data.vector_index import VectorIndex
from zava_server.infrastructure.embedders.embedder import CachedEmbedder, Embedder
from zava_server.infrastructure.endings import wait_to_the_end
from zava_server.infrastructure.errors import DatabaseLost, DatabaseUnavailable, ValidationError
from zava_server.infrastructure.progress import Progress, ReportProgress, ignore_progress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    import asyncpg

    from zava_server.infrastructure.settings import Settings

# One process prepares, the others wait: the demo data must not be loaded twice.
_LOCK = 0x7A617662
_INDEX_LOCK = 0x7A617663

_WANTS_DEMO = """
SELECT NOT EXISTS (SELECT FROM retail.stores) AND NOT EXISTS (SELECT FROM zava.own_data)
"""
_HAS_OTHER_DATA = """
SELECT EXISTS (SELECT FROM retail.stores) AND NOT EXISTS (SELECT FROM zava.own_data)
"""
_DECLARE_OWN_DATA = """
INSERT INTO zava.own_data SELECT WHERE NOT EXISTS (SELECT FROM zava.own_data)
"""


@dataclass(frozen=True, slots=True)
class Database:
    """Where to log in as zava_app, and as the owner if that is known."""

    app: Endpoint
    owner: Endpoint | None
    revive: Callable[[], Awaitable[None]] | None
    """Starts the embedded server again where it has died; None for a server that is not ours."""
    replicas: Endpoint | None = None
    """Likewise as zava_app, for reads that may be a little old."""

    @property
    def embedded(self) -> bool:
        """Whether the server is ours."""
        return self.revive is not None


@asynccontextmanager
async def open_database(settings: Settings, report: ReportProgress) -> AsyncIterator[Database]:
    """The database of the settings; the embedded one runs at least as long as the context.

    Raises DatabaseUnavailable or ValidationError when there is none to be had.
    """
    if settings.database_url is not None:
        admin, replicas = settings.admin_database_url, settings.read_database_url
        yield Database(
            Endpoint.from_url(settings.database_url.get_secret_value(), "ZAVA_DATABASE_URL"),
            Endpoint.from_url(admin.get_secret_value(), "ZAVA_ADMIN_DATABASE_URL")
            if admin
            else None,
            revive=None,
            replicas=Endpoint.from_url(
                replicas.get_secret_value(), "ZAVA_READ_DATABASE_URL", for_reads=True
            )
            if replicas
            else None,
        )
        return
    place, since = str(settings.data_dir), datetime.now(UTC)
    postgres = EmbeddedPostgres(
        settings.data_dir, lambda progress: report(replace(progress, place=place))
    )
    opening = asyncio.create_task(asyncio.to_thread(postgres.open))
    try:
        running = await asyncio.shield(opening)
        owner = Endpoint(
            host=running.host,
            port=running.port,
            user=running.owner,
            database=running.database,
            directory=settings.data_dir,
        )
        report(Progress("database", 1.0, f"PostgreSQL {running.version}", place))

        async def revive() -> None:
            await asyncio.to_thread(postgres.ensure_running)

        yield Database(owner.login_as(APP_ROLE), owner, revive)
    except DatabaseLost as error:
        # A server that finds no room for its log ends without telling its clients why.
        reason = await asyncio.to_thread(postgres.explain, since)
        if reason is None:
            raise
        raise reason from error
    finally:
        # A thread cannot be interrupted: what it opened after all is closed as well.
        try:
            await wait_to_the_end(opening)
        finally:
            if opening.exception() is None:
                closing = asyncio.create_task(asyncio.to_thread(postgres.close))
                await wait_to_the_end(closing)
                await closing


async def prepare(
    owner: Endpoint,
    settings: Settings,
    report: ReportProgress,
    *,
    demo: bool = True,
    demo_scale: float = 1.0,
    demo_seed: int = DEFAULT_SEED,
    demo_until: datetime | None = None,
) -> None:
    """Brings schema, identity key and demo data up to date; does only what lacks.

    `demo_scale` multiplies the demo's orders, which end at `demo_until` (now). Without `demo` the
    database stays empty from now on, for one's own data.
    Raises DatabaseUnavailable when the database cannot be used, and ValidationError when it is to
    be empty and holds stores already.
    """
    # The end of the session ends the lock as well.
    async with session(owner) as connection:
        await check_versions(connection)
        report(Progress("schema", 0.0, "checking"))
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):
            report(Progress("schema", 0.0, "waiting for another Zava to finish its preparation"))
            await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await migrate(connection, find_migrations(), report, owner.directory)
        await _ensure_key(connection, settings)
        if not demo:
            await _keep_demo_out(connection)
        if await connection.fetchval(_WANTS_DEMO):
            await load_demo(
                connection,
                seed=demo_seed,
                until=demo_until or datetime.now(UTC),
                scale=demo_scale,
                report=report,
            )


async def index_catalogue(
    owner: Endpoint,
    embedder: Embedder,
    report: ReportProgress = ignore_progress,
    *,
    switch: bool = False,
) -> IndexedCatalogue:
    """Makes every product findable by meaning. Of several processes one works, the others wait.

    Without `switch` a catalogue that another model serves is left as it is.
    Raises DatabaseUnavailable, OtherModel, AIUnavailable.
    """
    async with session(owner) as connection, session(owner) as watcher:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _INDEX_LOCK):
            report(Progress(STEP, 0.0, "waiting for another process that embeds"))
            await connection.execute("SELECT pg_advisory_lock($1)", _INDEX_LOCK)
        return await build_search_index(
            EmbeddingStore(connection),
            VectorIndex(connection, watcher),
            embedder,
            report,
            switch=switch,
            known=await asyncio.to_thread(load_demo_vectors, embedder.model),
        )


async def check_prepared(app: asyncpg.Connection) -> None:
    """Refuses a database whose schema is not this version's.

    Raises DatabaseUnavailable.
    """
    await check_versions(app)
    ours = {migration.name: migration.checksum for migration in find_migrations()}
    if await applied_migrations(app) != ours:
        raise DatabaseUnavailable(
            "The database's schema is not this version's.",
            "Run: zava-server db init (with ZAVA_ADMIN_DATABASE_URL set to the owner, if it is a "
            "PostgreSQL of your own)",
        )


def choose_embedder(settings: Settings, threads: int | None = None) -> CachedEmbedder:
    """The embedder of the settings; loads nothing yet. `threads` is for the local one.

    Call it in a thread where a model file of one's own is set: it is read.
    Raises ValidationError for settings that are another embedder's, AIUnavailable for a file that
    cannot be read.
    """
    _refuse_others_settings(settings)
    if settings.embedder == "openai":
        from zava_server.infrastructure.embedders.openai_compatible import OpenAIEmbedder

        key = settings.openai_api_key
        return CachedEmbedder(
            OpenAIEmbedder(
                api_key=key.get_secret_value() if key else None,
                base_url=settings.openai_base_url,
                model=settings.embedding_model,
                dimensions=settings.embedding_dimensions,
            )
        )
    from zava_server.infrastructure.embedders.local import LocalEmbedder

    return CachedEmbedder(LocalEmbedder(settings.embedding_model_path, threads))


def _refuse_others_settings(settings: Settings) -> None:
    others: dict[str, dict[str, object]] = {
        "openai": {"ZAVA_EMBEDDING_MODEL_PATH": settings.embedding_model_path},
        "local": {
            "ZAVA_EMBEDDING_MODEL": settings.embedding_model,
            "ZAVA_EMBEDDING_DIMENSIONS": settings.embedding_dimensions,
        },
    }
    other = {"openai": "local", "local": "openai"}[settings.embedder]
    for name, value in others[settings.embedder].items():
        if value is not None:
            raise ValidationError(
                f"{name} does not apply to the embedder {settings.embedder}.",
                f"Leave it out, or set ZAVA_EMBEDDER={other}.",
            )


async def _keep_demo_out(owner: asyncpg.Connection) -> None:
    if await owner.fetchval(_HAS_OTHER_DATA):
        raise ValidationError(
            "The database already holds stores.",
            "Choose another --data-dir or database for your own data, or import beside them.",
        )
    await owner.execute(_DECLARE_OWN_DATA)


async def _ensure_key(owner: asyncpg.Connection, settings: Settings) -> None:
    with explained(settings.key_file.parent):
        if settings.key_file.exists():
            key = SigningKey.read(settings.key_file)
        else:
            key = SigningKey.generate()
            settings.key_file.parent.mkdir(parents=True, exist_ok=True)
            key.write(settings.key_file)
    await install_key(owner, key)
