"""What makes a picture of the app the same on every machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Read when Textual is imported, so before any test of this folder is.
for _name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL_ANIMATIONS"):
    os.environ.pop(_name, None)


@pytest.fixture
def _files_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts, history and logs of the test alone."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
