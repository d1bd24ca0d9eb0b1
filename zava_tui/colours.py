"""The colours that the first frame needs; `themes.py` has the others."""

from __future__ import annotations

DARK_COLOURS = {
    "primary": "#7fb0e6",
    "foreground": "#d3dae3",
    "background": "#10151b",
    "rule": "#303b47",
    "quiet": "#8492a1",
}
LIGHT_COLOURS = {
    "primary": "#1c5fa8",
    "foreground": "#232a31",
    "background": "#fbfaf8",
    "rule": "#cfccc4",
    "quiet": "#636d76",
}

COLOURS = {"dark": DARK_COLOURS, "light": LIGHT_COLOURS}
"""By the name that `--theme` takes."""
