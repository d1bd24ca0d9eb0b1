"""The cases, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from tests.bench.cases import (
    app,
    calls,
    chain,
    crowds,
    dashboard,
    in_process,
    policies,
    server,
    ten_times,
)
from tests.bench.ground import Ground
from tests.bench.result import Result

Case = Callable[[Ground], Awaitable[Sequence[Result]]]

CASES: Mapping[str, Case] = {
    "in-process": in_process.run,
    "stdio": calls.over_stdio_run,
    "http": calls.over_http_run,
    "http-clients": crowds.run,
    "policies": policies.run,
    "dashboard": dashboard.run,
    "ten-times": ten_times.run,
    "chain": chain.run,
    "server-start": server.starts,
    "server-memory": server.memory,
    "app-start": app.starts,
    "app-use": app.use,
    "app-grid": app.grid,
    "cold-start": app.cold,
}
