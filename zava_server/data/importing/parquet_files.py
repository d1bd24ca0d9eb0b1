"""Parquet files, read as the texts that a CSV file would hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as parquet

from zava_server.data.importing.batches import Batch, Located
from zava_server.data.importing.problems import UnusableFile

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from zava_server.data.importing.batches import Reading

_BATCH = 50_000
# A sum of cents in floating point is off by less; a price with three decimals is off by more.
_FLOAT_DECIMALS = 6


class ParquetFile:
    """A Parquet file. A row's line is the one it would have in a CSV file.

    Raises UnusableFile.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = parquet.ParquetFile(path)
        except (pa.ArrowException, OSError):
            raise UnusableFile("is no Parquet file, or a damaged one") from None
        self._names = self._file.schema_arrow.names
        self.header: Sequence[str] = [name.strip().lower() for name in self._names]

    @property
    def attempts(self) -> Sequence[Reading]:
        """The one way to read it."""
        return [self._read]

    def locate(self, records: Collection[int]) -> Mapping[int, Located]:
        """These rows by their numbers, from 0."""
        wanted, found, start = sorted(records), {}, 0
        for _, batch in self._read(self.header):
            while wanted and wanted[0] < start + batch.size:
                number = wanted.pop(0)
                cells = {
                    name: texts[number - start].as_py() or ""
                    for name, texts in batch.columns.items()
                }
                found[number] = Located(number + 2, cells)
            start += batch.size
        return found

    def _read(self, columns: Sequence[str]) -> Iterator[tuple[float, Batch]]:
        names = {name: self._names[self.header.index(name)] for name in columns}
        total, done = self._file.metadata.num_rows, 0
        try:
            for batch in self._file.iter_batches(_BATCH, columns=list(names.values())):
                done += batch.num_rows
                yield (
                    done / total,
                    Batch(
                        {name: _texts(batch.column(stored)) for name, stored in names.items()},
                        batch.num_rows,
                    ),
                )
        except (pa.ArrowException, OSError):
            raise UnusableFile("is a damaged Parquet file") from None


def _texts(values: pa.Array[Any]) -> pa.Array[Any]:
    """The values as one would write them; NULL as the empty text."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
        values = values.cast(kind)
    if pa.types.is_floating(kind):
        values = compute.round(values, _FLOAT_DECIMALS)
    elif pa.types.is_timestamp(kind):
        values = values.cast(pa.timestamp("us", "UTC" if kind.tz else None), safe=False)
    elif pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        raise UnusableFile(f"has a column of type {kind}, which is no text, number or date")
    return values.cast(pa.string()).fill_null("")
