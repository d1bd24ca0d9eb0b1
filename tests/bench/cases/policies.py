"""What row security adds to an aggregate: a caller beside the owner, who says the same in WHERE."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from functools import partial

from tests.bench.ground import Ground
from tests.bench.interleaved import Doing, equal, interleaved, timed
from tests.bench.result import Result, Target
from zava_server.data.identity import Identity
from zava_server.data.transactions import ReadTransactions

# Lines and not orders alone: most work for each row that a policy looks at.
_SQL = """
SELECT count(*), sum(total_amount), sum(quantity), max(unit_price) FROM retail.order_items
"""
_SECONDS = 600
_PLANS = ("enable_seqscan = on", "enable_seqscan = off", "max_parallel_workers_per_gather = 0")


async def run(ground: Ground) -> Sequence[Result]:
    regional = next(u for u in ground.users.values() if u.role == "regional_manager")
    return await measure(ground, ground.users["seattle"], regional, "")


async def measure(
    ground: Ground, manager: Identity, regional: Identity, where: str
) -> Sequence[Result]:
    """One store, some, and all; `where` says of which database."""
    await ground.owner.execute("VACUUM (ANALYZE) retail.order_items")
    everything = ground.users["head-office"]
    one = f"WHERE store_id = '{manager.store_ids[0]}'"
    some = f"WHERE store_id IN ({_listed(regional)})"
    return [
        await _beside_owner(ground, manager, one, where, 1.05),
        await _beside_owner(ground, regional, some, where, 1.15),
        await _beside_owner(ground, everything, "", where, 1.05),
    ]


def _listed(user: Identity) -> str:
    return ", ".join(f"'{store_id}'" for store_id in user.store_ids)


async def _beside_owner(
    ground: Ground, user: Identity, condition: str, where: str, bound: float
) -> Result:
    transactions = ReadTransactions(
        ground.pool,
        ground.key,
        time_zone=ground.settings.time_zone,
        statement_seconds=_SECONDS,
    )
    what = f"sum over all lines of {user.handle}{where}, against the owner"
    async with (
        transactions.read_as(user) as transaction,
        ground.owner.transaction(isolation="repeatable_read", readonly=True),
    ):

        async def ours() -> object:
            transaction.received.allow(0)
            return await transaction.connection.fetchrow(_SQL)

        baseline = await _owners_best(ground, _SQL + condition)
        equal(await ours(), await baseline(), what)
        pair = await interleaved(
            ours, baseline, warm_up=ground.size.repeats(5), repeats=ground.size.repeats(60)
        )
    return pair.result(what, Target("ratio", bound))


async def _owners_best(ground: Ground, sql: str) -> Doing:
    """The fastest of the owner's plans.

    The planner knows how many rows a store in WHERE has, and still may take the slower plan.
    """
    plans: dict[Doing, float] = {}
    for number, setting in enumerate(_PLANS):
        await ground.owner.execute(f"SET LOCAL {setting}")
        # A text of its own, since the plan of a known one is kept.
        run = partial(ground.owner.fetchrow, f"{sql} -- {number}")
        await run()
        times = [await timed(run) for _ in range(ground.size.repeats(9))]
        await ground.owner.execute(f"SET LOCAL {setting.split()[0]} TO DEFAULT")
        plans[run] = statistics.median(times)
    return min(plans, key=lambda run: plans[run])
