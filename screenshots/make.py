"""Makes the README's pictures: the real app on the demo data, drawn as SVG.

    python screenshots/make.py [--data-dir DIR]

The demo data must have been made; `zava` or `zava-server db init` does that.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Input

from zava_tui.app import ZavaApp
from zava_tui.backend import LocalBackend
from zava_tui.panels.panel import Panel
from zava_tui.panels.work_editor import WorkEditor

HERE = Path(__file__).parent
PATIENCE = 60.0
CATEGORIES = """\
-- How the categories did, this month beside the one before
SELECT c.name AS category,
       sum(d.revenue) FILTER (WHERE d.day > current_date - 30) AS last_30_days,
       sum(d.revenue) FILTER (WHERE d.day <= current_date - 30) AS the_30_before
FROM retail.daily_sales d
JOIN retail.categories c USING (category_id)
WHERE d.day > current_date - 60
GROUP BY c.name
ORDER BY last_30_days DESC"""

Scene = Callable[[Pilot[Any]], Awaitable[None]]


async def until(pilot: Pilot[Any], condition: Callable[[], object]) -> None:
    """Wait for a state of the screen."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await pilot.pause(0.05)


async def overview(pilot: Pilot[Any]) -> None:
    """All panels, live; long enough for the pool to have a history."""
    screen = pilot.app.screen
    await until(pilot, lambda: screen.query("#results DataTable"))
    await until(pilot, lambda: all(p.freshness.updated_at for p in screen.query(Panel)))
    await asyncio.sleep(12)


async def query(pilot: Pilot[Any]) -> None:
    """The screen for SQL, with an answer."""
    await overview(pilot)
    await pilot.press("3")

    def shown() -> list[WorkEditor]:
        return [each for each in pilot.app.screen.query(WorkEditor) if each.display and each.text]

    await until(pilot, shown)
    (editor,) = shown()
    editor.cursor_blink = False
    editor.load_text(CATEGORIES)
    await pilot.press("f5")
    await until(pilot, lambda: pilot.app.screen.query("#work-results DataTable"))


async def search(pilot: Pilot[Any]) -> None:
    """What a customer needs."""
    await overview(pilot)
    await pilot.press("4")
    await until(pilot, lambda: pilot.app.screen.query("#search-field"))
    field = pilot.app.screen.query_one("#search-field", Input)
    field.cursor_blink = False
    field.value = "stop my pipes from freezing"
    field.action_end()
    await asyncio.sleep(4)


async def health(pilot: Pilot[Any]) -> None:
    """How the server does."""
    await overview(pilot)
    await pilot.press("6")
    await asyncio.sleep(6)


async def picker(pilot: Pilot[Any]) -> None:
    """Who are you?"""
    await until(pilot, lambda: pilot.app.screen.query("UserPicker RowCursor"))
    await asyncio.sleep(1)


async def draw(
    name: str, scene: Scene, backend: LocalBackend, size: tuple[int, int], **options: Any
) -> None:
    """Play one scene and keep its picture."""
    app = ZavaApp(backend, **options)
    async with app.run_test(size=size) as pilot:
        await scene(pilot)
        await pilot.pause()
        (HERE / f"{name}.svg").write_text(app.export_screenshot(title="zava"), encoding="utf-8")
    print(f"{name}.svg")


async def main() -> None:
    """Draw all pictures."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data-dir")
    backend = LocalBackend(parser.parse_args().data_dir)
    await draw("overview", overview, backend, (120, 40), user="seattle")
    await draw("query", query, backend, (120, 34), user="head-office")
    await draw("search", search, backend, (120, 36), user="tacoma", theme="zava-light")
    await draw("health", health, backend, (120, 36), user="head-office")
    await draw("picker", picker, backend, (80, 24))


if __name__ == "__main__":
    asyncio.run(main())
