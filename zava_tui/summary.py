"""The sales in a few lines of plain text, for terminals that cannot move their cursor."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from zava_tui import format as fmt
from zava_tui.answers import ToolError
from zava_tui.figures import revenue_figures
from zava_tui.link_states import Failed, Live
from zava_tui.sql import REVENUE

if TYPE_CHECKING:
    from zava_tui.answers import Identity
    from zava_tui.backend import Backend
    from zava_tui.client import Client
    from zava_tui.link_states import LinkState

EXIT_FAILED = 1
EXIT_USAGE = 2
WHO = "zava: say who you are, for example: zava --user seattle"


def print_summary(backend: Backend, user: str | None) -> int:
    """Prints it, or on stderr why there is none; the exit code."""
    if user is None and backend.asks_for_user:
        sys.stderr.write(f"{WHO}\n")
        return EXIT_USAGE
    sys.stderr.write("zava: asking the server …\n")
    try:
        text = asyncio.run(_summary(backend, user))
    except ToolError as error:
        hint = f" {error.hint}" if error.hint else ""
        sys.stderr.write(f"zava: {error.message}{hint}\n")
        return EXIT_FAILED
    sys.stdout.write(text)
    return 0


async def _summary(backend: Backend, user: str | None) -> str:
    link = backend.link(user)
    states: asyncio.Queue[LinkState] = asyncio.Queue()
    holding = asyncio.create_task(link.run(states.put_nowait))
    try:
        while True:
            match await states.get():
                case Live(identity) if link.client is not None:
                    return await _told(link.client, identity)
                case Failed():
                    raise await holding
    finally:
        holding.cancel()
        with suppress(asyncio.CancelledError):
            await holding


async def _told(client: Client, identity: Identity) -> str:
    figures = revenue_figures(await client.query(REVENUE))
    lines = [f"Zava: {identity.display_name}, {', '.join(identity.stores) or 'no store'}"]
    for title, figure, before in (
        ("Today", figures.today, "last week by this time"),
        ("7 days", figures.week, "the 7 days before"),
        ("30 days", figures.month, "the 30 days before"),
    ):
        change = fmt.change(figure.current, figure.previous).text
        lines.append(f"{title:8} {fmt.money_headline(figure.current):>12}  {change} on {before}")
    if identity.stores:
        performance = await client.performance("7d", None)
        lines += [f"- {fmt.visible(insight.sentence)}" for insight in performance.insights]
    return "\n".join(lines) + "\n"
