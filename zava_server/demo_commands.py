"""The commands `zava-server db demo` and `zava-server db simulate`."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np

from zava_server.data.demo.simulation import Simulation
from zava_server.data.embedded import is_initialised
from zava_server.data.sessions import session
from zava_server.database_commands import make_database, owner_of
from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.progress import ignore_progress
from zava_server.startup import check_prepared, open_database

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from zava_server.data.demo.simulation import Sale
    from zava_server.data.endpoint import Endpoint
    from zava_server.data.identity import Identity
    from zava_server.database_commands import DemoPlan
    from zava_server.infrastructure.progress import ReportProgress
    from zava_server.infrastructure.settings import Settings

SMALLEST_SCALE, LARGEST_SCALE = 0.1, 50.0
MOST_ORDERS_A_MINUTE = 6_000.0


def checked(plan: DemoPlan, settings: Settings) -> DemoPlan:
    """The plan as the generator wants it: a day without a time goes on until its end.

    Raises ValidationError for a scale out of bounds and an end that is still to come.
    """
    if not SMALLEST_SCALE <= plan.scale <= LARGEST_SCALE:
        raise ValidationError(
            f"Demo data cannot have a scale of {plan.scale:g}.",
            f"Use one from {SMALLEST_SCALE:g} to {LARGEST_SCALE:g}.",
        )
    if plan.until is None:
        return plan
    until, now = plan.until, datetime.now(UTC)
    if until.tzinfo is None:
        zone = ZoneInfo(settings.time_zone)
        if until.time() == time():
            today = now.astimezone(zone).replace(tzinfo=None)
            until = today if until.date() == today.date() else datetime.combine(until, time.max)
        until = until.replace(tzinfo=zone)
    if until > now:
        raise ValidationError(
            "The demo data cannot end in the future.", "Give --until a day up to today."
        )
    return replace(plan, until=until)


async def load_demo_data(
    settings: Settings,
    report: ReportProgress,
    announce: Callable[[Sequence[Identity]], None],
    plan: DemoPlan,
) -> None:
    """Fills an empty database with demo data, and makes it first where there is none.

    Raises ValidationError when it holds stores already, and whatever prevents the rest.
    """
    plan = checked(plan, settings)
    async with open_database(settings, report) as database:
        owner = owner_of(database)
        await _refuse_data(owner)
        await make_database(owner, settings, report, announce, index=True, plan=plan)


async def simulate(
    settings: Settings,
    orders_a_minute: float,
    begin: Callable[[], None],
    announce: Callable[[Sale], None],
) -> None:
    """Lets orders come in until it is cancelled; `begin` is called when the first may come.

    Raises ValidationError without a database, the owner's login or anything to sell.
    """
    if not 0 < orders_a_minute <= MOST_ORDERS_A_MINUTE:
        raise ValidationError(
            f"--rate must be above 0 and at most {MOST_ORDERS_A_MINUTE:,.0f} orders a minute."
        )
    if settings.database_url is None and not is_initialised(settings.data_dir):
        raise ValidationError(
            f"There is no database in {settings.data_dir}.", "Make it with: zava-server db init"
        )
    async with (
        open_database(settings, ignore_progress) as database,
        session(owner_of(database)) as connection,
    ):
        await check_prepared(connection)
        simulation = await Simulation.of(connection, np.random.default_rng())
        begin()
        await simulation.run(orders_a_minute, announce)


async def _refuse_data(owner: Endpoint) -> None:
    async with session(owner) as connection:
        if await connection.fetchval("SELECT to_regclass('retail.stores') IS NULL"):
            return
        if await connection.fetchval("SELECT EXISTS (SELECT FROM retail.stores)"):
            raise ValidationError(
                "The database already holds stores.",
                "Demo data go into an empty one: choose another --data-dir, or see db reset.",
            )
        # It was kept empty for one's own data; now it is not.
        if await connection.fetchval("SELECT to_regclass('zava.own_data') IS NOT NULL"):
            await connection.execute("DELETE FROM zava.own_data")
