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
HIGH_CONTRAST_COLOURS = {
    "primary": "#6fc3ff",
    "foreground": "#ffffff",
    "background": "#000000",
    "rule": "#8c8c8c",
    "quiet": "#d0d0d0",
}
# Blue and orange stay apart for every kind of colour blindness; Okabe and Ito, "Color Universal
# Design", 2008.
COLOUR_BLIND_COLOURS = {
    "primary": "#56b4e9",
    "foreground": "#e2e6ea",
    "background": "#10151b",
    "rule": "#3a4550",
    "quiet": "#93a0ae",
}

COLOURS = {
    "dark": DARK_COLOURS,
    "light": LIGHT_COLOURS,
    "high-contrast": HIGH_CONTRAST_COLOURS,
    "colour-blind": COLOUR_BLIND_COLOURS,
}
"""By the name that `--theme` takes."""
