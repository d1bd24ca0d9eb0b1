"""The version that a build gets: the release, and the commit where it is built from a checkout."""

from __future__ import annotations

import subprocess
from pathlib import Path

RELEASE = "0.1.0"
ROOT = Path(__file__).parent.parent


def version() -> str:
    """`0.1.0+g3f2a9c1d`, with `.changed` where not all is committed; an archive says its own."""
    if not (ROOT / ".git").exists():
        return _of_archive() or RELEASE
    try:
        commit = _git("rev-parse", "--short=10", "HEAD")
        changed = ".changed" if _git("status", "--porcelain", "--untracked-files=no") else ""
    except (OSError, subprocess.CalledProcessError):
        return RELEASE
    return f"{RELEASE}+g{commit}{changed}"


def _git(*arguments: str) -> str:
    run = subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)  # noqa: S607 (whichever git there is)
    return run.stdout.strip()


def _of_archive() -> str | None:
    """What was told when the source distribution was made."""
    told = ROOT / "PKG-INFO"
    lines = told.read_text().splitlines() if told.exists() else []
    return next((line[9:].strip() for line in lines if line.startswith("Version: ")), None)
