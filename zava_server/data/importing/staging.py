"""Rows into temporary tables, from which they go set-wise into the real ones.

That works for every owner: COPY refuses a table whose row security is forced upon them, if they do
not bypass it.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from zava_server.data.binary_copy import COPY_HEADER, COPY_TRAILER, Kind, encode_rows

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

    import asyncpg
    from numpy.typing import NDArray

_SLICE_BYTES = 256 * 1024
_SLICE_RECORDS = 2_000

_TYPES = {
    Kind.UUID: "uuid",
    Kind.INTEGER: "integer",
    Kind.BOOLEAN: "boolean",
    Kind.HUNDREDTHS: "numeric",
    Kind.MICROSECONDS: "timestamptz",
}


async def stage(
    owner: asyncpg.Connection,
    table: str,
    kinds: Mapping[str, Kind],
    columns: Mapping[str, NDArray[Any]],
) -> None:
    """Makes the temporary table anew, of these rows alone, until the end of the transaction."""
    definition = ", ".join(f"{name} {_TYPES[kind]}" for name, kind in kinds.items())
    await owner.execute(
        f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} ({definition}) ON COMMIT DROP;"
        f"TRUNCATE {table}"
    )
    await copy_rows(owner, table, kinds, columns)


async def copy_rows(
    owner: asyncpg.Connection,
    table: str,
    kinds: Mapping[str, Kind],
    columns: Mapping[str, NDArray[Any]],
    schema: str | None = None,
) -> None:
    """Adds the rows to a table."""
    await owner.copy_to_table(
        table,
        schema_name=schema,
        columns=list(kinds),
        source=_in_slices(COPY_HEADER + encode_rows(kinds, columns) + COPY_TRAILER),
        format="binary",
    )


async def stage_records(
    owner: asyncpg.Connection,
    table: str,
    definition: Mapping[str, str],
    records: Iterable[tuple[Any, ...]],
) -> None:
    """The same for rows of texts; `definition` gives the columns' types."""
    columns = ", ".join(f"{name} {type_}" for name, type_ in definition.items())
    await owner.execute(f"CREATE TEMPORARY TABLE {table} ({columns}) ON COMMIT DROP")
    # Some at a time, so that the event loop gets its turn between them.
    for some in _batches(records):
        await owner.copy_records_to_table(table, records=some)


async def _in_slices(data: bytes) -> AsyncIterator[bytes]:
    """Slices small enough for the event loop to get its turn between them."""
    for start in range(0, len(data), _SLICE_BYTES):
        yield data[start : start + _SLICE_BYTES]


def _batches(records: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    iterator = iter(records)
    while batch := list(islice(iterator, _SLICE_RECORDS)):
        yield batch
