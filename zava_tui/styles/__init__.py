"""The app's style sheets.

`overview.tcss` is read before the first paint and holds no more than that shows. A panel brings
the style of its inside along, which is read when the panel is imported.
"""

from pathlib import Path


def stylesheet(name: str) -> str:
    """The text of a style sheet."""
    return (Path(__file__).parent / f"{name}.tcss").read_text(encoding="utf-8")
