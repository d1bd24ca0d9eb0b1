"""The app's colours: one calm dark theme, one light, one accent each."""

from __future__ import annotations

from textual.theme import Theme

from zava_tui.colours import DARK_COLOURS, LIGHT_COLOURS

DARK = Theme(
    name="zava-dark",
    dark=True,
    primary=DARK_COLOURS["primary"],
    secondary="#8a97a6",
    accent="#7fb0e6",
    foreground=DARK_COLOURS["foreground"],
    background=DARK_COLOURS["background"],
    surface="#10151b",
    panel="#19212a",
    boost="#161d25",
    success="#84c794",
    warning="#e3b565",
    error="#ee8480",
    variables={
        "rule": DARK_COLOURS["rule"],
        "quiet": DARK_COLOURS["quiet"],
        "border": "#7fb0e6",
        "border-blurred": "#303b47",
        "block-cursor-background": "#24405e",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#1b2632",
        "block-cursor-blurred-foreground": "#d3dae3",
        "block-hover-background": "#19212a",
        "input-selection-background": "#2f5680",
        "scrollbar": "#303b47",
        "scrollbar-hover": "#46566a",
        "scrollbar-active": "#7fb0e6",
        "scrollbar-background": "#10151b",
        "scrollbar-background-hover": "#10151b",
        "scrollbar-background-active": "#10151b",
        "scrollbar-corner-color": "#10151b",
        "syntax-keyword": "#9db8e8",
        "syntax-string": "#a5c99a",
        "syntax-number": "#dcb67a",
        "syntax-function": "#d7a6c9",
        "syntax-comment": "#6f7d8c",
    },
)

LIGHT = Theme(
    name="zava-light",
    dark=False,
    primary=LIGHT_COLOURS["primary"],
    secondary="#5d6873",
    accent="#1c5fa8",
    foreground=LIGHT_COLOURS["foreground"],
    background=LIGHT_COLOURS["background"],
    surface="#fbfaf8",
    panel="#efede8",
    boost="#f3f1ec",
    success="#24703a",
    warning="#8a5a00",
    error="#b02a2a",
    variables={
        "rule": LIGHT_COLOURS["rule"],
        "quiet": LIGHT_COLOURS["quiet"],
        "border": "#1c5fa8",
        "border-blurred": "#cfccc4",
        "block-cursor-background": "#cfe0f3",
        "block-cursor-foreground": "#101418",
        "block-cursor-text-style": "none",
        "block-cursor-blurred-background": "#ebe9e3",
        "block-cursor-blurred-foreground": "#232a31",
        "block-hover-background": "#efede8",
        "input-selection-background": "#b5d0ee",
        "scrollbar": "#cfccc4",
        "scrollbar-hover": "#a8a49a",
        "scrollbar-active": "#1c5fa8",
        "scrollbar-background": "#fbfaf8",
        "scrollbar-background-hover": "#fbfaf8",
        "scrollbar-background-active": "#fbfaf8",
        "scrollbar-corner-color": "#fbfaf8",
        "syntax-keyword": "#1c4f8f",
        "syntax-string": "#2f6b35",
        "syntax-number": "#8a5a00",
        "syntax-function": "#7c3f78",
        "syntax-comment": "#7b848c",
    },
)

THEMES = {theme.name: theme for theme in (DARK, LIGHT)}
SHORT_NAMES = {"dark": DARK.name, "light": LIGHT.name}
