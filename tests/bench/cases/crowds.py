"""32 clients at once over HTTP, four of each store's manager."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import chain
from statistics import mean, median, quantiles

from tests.bench.clients import bare_over_http, zava_over_http
from tests.bench.crowd import Call, crowd, structured
from tests.bench.ground import Ground
from tests.bench.interleaved import equal, spread
from tests.bench.result import Result, Target
from tests.integration.http_servers import issued

_CLIENTS_EACH = 4
_SECONDS = 3
_ROUNDS = 5
# Two workers, their backends in PostgreSQL and whoever calls.
_CORES_FOR_TWO = 4


async def run(ground: Ground) -> Sequence[Result]:
    managers = [user.handle for user in ground.users.values() if user.role == "store_manager"]
    tokens = [await issued(ground.settings, handle) for handle in managers]
    with ExitStack() as stack:
        url = stack.enter_context(zava_over_http(ground)).mcp
        bare_url = stack.enter_context(bare_over_http(ground))
        ours = _calls(url, tokens)
        constant = [Call(bare_url, None, "one", {})] * len(ours)
        two = _calls(stack.enter_context(zava_over_http(ground, "--workers", "2")).mcp, tokens)
        return await _measure(ground, ours, constant, two)


def _calls(url: str, tokens: Sequence[str]) -> Sequence[Call]:
    arguments = {"postgresql_query": "SELECT 1"}
    return [
        Call(url, token, "execute_sales_query", arguments)
        for token in tokens
        for _ in range(_CLIENTS_EACH)
    ]


async def _measure(
    ground: Ground, ours: Sequence[Call], constant: Sequence[Call], two: Sequence[Call]
) -> Sequence[Result]:
    told = await structured(ours[0]), await structured(two[0]), await structured(constant[0])
    equal([t["rows"] for t in told[:2]], [[[told[2]["result"]]]] * 2, "32 clients")
    rates: dict[str, list[float]] = {"ours": [], "constant": [], "two": []}
    of_ours: list[list[float]] = [[] for _ in ours]
    sides = {"ours": ours, "constant": constant, "two": two}
    seconds = _SECONDS * ground.size.repeats(10, smoke=1) / 10
    for turn in range(1 + ground.size.repeats(_ROUNDS, smoke=1)):
        for name, calls in sides.items():
            times = await crowd(calls, seconds)
            if turn == 0:
                continue
            rates[name].append(sum(map(len, times)) / seconds)
            if name == "ours":
                for kept, more in zip(of_ours, times, strict=True):
                    kept += more
    return [
        Result("32 clients over HTTP, against a constant", median(rates["ours"]),
               median(rates["constant"]), "a second", Target("ratio", 0.6, at_least=True),
               max(spread(rates["ours"]), spread(rates["constant"]))),
        _fairness(of_ours),
        _tail(list(chain.from_iterable(of_ours))),
        Result("the same with two workers, against one", median(rates["two"]),
               median(rates["ours"]), "a second",
               Target("ratio", 1.6, at_least=True) if _may_be_faster() else None,
               spread(rates["two"])),
    ]  # fmt: skip


def _fairness(times: Sequence[Sequence[float]]) -> Result:
    groups = [times[n : n + _CLIENTS_EACH] for n in range(0, len(times), _CLIENTS_EACH)]
    means = [mean(chain.from_iterable(group)) for group in groups]
    return Result("mean wait of the slowest manager, against the fastest", max(means), min(means),
                  "ms", Target("ratio", 1.5))  # fmt: skip


def _tail(times: Sequence[float]) -> Result:
    cuts = quantiles(times, n=100)
    return Result("p99 of all of them, against p50", cuts[98], cuts[49], "ms", Target("ratio", 10))


def _may_be_faster() -> bool:
    return (os.cpu_count() or 1) >= _CORES_FOR_TWO
