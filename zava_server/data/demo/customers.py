"""The people: names that fit Washington State, and e-mail addresses that exist nowhere."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import reduce
from string import ascii_lowercase
from typing import TYPE_CHECKING

import numpy as np

from zava_server.data.demo.names import FIRST_NAMES, LAST_NAMES
from zava_server.data.demo.randomness import pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Texts = NDArray[np.bytes_]

# Reserved by RFC 2606: no letter to them ever arrives.
_DOMAINS = np.array([b"@example.com", b"@example.net", b"@example.org"])
_DOMAIN_WEIGHTS = np.array([0.7, 0.2, 0.1])
# The commonest name is about eight times as common as the hundredth.
_NAME_RANK_OFFSET = 14
_ALSO_ELSEWHERE = 0.018


@dataclass(frozen=True)
class People:
    """Everybody who ever bought, (people,) each: UTF-8 names and ASCII addresses, all different."""

    first_name: Texts
    last_name: Texts
    email: Texts


def make_people(rng: np.random.Generator, count: int) -> People:
    """`count` people; who has the name of another gets a number into the address."""
    first = pick(rng, _commonness(FIRST_NAMES), count)
    last = pick(rng, _commonness(LAST_NAMES), count)
    address = _joined(_plain(FIRST_NAMES)[first], np.array([b"."]), _plain(LAST_NAMES)[last])
    namesake = _occurrence(np.unique(address, return_inverse=True)[1])
    numerals = [b"", *(str(n + 1).encode() for n in range(1, namesake.max() + 1))]
    domain = _DOMAINS[pick(rng, _DOMAIN_WEIGHTS, count)]
    return People(
        np.array([name.encode() for name in FIRST_NAMES])[first],
        np.array([name.encode() for name in LAST_NAMES])[last],
        _joined(address, np.array(numerals)[namesake], domain),
    )


def spread_over_stores(
    rng: np.random.Generator, customers: Sequence[int]
) -> Sequence[NDArray[np.int64]]:
    """Which person each customer of each store is; a few are customers of two stores.

    `customers` says how many each store has. People are numbered from 0; not every number is used.
    """
    store = np.repeat(np.arange(len(customers)), customers)
    person = np.arange(len(store))
    pairs = rng.permutation(len(store))[: 2 * round(_ALSO_ELSEWHERE * len(store))].reshape(2, -1)
    here, there = pairs[:, store[pairs[0]] != store[pairs[1]]]
    person[there] = person[here]
    return np.split(person, np.cumsum(customers)[:-1])


def _commonness(names: Sequence[str]) -> NDArray[np.float64]:
    return 1 / (np.arange(len(names)) + _NAME_RANK_OFFSET)


def _joined(*parts: Texts) -> Texts:
    return reduce(np.strings.add, parts)


def _occurrence(keys: NDArray[np.integer]) -> NDArray[np.int64]:
    """How many equal keys stand before each."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=ordered[:1] - 1))
    group = np.diff(starts, append=len(keys))
    occurrence = np.empty(len(keys), np.int64)
    occurrence[order] = np.arange(len(keys)) - np.repeat(starts, group)
    return occurrence


def _plain(names: Sequence[str]) -> Texts:
    """Names as they stand in addresses: a to z only."""
    decomposed = (unicodedata.normalize("NFKD", name).lower() for name in names)
    return np.array(
        ["".join(filter(ascii_lowercase.__contains__, name)).encode() for name in decomposed]
    )
