"""How fast a large retailer's data are imported, and what that costs others.

    python -m tests.bench.import_speed [--scale 1.0] [--keep DIRECTORY]

Makes 1.5 million order lines, 155,000 orders, 450 stores, 90,000 products and 14,000 customers as
CSV files, imports them into an empty database with `zava-server db import`, and prints rates beside
a baseline of the same run: COPY of the same lines into a table with the same indexes but without
foreign keys and triggers. Meanwhile a reader asks again and again. Says the machine's load, since
figures of a busy machine mean little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import numpy as np
import psutil
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from zava_server.data.embedded import EmbeddedPostgres

STORES, PRODUCTS, HOUSEHOLDS, ORDERS, LINES = 450, 90_000, 2_500, 155_000, 1_500_000
CATEGORIES, TYPES = 30, 300
STORES_VISITED = 6
REGION = 10
"""One store in so many is the regional manager's."""

# By key: all else would wade through rows that are not there yet.
_READ = """
SELECT (SELECT count(*) FROM retail.stores),
    (SELECT count(*) FROM retail.products WHERE sku = 'P7'),
    (SELECT sum(revenue) FROM retail.daily_sales WHERE store_id = $1),
    (SELECT count(*) FROM retail.orders WHERE store_id = $1),
    (SELECT count(*) FROM retail.order_items WHERE store_id = $1)
"""
_A_STORE = UUID(int=1)


def codes(prefix: str, numbers: NDArray[Any]) -> pa.Array[Any]:
    return pa.array([f"{prefix}{number}" for number in numbers.tolist()])


def money(cents: NDArray[np.int64]) -> pa.Array[Any]:
    return pa.array([f"{value // 100}.{value % 100:02}" for value in cents.tolist()])


def make_files(
    directory: Path, scale: float, *, stores_made: int = STORES, products_made: int = PRODUCTS
) -> int:
    """Writes the files; returns how many order lines there are.

    The shape is a grocer's: few stores have most orders, a few categories most lines, an order has
    about ten lines, and a household shops in six stores.
    """
    random = np.random.default_rng(1)
    orders, lines = int(ORDERS * scale), int(LINES * scale)

    def write(table: str, **columns: Any) -> None:
        arrow_csv.write_csv(
            pa.table(columns),
            directory / f"{table}.csv",
            arrow_csv.WriteOptions(quoting_style="needed"),
        )

    stores = np.arange(stores_made)
    write(
        "stores",
        store_code=codes("S", stores),
        name=codes("Store ", stores),
        location=codes("Town ", stores % 97),
        is_online=["false"] * stores_made,
        time_zone=["America/New_York"] * stores_made,
    )
    products = np.arange(products_made)
    popular = 1 / np.arange(1, CATEGORIES + 1) ** 1.3
    category = random.choice(CATEGORIES, products_made, p=popular / popular.sum())
    kind = category + CATEGORIES * random.integers(0, TYPES // CATEGORIES, products_made)
    price = random.integers(50, 5_000, products_made)
    write(
        "products",
        sku=codes("P", products),
        name=codes("Product ", products),
        description=codes("What one needs for the things that are done with number ", products),
        category=codes("Category ", category),
        product_type=codes("Type ", kind),
        cost=money(price * 2 // 3),
        base_price=money(price),
    )
    store_weights = 1 / np.arange(1, stores_made + 1) ** 0.5
    visited = random.choice(
        stores_made, (HOUSEHOLDS, STORES_VISITED), p=store_weights / store_weights.sum()
    )
    household = random.integers(0, HOUSEHOLDS, orders)
    store = visited[household, random.integers(0, STORES_VISITED, orders)]
    pairs = np.unique(household * stores_made + store)
    write(
        "customers",
        customer_code=codes("H", pairs // stores_made),
        store_code=codes("S", pairs % stores_made),
        first_name=codes("First", pairs // stores_made),
        last_name=codes("Last", pairs // stores_made),
        email=codes("household-", pairs // stores_made),
    )
    second = random.integers(0, 365 * 86_400, orders)
    write(
        "orders",
        order_code=codes("", 31_000_000_000 + np.arange(orders)),
        store_code=codes("S", store),
        customer_code=codes("H", household),
        order_date=pa.array(np.datetime64("2025-01-01", "s") + second).cast(pa.string()),
    )
    share = random.exponential(1, orders)
    order = np.sort(random.choice(orders, lines, p=share / share.sum()))
    sold = 1 / np.arange(1, products_made + 1) ** 0.7
    product = random.permutation(products_made)[
        random.choice(products_made, lines, p=sold / sold.sum())
    ]
    quantity = random.choice([1, 1, 1, 1, 2, 2, 3, 5, -1], lines)
    discount = random.choice([0, 0, 0, 5, 10, 25], lines)
    unit_price = price[product]
    exact = quantity * unit_price * (100 - discount)
    total = np.sign(exact) * ((np.abs(exact) + 50) // 100)
    write(
        "order_items",
        order_code=codes("", 31_000_000_000 + order),
        store_code=codes("S", store[order]),
        sku=codes("P", product),
        quantity=quantity,
        unit_price=money(unit_price),
        discount_percent=discount,
        total_amount=[f"{value / 100:.2f}" for value in total.tolist()],
    )
    region = ";".join(f"S{number}" for number in range(0, stores_made, REGION))
    (directory / "users.csv").write_text(
        "handle,role,store_codes\n"
        "head-office,head_office,\n"
        "manager,store_manager,S0\n"
        f"region,regional_manager,{region}\n"
    )
    return lines


class Watch:
    """The memory of the import and of PostgreSQL, and how long a reader waits."""

    def __init__(self, import_pid: int, postmaster_pid: int) -> None:
        self._import = psutil.Process(import_pid)
        self._postmaster = psutil.Process(postmaster_pid)
        self.import_mb = self.postgres_mb = self.both_mb = self.longest_wait = 0.0

    def sample_memory(self) -> None:
        try:
            ours = self._import.memory_full_info().pss / 1e6
            processes = [self._postmaster, *self._postmaster.children()]
            theirs = sum(process.memory_full_info().pss for process in processes) / 1e6
            self.import_mb = max(self.import_mb, ours)
            self.postgres_mb = max(self.postgres_mb, theirs)
            self.both_mb = max(self.both_mb, ours + theirs)
        except psutil.Error:
            return

    async def read(self, connection: asyncpg.Connection) -> None:
        while True:
            started = time.monotonic()
            await connection.fetchval(_READ, _A_STORE)
            self.longest_wait = max(self.longest_wait, time.monotonic() - started)
            await asyncio.sleep(0.02)


async def measure(data_dir: Path, files: Path) -> tuple[dict[str, Any], Watch]:
    with EmbeddedPostgres(data_dir) as running:
        reader = await asyncpg.connect(
            user=running.owner, host=running.host, port=running.port, database=running.database
        )
        postmaster = psutil.Process(await reader.fetchval("SELECT pg_backend_pid()")).ppid()
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "zava_server", "db", "import", str(files), "--json"),
            *("--data-dir", str(data_dir)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        watch = Watch(process.pid, postmaster)
        reading = asyncio.create_task(watch.read(reader))
        answer = asyncio.create_task(process.communicate())
        while not answer.done():
            # In a thread, or the reader would wait for it. Seldom, for it takes a core 50 ms.
            await asyncio.to_thread(watch.sample_memory)
            await asyncio.wait({answer}, timeout=1)
        reading.cancel()
        await asyncio.wait({reading})
        reader.terminate()
        summary: dict[str, Any] = json.loads((await answer)[0])
        if "error" in summary:
            raise SystemExit(summary["error"]["message"])
        return summary, watch


async def baseline(data_dir: Path) -> float:
    """Seconds for COPY of all the lines into a table with the same keys."""
    with EmbeddedPostgres(data_dir) as running, tempfile.TemporaryFile() as kept:
        connection = await asyncpg.connect(
            user=running.owner, host=running.host, port=running.port, database=running.database
        )
        await connection.execute(
            "CREATE TABLE public.baseline (LIKE retail.order_items INCLUDING INDEXES)"
        )
        await connection.copy_from_table(
            "order_items", schema_name="retail", output=kept, format="binary"
        )
        kept.seek(0)
        started = time.monotonic()
        await connection.copy_to_table(
            "baseline", schema_name="public", source=kept, format="binary"
        )
        seconds = time.monotonic() - started
        await connection.execute("DROP TABLE public.baseline")
        await connection.close()
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--keep", type=Path, help="leave files and database here")
    arguments = parser.parse_args()
    place = arguments.keep or Path(tempfile.mkdtemp(prefix="zava-bench-", dir="/var/tmp"))
    place.chmod(0o755)
    files, data_dir = place / "files", place / "database"
    shutil.rmtree(data_dir, ignore_errors=True)
    files.mkdir(exist_ok=True)
    lines = make_files(files, arguments.scale)
    zava = [sys.executable, "-m", "zava_server", "db", "init", "--no-demo"]
    subprocess.run([*zava, "--data-dir", str(data_dir)], check=True, capture_output=True)

    print(f"load before: {os.getloadavg()[0]:.1f}")
    summary, watch = asyncio.run(measure(data_dir, files))
    copy_seconds = asyncio.run(baseline(data_dir))
    print(f"import: {summary['seconds']:.1f} s, {lines / summary['seconds']:,.0f} lines a second")
    print(f"COPY of the lines alone: {copy_seconds:.1f} s, {lines / copy_seconds:,.0f} a second")
    print(
        f"memory: import {watch.import_mb:,.0f} MB, PostgreSQL {watch.postgres_mb:,.0f} MB, "
        f"both at once {watch.both_mb:,.0f} MB"
    )
    print(f"longest wait of a reader: {watch.longest_wait * 1000:.0f} ms")
    again, _ = asyncio.run(measure(data_dir, files))
    changes = sum(table["new"] + table["changed"] for table in again["tables"].values())
    print(f"the same again: {again['seconds']:.1f} s, {changes} changes")
    print(f"load after: {os.getloadavg()[0]:.1f}")
    if arguments.keep is None:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
