"""What reading a file gives, whatever its format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Batch:
    """Some rows as texts, an array of strings for each column; an absent value is the empty text.

    `unreadable` says of rows, by their position here, why they could not be split into cells.
    """

    columns: Mapping[str, pa.Array[Any]]
    size: int
    unreadable: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Located:
    """Where a row starts in its file, header = 1, and its cells as they stand there."""

    line: int
    cells: Mapping[str, str]


class Source(Protocol):
    """An opened file."""

    @property
    def header(self) -> Sequence[str]:
        """The names of its columns, trimmed and in lower case."""

    @property
    def attempts(self) -> Sequence[Reading]:
        """Ways to read it, the fastest first; all but the last may raise Irregular midway."""

    def locate(self, records: Collection[int]) -> Mapping[int, Located]:
        """These rows by their numbers, from 0."""


class Reading(Protocol):
    """One way to read a file."""

    def __call__(self, columns: Sequence[str]) -> Iterator[tuple[float, Batch]]:
        """Batches of these columns with the share of the file that is read by then, 0 to 1.

        Raises UnusableFile, Irregular.
        """


class Irregular(Exception):
    """The file needs a slower, more careful reading."""
