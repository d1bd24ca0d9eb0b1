"""Chance that repeats: independent streams named after what they decide, all from one seed.

A stream's numbers depend on the seed and its name alone, never on the clock, the machine or what
was drawn before elsewhere. (NumPy keeps them stable within a release, not between releases.)
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def _digest(seed: int, name: tuple[object, ...]) -> bytes:
    return hashlib.sha256("/".join(map(str, (seed, *name))).encode()).digest()


def stream(seed: int, *name: object) -> np.random.Generator:
    """The stream of random numbers of this name."""
    return np.random.Generator(np.random.PCG64(int.from_bytes(_digest(seed, name)[:16], "big")))


def named_uuid(seed: int, *name: object) -> UUID:
    """A version 4 UUID that the seed and the name fix."""
    return UUID(bytes=_digest(seed, name)[:16], version=4)


def random_uuids(rng: np.random.Generator, count: int) -> NDArray[np.uint8]:
    """Version 4 UUIDs, (count, 16) bytes."""
    ids = np.frombuffer(rng.bytes(16 * count), np.uint8).reshape(count, 16).copy()
    ids[:, 6] = ids[:, 6] & 0x0F | 0x40
    ids[:, 8] = ids[:, 8] & 0x3F | 0x80
    return ids


def pick(rng: np.random.Generator, weights: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """`count` positions in `weights`, each as likely as its weight."""
    cumulative = np.cumsum(weights)
    at = np.searchsorted(cumulative, rng.random(count) * cumulative[-1], side="right")
    position: NDArray[np.intp] = np.minimum(at, len(weights) - 1)
    return position


def cumulative_rows(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """A table for `pick_in_rows` from (rows, choices) weights: one ascending sequence."""
    cumulative = np.cumsum(weights, axis=1)
    cumulative /= cumulative[:, -1:]
    return (cumulative + np.arange(len(weights))[:, None]).ravel()


def pick_in_rows(
    rng: np.random.Generator, table: NDArray[np.float64], rows: NDArray[np.integer], choices: int
) -> NDArray[np.intp]:
    """For each of `rows` one of its choices, as likely as its weight."""
    at = np.searchsorted(table, rows + rng.random(len(rows)), side="right")
    choice: NDArray[np.intp] = np.minimum(at - rows * choices, choices - 1)
    return choice
