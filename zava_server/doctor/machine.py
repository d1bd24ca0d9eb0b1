"""The machine: the terminal, the data directory, the key's file."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

from zava_server.data.signing_keys import SigningKey
from zava_server.doctor.finding import Finding, ok, problem, warning
from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from zava_server.infrastructure.settings import Settings

# About 800 MB lie there after a first start.
_SCARCE_BYTES = 1024**3
_COLUMNS, _LINES = 80, 24
_OTHERS = 0o077


def look_at_settings(settings: Settings) -> Iterator[Finding]:
    """Which settings are not the defaults; their values may be secret."""
    given = sorted(
        name.upper() if name.startswith("openai") else f"ZAVA_{name.upper()}"
        for name in settings.model_fields_set
    )
    yield ok("settings", f"set: {', '.join(given)}" if given else "all are the defaults")


def look_at_terminal() -> Iterator[Finding]:
    """Whether the app can show itself where this command runs."""
    term = os.environ.get("TERM", "")
    if not sys.stdout.isatty():
        yield ok("terminal", "none here; look again in the one where zava is to run")
        return
    columns, lines = shutil.get_terminal_size()
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    if term in ("", "dumb"):
        yield warning(
            "terminal", f"TERM is {term or 'not set'}", "Set TERM, such as xterm-256color."
        )
    elif encoding != "utf8":
        yield warning("terminal", f"its encoding is {encoding}", "Set LANG, such as en_US.UTF-8.")
    elif columns < _COLUMNS or lines < _LINES:
        yield warning(
            "terminal",
            f"{columns} × {lines} cells",
            f"Enlarge it: the app wants {_COLUMNS} × {_LINES}.",
        )
    else:
        yield ok("terminal", f"{term}, {columns} × {lines} cells")


def look_at_data_directory(settings: Settings) -> Iterator[Finding]:
    """Whether it can be written to and has room."""
    directory = settings.data_dir
    nearest = _nearest_existing(directory)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        trouble = "cannot be written to" if nearest.is_dir() else "is not a directory"
        yield problem(
            "data",
            ValidationError(
                f"{nearest} {trouble}.",
                "Choose another place with --data-dir or ZAVA_DATA_DIR.",
            ),
        )
        return
    free = shutil.disk_usage(nearest).free
    room = f"{directory}, {free / 1024**3:,.1f} GB free"
    if free < _SCARCE_BYTES:
        yield warning("data", room, "Make room: a first start needs about 1 GB.")
    else:
        yield ok("data", room)


def look_at_log_file(settings: Settings) -> Iterator[Finding]:
    """Whether the log can be written where the settings say."""
    if settings.log_file is None:
        return
    nearest = _nearest_existing(settings.log_file)
    wanted = os.W_OK if nearest == settings.log_file else os.W_OK | os.X_OK
    if nearest.is_dir() == (nearest == settings.log_file) or not os.access(nearest, wanted):
        yield warning(
            "log",
            f"{settings.log_file} cannot be written",
            "Choose another file with ZAVA_LOG_FILE; until then the log is on stderr only.",
        )
    else:
        yield ok("log", str(settings.log_file))


def look_at_key_file(settings: Settings) -> Iterator[Finding]:
    """Whether identities can be signed."""
    file = settings.key_file
    if not file.exists() and settings.database_url is None:
        yield ok("identity key", "none yet; the first start makes one")
        return
    try:
        key = SigningKey.read(file)
    except ValidationError as error:
        yield problem("identity key", error)
        return
    if file.stat().st_mode & _OTHERS:
        yield warning(
            "identity key",
            f"{file} can be read by others",
            f"Run: chmod 600 {file}, then: zava-server db rotate-identity-key --retire-old",
        )
    else:
        yield ok("identity key", f"{key.key_id} in {file}")


def _nearest_existing(path: Path) -> Path:
    return next(place for place in (path, *path.parents) if place.exists())
