"""Small files of the user's that must survive: written whole or not at all, for the user alone."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from zava_tui.child import open_log


def state_directory() -> Path:
    """Where drafts, history and saved queries are kept."""
    from platformdirs import user_state_path

    return user_state_path("zava", appauthor=False)


def read_json(path: Path) -> Any:
    """What the file holds; None where there is none, or none that can be read."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def write_json(path: Path, value: Any) -> None:
    """Replaces the file at once; a disk that takes nothing more is noted in the app's log."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(value, file, ensure_ascii=False)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        with open_log("app.log") as log:
            log.write(f"{path} was not written: {error}\n".encode())
