"""A large chain: its import beside psql, policies over 450 stores, search in 100,000 products."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from tests.bench.cases import policies, vectors
from tests.bench.ground import Ground, Size, directory, ground_on, settings_of
from tests.bench.import_speed import make_files
from tests.bench.psql_copy import EmptyCopy
from tests.bench.result import Result, Target
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import Database, open_database, prepare

_STORES, _PRODUCTS = 450, 100_000
# Enough for an index.
_SMOKE_STORES, _SMOKE_PRODUCTS, _SMOKE_SCALE = 20, 5_200, 0.002
_WHERE = " of 450 stores"


async def run(small: Ground) -> Sequence[Result]:
    size = Size(_SMOKE_SCALE if small.size.smoke else small.size.scale, small.size.smoke, fewer=2)
    async with AsyncExitStack() as stack:
        settings = settings_of(stack.enter_context(directory()))
        database = await stack.enter_async_context(open_database(settings, ignore_progress))
        imported = await _import(database, settings, size)
        ground = await stack.enter_async_context(ground_on(database, settings, size))
        manager, region = ground.users["manager"], ground.users["region"]
        return [
            imported,
            *await policies.measure(ground, manager, region, _WHERE),
            *await vectors.measure(ground),
        ]


async def _import(database: Database, settings: Settings, size: Size) -> Result:
    """One run: it takes half a minute. psql then copies what came of it."""
    assert database.owner is not None
    await prepare(database.owner, settings, ignore_progress, demo=False)
    copy = EmptyCopy(database.owner)
    with (
        tempfile.TemporaryDirectory(prefix="zava-bench-") as files,
        tempfile.TemporaryDirectory(prefix="zava-bench-") as copied,
    ):
        lines = await asyncio.to_thread(
            make_files,
            Path(files),
            size.scale,
            stores_made=_SMOKE_STORES if size.smoke else _STORES,
            products_made=_SMOKE_PRODUCTS if size.smoke else _PRODUCTS,
        )
        await copy.make()
        ours = await _imported(settings, Path(files))
        theirs = await copy.fill(Path(copied))
        await copy.remove()
    return Result("db import, against COPY by psql and foreign keys anew", lines / ours,
                  lines / theirs, "lines/s", Target("ratio", 0.4, at_least=True))  # fmt: skip


async def _imported(settings: Settings, files: Path) -> float:
    """Seconds of the whole command."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "zava_server", "db", "import", str(files), "--json"),
        *("--data-dir", str(settings.data_dir)),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    told, _ = await process.communicate()
    seconds = time.perf_counter() - began
    if process.returncode != 0 or not json.loads(told)["imported"]:
        raise SystemExit(f"db import: {told.decode()}")
    return seconds
