"""Policies and dashboards over ten times the data, and what those add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tests.bench.cases import dashboard, policies
from tests.bench.ground import Ground, ground
from tests.bench.result import Result

_WHERE = " at 10 ×"
_FEWER = 8


async def run(small: Ground) -> Sequence[Result]:
    if small.size.smoke:
        # No more data here either: making them is most of this.
        return await _measure(small, small)
    size = replace(small.size, scale=10 * small.size.scale, fewer=_FEWER)
    async with ground(size, None) as large:
        return await _measure(small, large)


async def _measure(small: Ground, large: Ground) -> Sequence[Result]:
    regional = next(u for u in large.users.values() if u.role == "regional_manager")
    return [
        *await policies.measure(large, large.users["seattle"], regional, _WHERE),
        *await dashboard.measure(large, _WHERE),
        *await dashboard.growth(small, large),
    ]
