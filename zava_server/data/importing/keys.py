"""The keys of files as numbers within one import, and as UUIDs that stay the same in every one."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

from zava_server.data.importing.tables import NO_CODE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from zava_server.data.importing.tables import Codes

    Numbers = NDArray[np.int32]
    Identifiers = NDArray[np.uint8]
    """(n, 16) bytes."""

_NAMESPACE = UUID("6f1d1c0a-5d3e-4f0b-9a57-2b1c8f4e7a90").bytes


class Keys:
    """All different keys of one kind that files name, numbered from 0 as they are met."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._numbers: dict[tuple[str, ...], int] = {}

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def all(self) -> Sequence[tuple[str, ...]]:
        """The keys by number."""
        return list(self._numbers)

    def number(self, codes: Codes) -> Numbers:
        """The numbers of a column of codes; NO_CODE where there is none."""
        return _looked_up(codes.numbers, [self._add((text,)) for text in codes.texts])

    def number_within(self, stores: Codes, codes: Codes) -> Numbers:
        """The numbers of two columns that make a key together."""
        pairs = codes.numbers.astype(np.int64) * len(stores.texts) + stores.numbers
        pairs[(codes.numbers == NO_CODE) | (stores.numbers == NO_CODE)] = NO_CODE
        distinct, places = np.unique(pairs, return_inverse=True)
        numbers = [
            NO_CODE
            if pair == NO_CODE
            else self._add(
                (stores.texts[pair % len(stores.texts)], codes.texts[pair // len(stores.texts)])
            )
            for pair in distinct.tolist()
        ]
        return np.array(numbers, np.int32)[places]

    def identifiers(self) -> Identifiers:
        """The UUIDs of the keys by number."""
        return identifiers(self._kind, self._numbers)

    def _add(self, key: tuple[str, ...]) -> int:
        return self._numbers.setdefault(key, len(self._numbers))


def identifiers(kind: str, keys: Iterable[Sequence[str]]) -> Identifiers:
    """The UUID of each key of a kind (version 5 of RFC 9562), as bytes.

    Each part is preceded by its length, so that no two keys are spelled alike.
    """
    beginning = hashlib.sha1(_NAMESPACE + _spelled(kind), usedforsecurity=False)
    digests = []
    for key in keys:
        digest = beginning.copy()
        digest.update(b"".join(map(_spelled, key)))
        digests.append(digest.digest())
    made = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 20)[:, :16].copy()
    made[:, 6] = made[:, 6] & 0x0F | 0x50
    made[:, 8] = made[:, 8] & 0x3F | 0x80
    return made


def _looked_up(numbers: Numbers, meaning: Sequence[int]) -> Numbers:
    """`meaning` of each number, and NO_CODE as it is."""
    return np.array([*meaning, NO_CODE], np.int32)[numbers]


def _spelled(part: str) -> bytes:
    encoded = part.encode()
    return b"%d:%b" % (len(encoded), encoded)
