"""Whether the database answers, is of this version and believes the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.data.pool import DRIVER_ERRORS
from zava_server.data.signing_keys import THE_SERVER
from zava_server.data.trouble import trouble
from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from zava_server.data.pool import Pool
    from zava_server.data.signing_keys import Signer

_SIGNED_SECONDS = 10.0
_ASSUME = "SELECT set_config('zava.identity', $1, true)"
_VITAL_SIGNS = """
SELECT array(SELECT file FROM zava.migrations ORDER BY file) AS files,
    identity.is_server() AS is_believed,
    (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS pgvector
"""


@dataclass(frozen=True, slots=True)
class VitalSigns:
    """The schema's files, whether the server's signature is believed, and pgvector's version."""

    files: Sequence[str]
    is_believed: bool
    pgvector: str


async def take_vital_signs(pool: Pool, key: Signer) -> VitalSigns:
    """Asks the database as the server itself.

    Raises Busy where no connection is free, DatabaseUnavailable where there is none to be had.
    """
    try:
        async with pool.connection() as connection, connection.transaction(readonly=True):
            await connection.execute(_ASSUME, key.sign(THE_SERVER, _SIGNED_SECONDS))
            row = await connection.fetchrow(_VITAL_SIGNS)
    except (*DRIVER_ERRORS, OSError) as error:
        known = trouble(error, out_of_time=False, directory=pool.directory)
        raise known or DatabaseUnavailable("The database refused to be asked.") from error
    if row is None:
        raise DatabaseUnavailable("The database gave no answer.")
    return VitalSigns(row["files"], row["is_believed"] is True, row["pgvector"])
