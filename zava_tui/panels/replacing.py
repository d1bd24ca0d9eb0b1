"""Putting one widget in the place of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from textual.widget import Widget


async def replace_content(area: Widget, widget: Widget) -> None:
    """Make `widget` all there is in `area`, at once, with the focus if it was in there."""
    before = list(area.children)
    with area.app.batch_update():
        await area.mount(widget)
        # Before the others go, so that the focus never goes elsewhere.
        if area.has_focus_within:
            area.screen.set_focus(widget)
        await area.remove_children(before)
