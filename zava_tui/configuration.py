"""What a user has chosen in their configuration file."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zava_tui.colours import COLOURS
from zava_tui.modes import MODES
from zava_tui.period_names import PERIODS

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLE = """\
theme = "dark"           # dark, light, high-contrast, colour-blind
period = "12m"           # what the overview starts with: 7d, 30d, 90d, 12m
refresh_seconds = 2.0    # how often slow queries and the pool are asked for, 0.5 to 60

[keys]                   # by screen and action; several keys are separated by commas
"overview.editor" = "e,i"
"app.quit" = "q"
"""
SHORTEST_REFRESH, LONGEST_REFRESH = 0.5, 60.0


class ConfigurationError(Exception):
    """The file cannot be used; the message is one sentence that names it."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Choices, with what holds where there is none; `keys` by screen and action."""

    theme: str = "dark"
    period: str = "12m"
    refresh_seconds: float | None = None
    keys: Mapping[str, str] = field(default_factory=dict)


def default_path() -> Path:
    """Where the file is looked for."""
    base = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(base).expanduser() / "zava" / "config.toml"


def read_configuration(path: Path | None) -> Configuration:
    """The choices of a file; where no `path` is given, of the usual one, which need not be there.

    Raises ConfigurationError.
    """
    file = path or default_path()
    try:
        text = file.read_text()
    except FileNotFoundError:
        if path is None:
            return Configuration()
        raise ConfigurationError(f"There is no {file}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}.") from error
    # Reading TOML costs a fortieth of the time to the first paint; most people have no file.
    import tomllib

    try:
        return _checked(tomllib.loads(text), file)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is no TOML: {error}.") from error


def _checked(chosen: Mapping[str, Any], file: Path) -> Configuration:
    known: dict[str, type | tuple[type, ...]] = {
        "theme": str,
        "period": str,
        "refresh_seconds": (int, float),
        "keys": dict,
    }
    for name, value in chosen.items():
        if name not in known:
            raise ConfigurationError(f"{file}: there is no {name}; known are {', '.join(known)}.")
        if not isinstance(value, known[name]) or isinstance(value, bool):
            raise ConfigurationError(f"{file}: {name} has a value of the wrong kind.")
    if (theme := chosen.get("theme", "dark")) not in COLOURS:
        raise ConfigurationError(f"{file}: theme must be one of {', '.join(COLOURS)}.")
    if (period := chosen.get("period", "12m")) not in PERIODS:
        raise ConfigurationError(f"{file}: period must be one of {', '.join(PERIODS)}.")
    seconds = chosen.get("refresh_seconds")
    if seconds is not None and not SHORTEST_REFRESH <= seconds <= LONGEST_REFRESH:
        raise ConfigurationError(
            f"{file}: refresh_seconds must be from {SHORTEST_REFRESH} to {LONGEST_REFRESH:g}."
        )
    keys = chosen.get("keys", {})
    screens = ("app", *MODES)
    for name, key in keys.items():
        if name.partition(".")[0] not in screens:
            raise ConfigurationError(
                f"{file}: {name} is no key; they are named like overview.editor, by one of "
                f"{', '.join(screens)}."
            )
        if not isinstance(key, str) or not key.strip():
            raise ConfigurationError(f'{file}: the key of {name} must be a text such as "ctrl+e".')
    return Configuration(theme, period, seconds, dict(keys))
