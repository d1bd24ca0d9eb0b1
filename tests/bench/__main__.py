"""All benchmarks, each beside its baseline: `python -m tests.bench`.

Figures of a busy machine mean little: the load is told with them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.cases import CASES
from tests.bench.ground import Size, ground
from tests.bench.result import Result, table_of

SMOKE_SCALE = 0.1


async def measure(names: Sequence[str], size: Size, data_dir: Path | None) -> list[Result]:
    results: list[Result] = []
    async with ground(size, data_dir) as prepared:
        for name in names:
            started = time.monotonic()
            found = await CASES[name](prepared)
            results += [replace(result, target=None) for result in found] if size.smoke else found
            seconds = time.monotonic() - started
            print(f"{name}: {seconds:.0f} s, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
    return results


def main() -> int:
    """1 where a target is missed, which a smoke run does not ask."""
    parser = argparse.ArgumentParser(prog="tests.bench", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--only", action="append", choices=list(CASES), metavar="NAME")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--smoke", action="store_true", help="small and short, no targets")
    parser.add_argument("--scale", type=float, default=1.0, help="of the demo data")
    parser.add_argument("--data-dir", type=Path, help="keep the database there for the next run")
    options = parser.parse_args()
    names = [name for name in CASES if name in (options.only or CASES)]
    if options.list:
        print("\n".join(CASES))
        return 0
    size = Size(SMOKE_SCALE if options.smoke else options.scale, options.smoke)
    before = os.getloadavg()[0]
    results = asyncio.run(measure(names, size, options.data_dir))
    if options.json:
        load = {"before": before, "after": os.getloadavg()[0], "cores": os.cpu_count()}
        plain = [result.as_plain() for result in results]
        print(json.dumps({"smoke": size.smoke, "load": load, "results": plain}, indent=1))
    else:
        print(table_of(results))
        print(f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores")
    return int(any(result.met is False for result in results))


if __name__ == "__main__":
    sys.exit(main())
