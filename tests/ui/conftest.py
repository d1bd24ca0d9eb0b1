"""What makes a picture of the app the same on every machine."""

from __future__ import annotations

import os

# Read when Textual is imported, so before any test of this folder is.
for _name in ("NO_COLOR", "TEXTUAL_THEME", "TEXTUAL_COLOR_SYSTEM", "TEXTUAL_ANIMATIONS"):
    os.environ.pop(_name, None)
