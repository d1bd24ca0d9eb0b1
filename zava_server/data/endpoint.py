"""Where a database is and who logs in there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import asyncpg

from zava_server.data.database_url import (
    check_database_url,
    hosts_of,
    place_of,
    session_wanted,
)
from zava_server.data.hosts import WANTED, Hosts
from zava_server.infrastructure.errors import DatabaseLost, DatabaseSilent, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

T = TypeVar("T")

_WAIT = "Try again in a moment."

APP_ROLE = "zava_app"
OLDEST_SERVER = 15
OLDEST_PGVECTOR = (0, 8)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A login to one database: either a URL or a socket directory with a user.

    Its repr shows no password.
    """

    url: str | None = None
    host: str | None = None
    port: int | None = None
    user: str | None = None
    database: str | None = None
    directory: Path | None = None
    """Where the data of the embedded PostgreSQL lie."""
    for_reads: bool = False
    """Whether any host will do, a standby rather than the primary, now this one and now that."""

    def __repr__(self) -> str:
        return f"Endpoint({self.place})"

    @classmethod
    def from_url(cls, url: str, setting: str, *, for_reads: bool = False) -> Endpoint:
        """An endpoint from a setting's URL.

        Raises ValidationError when it is none, or not read as it was meant.
        """
        check_database_url(url, setting)
        return cls(url=url, for_reads=for_reads)

    def login_as(self, user: str) -> Endpoint:
        """The same database, another user (for socket logins)."""
        return replace(self, user=user)

    @property
    def place(self) -> str:
        """Host, port and database for messages, without user or password."""
        if self.url is None:
            return "the embedded PostgreSQL"
        return place_of(self.url)

    def hosts(self) -> Hosts:
        """Where the database is to be found. Raises DatabaseUnavailable."""
        if self.url is None:
            place = {"host": self.host, "port": self.port, "user": self.user}
            return Hosts([{**place, "database": self.database}], WANTED["any"])
        usual = "prefer-standby" if self.for_reads else ""
        wanted = WANTED.get(session_wanted(self.url) or usual)
        if wanted is None:
            raise self._unusable_option()
        places = [{"dsn": self.url, "host": h, "port": p} for h, p in hosts_of(self.url)]
        return Hosts(places or [{"dsn": self.url}], wanted, shuffled=self.for_reads)

    async def connect(self) -> asyncpg.Connection:
        """One connection, which keeps no statements: a pooler may lie between.

        Raises DatabaseUnavailable when there is no way in.
        """
        return await self.reaching(partial(self.hosts().connect, statement_cache_size=0))

    async def reaching(self, connect: Callable[[], Awaitable[T]]) -> T:
        """Runs `connect`, turning what can go wrong on the way into one sentence."""
        try:
            return await connect()
        except (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError):
            raise DatabaseUnavailable(
                f"{self._subject} refused the login.", "Check the user and password in the URL."
            ) from None
        except asyncpg.InvalidCatalogNameError:
            raise DatabaseUnavailable(
                f"The database at {self.place} does not exist.",
                "Create it, or correct the name at the end of the URL.",
            ) from None
        except asyncpg.OperatorInterventionError:
            raise DatabaseLost(f"{self._subject} is starting up or shutting down.", _WAIT) from None
        except asyncpg.TooManyConnectionsError:
            raise DatabaseUnavailable(
                f"{self._subject} takes no more connections.",
                "Close some, or raise max_connections.",
            ) from None
        except TimeoutError:
            raise DatabaseSilent(
                f"{self._subject} did not answer in time.",
                "Check the host and port, and any firewall between." if self.url else _WAIT,
            ) from None
        except asyncpg.ClientConfigurationError:
            # Its own words repeat parts of the URL.
            raise self._unusable_option() from None
        except asyncpg.TargetServerAttributeNotMatched:
            raise DatabaseLost(
                f"No host of {self.place} is what target_session_attrs asks for.",
                "Check which of them is the primary.",
            ) from None
        except ValueError:
            # The driver's, for a host that is no name and for a database without pgvector's types.
            raise DatabaseUnavailable(
                f"{self._subject} is no database of Zava's.",
                "Check the host, and the database's name at the end of the URL.",
            ) from None
        except (OSError, asyncpg.PostgresConnectionError):
            raise DatabaseLost(
                f"{self._subject} cannot be reached.",
                "Check that it runs, and its host and port." if self.url else _WAIT,
            ) from None

    @property
    def _subject(self) -> str:
        """The place at the beginning of a sentence."""
        return self.place if self.url else "The embedded PostgreSQL"

    def _unusable_option(self) -> DatabaseUnavailable:
        return DatabaseUnavailable(
            f"The URL of {self.place} has an option that cannot be used.",
            "Check what stands after the question mark.",
        )


async def check_versions(connection: asyncpg.Connection) -> None:
    """Refuses a PostgreSQL below 15 or without pgvector 0.8.

    Raises DatabaseUnavailable.
    """
    version = connection.get_server_version()
    if version.major < OLDEST_SERVER:
        raise DatabaseUnavailable(
            f"PostgreSQL {version.major}.{version.micro} is too old.",
            f"Zava needs PostgreSQL {OLDEST_SERVER} or newer.",
        )
    # Installed or, before the first migration, what CREATE EXTENSION would install.
    pgvector = await connection.fetchval(
        "SELECT coalesce((SELECT extversion FROM pg_extension WHERE extname = 'vector'), "
        "(SELECT default_version FROM pg_available_extensions WHERE name = 'vector'))"
    )
    needed = ".".join(map(str, OLDEST_PGVECTOR))
    if pgvector is None:
        raise DatabaseUnavailable(
            "This PostgreSQL has no pgvector.", f"Install pgvector {needed} or newer."
        )
    if tuple(int(part) for part in pgvector.split(".")[:2]) < OLDEST_PGVECTOR:
        raise DatabaseUnavailable(
            f"pgvector {pgvector} is too old.",
            f"Install pgvector {needed} or newer, then run ALTER EXTENSION vector UPDATE.",
        )
