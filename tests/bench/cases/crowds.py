"""32 clients at once over HTTP, four of each store's manager."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
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
        sides = {"ours": ours, "constant": constant}
        if (os.cpu_count() or 1) >= _CORES_FOR_TWO:
            two_workers = stack.enter_context(zava_over_http(ground, "--workers", "2"))
            sides["two"] = _calls(two_workers.mcp, tokens)
        return await _measure(ground, sides)


def _calls(url: str, tokens: Sequence[str]) -> Sequence[Call]:
    arguments = {"postgresql_query": "SELECT 1"}
    return [
        Call(url, token, "execute_sales_query", arguments)
        for token in tokens
        for _ in range(_CLIENTS_EACH)
    ]


async def _measure(ground: Ground, sides: Mapping[str, Sequence[Call]]) -> Sequence[Result]:
    (one,) = (await structured(sides["constant"][0])).values()
    for name in sides.keys() - {"constant"}:
        equal((await structured(sides[name][0]))["rows"], [[one]], "32 clients")
    rates: dict[str, list[float]] = {name: [] for name in sides}
    of_ours: list[list[float]] = [[] for _ in sides["ours"]]
    seconds = ground.size.repeats(10 * _SECONDS, smoke=2) / 10
    warm_up = ground.size.repeats(1, smoke=0)
    for turn in range(warm_up + ground.size.repeats(_ROUNDS, smoke=1)):
        for name, calls in sides.items():
            began = time.perf_counter()
            times = await crowd(calls, seconds)
            elapsed = time.perf_counter() - began
            if turn < warm_up:
                continue
            rates[name].append(sum(map(len, times)) / elapsed)
            if name == "ours":
                for kept, more in zip(of_ours, times, strict=True):
                    kept += more
    found = [
        _rates("32 clients over HTTP, against a constant", rates["ours"], rates["constant"], 0.6),
        _fairness(of_ours),
        _tail(list(chain.from_iterable(of_ours))),
    ]
    if "two" in rates:
        what = "32 clients and two workers, against one"
        found.append(_rates(what, rates["two"], rates["ours"], 1.6))
    return found


def _rates(what: str, ours: Sequence[float], baseline: Sequence[float], least: float) -> Result:
    return Result(what, median(ours), median(baseline), "a second",
                  Target("ratio", least, at_least=True),
                  max(spread(ours), spread(baseline)))  # fmt: skip


def _fairness(times: Sequence[Sequence[float]]) -> Result:
    groups = [times[n : n + _CLIENTS_EACH] for n in range(0, len(times), _CLIENTS_EACH)]
    means = [mean(chain.from_iterable(group)) for group in groups]
    return Result("mean wait of the slowest manager, against the fastest", max(means), min(means),
                  "ms", Target("ratio", 1.5))  # fmt: skip


def _tail(times: Sequence[float]) -> Result:
    cuts = quantiles(times, n=100)
    return Result("p99 of all of them, against p50", cuts[98], cuts[49], "ms", Target("ratio", 10))
