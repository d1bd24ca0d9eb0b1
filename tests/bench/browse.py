"""What a page of 100 rows costs, in every table, sort and filter, at page 1 and at page 1,000.

    python -m tests.bench.browse DIRECTORY [--scale 10] [--rounds 5]

DIRECTORY keeps a database of that scale for the next run. Times are milliseconds that the backend
had a processor for all statements of a page, planning included, the least of the rounds:
other work on the machine adds little to them. Linux only.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from zava_server.data.browsable import Browsable, Column, Kind
from zava_server.data.browsable_tables import BROWSABLE
from zava_server.data.browsing import Condition, PageRequest, Position, read_page
from zava_server.data.identity import Identity, list_users
from zava_server.data.pool import Pool
from zava_server.data.signing_keys import SigningKey
from zava_server.data.transactions import ReadTransactions
from zava_server.infrastructure.progress import ignore_progress
from zava_server.infrastructure.settings import Settings
from zava_server.startup import open_database, prepare

LIMIT, BOUND_MS, BOUND_RATIO = 100, 5.0, 2.0
DEEP_PAGE = 1_000
HANDLES = ("kirkland", "seattle", "puget-sound", "head-office")
SHARES = (0.0, 0.001, 0.02, 0.3, 0.97, 1.0)
"""Values of a filter lie there among the values of its column."""


def on_processor(process: int) -> float:
    """For how many milliseconds a process has had a processor so far."""
    return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e6


@dataclass(frozen=True)
class Bench:
    transactions: ReadTransactions
    rounds: int

    async def cost(self, identity: Identity, request: PageRequest) -> float:
        """What a page takes, in milliseconds."""
        async with self.transactions.read_as(identity) as transaction:
            process = transaction.connection.get_server_pid()
            times = []
            for _ in range(self.rounds):
                transaction.received.allow(0)
                before = on_processor(process)
                await read_page(transaction, request)
                times.append(on_processor(process) - before)
        return min(times)

    async def start_of_page(
        self, identity: Identity, request: PageRequest, page: int
    ) -> tuple[int, Position | None]:
        """Where that page starts, or the last one before if there are fewer; and its number."""
        step = 500
        request = replace(request, limit=step)
        number = 1
        while number < page:
            # A transaction each, since what a connection may receive in one is bounded.
            async with self.transactions.read_as(identity) as transaction:
                found = await read_page(transaction, request)
            if found.next_position is None:
                break
            request = replace(request, position=found.next_position)
            number += step // LIMIT
        return number, request.position


async def run(directory: Path, scale: float, rounds: int) -> None:
    settings = Settings(data_dir=directory)
    async with open_database(settings, ignore_progress) as database:
        assert database.owner is not None
        await prepare(database.owner, settings, ignore_progress, demo_scale=scale)
        key = SigningKey.read(settings.key_file)
        pool = Pool(database.app, min_size=1, max_size=1, acquire_seconds=5)
        async with pool.running():
            async with pool.connection() as connection:
                users = {user.handle: user for user in await list_users(connection, key)}
            owner = await database.owner.connect()
            transactions = ReadTransactions(
                pool, key, time_zone="America/Los_Angeles", statement_seconds=30
            )
            bench = Bench(transactions, rounds)
            load = os.getloadavg()[0]
            print(
                f"scale {scale:g}, {await owner.fetchval('SELECT count(*) FROM retail.orders'):,}"
                f" orders, load {load:.1f}"
            )
            for table in BROWSABLE.values():
                await unfiltered(bench, table, users)
            for table in BROWSABLE.values():
                await filtered(bench, owner, table, users)
            await owner.close()


async def unfiltered(bench: Bench, table: Browsable, users: dict[str, Identity]) -> None:
    for column, descending, handle in questions(table):
        identity = users[handle]
        request = question(table, column, descending, identity)
        number, position = await bench.start_of_page(identity, request, DEEP_PAGE)
        first = await bench.cost(identity, request)
        deep = await bench.cost(identity, replace(request, position=position))
        note = "  ABOVE THE BOUND" if max(first, deep) > BOUND_MS else ""
        if deep > first * BOUND_RATIO:
            note += "  DEARER THAN PAGE 1"
        direction = "desc" if descending else "asc"
        print(
            f"{table.name:11} {handle:11} {column.name + ' ' + direction:18} "
            f"page 1: {first:5.2f}  page {number:5,}: {deep:5.2f}  "
            f"ratio {deep / first:4.2f}{note}"
        )


async def filtered(bench: Bench, owner: Any, table: Browsable, users: dict[str, Identity]) -> None:
    """Every filter in every sort, at several values; only the dearest of each is told."""
    for column in table.columns:
        if not column.by:
            continue
        values = await values_of(owner, table, column)
        for operator in column.filters:
            costs = {}
            for value in values:
                for conditions in wishes(column, operator, value):
                    for by, descending, handle in questions(table):
                        request = replace(
                            question(table, by, descending, users[handle]), conditions=conditions
                        )
                        cost = await bench.cost(users[handle], request)
                        costs[(handle, by.name, descending, str(value)[:30])] = cost
            if not costs:
                continue
            worst = max(costs, key=lambda which: costs[which])
            note = "  ABOVE THE BOUND" if costs[worst] > BOUND_MS else ""
            print(
                f"{table.name:11} {column.name:16} {operator:11} median "
                f"{median(costs.values()):5.2f}  most {costs[worst]:5.2f}  {worst}{note}"
            )


def questions(table: Browsable) -> Sequence[tuple[Column, bool, str]]:
    return [
        (column, descending, handle)
        for column in table.columns
        if column.sort
        for descending in (False, True)
        for handle in (HANDLES if table.by_store else HANDLES[:1])
    ]


def question(table: Browsable, column: Column, descending: bool, identity: Identity) -> PageRequest:
    stores = identity.store_ids if table.by_store else ()
    return PageRequest(table, column, descending, (), stores, None, LIMIT)


async def values_of(owner: Any, table: Browsable, column: Column) -> list[Any]:
    """Values of a column as they are spread over it, the rare and the frequent."""
    value = table.values[column.by]
    found = (
        await owner.fetchrow(
            f"SELECT percentile_disc($1::float8[]) WITHIN GROUP (ORDER BY {value.sql}) "
            f"FROM {table.source} {' '.join(value.joins)} WHERE {value.sql} IS NOT NULL",
            SHARES,
        )
        if value.kind is not Kind.YES_NO
        else [[True, False]]
    )
    return list(dict.fromkeys(found[0]))


def wishes(column: Column, operator: str, value: Any) -> list[list[Condition]]:
    match operator:
        case "in":
            return [[Condition(column, "in", [value])]]
        case "contains":
            parts = {value[:2], value[1:4], value[:12], "no such text"}
            return [[Condition(column, "contains", f"%{part}%")] for part in parts]
        case "starts_with":
            return [
                [
                    Condition(column, ">=", value[:n]),
                    Condition(column, "<", value[:n] + "\U0010ffff"),
                ]
                for n in (1, 4)
            ]
    return [[Condition(column, operator, value)]]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    asyncio.run(run(chosen.directory, chosen.scale, chosen.rounds))
