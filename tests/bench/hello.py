"""The smallest Textual app with something to write in: what the real one is measured against."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widgets import Static, TextArea


class Hello(App[None]):
    def compose(self) -> ComposeResult:
        yield Static("Hello, world")
        yield TextArea()


if __name__ == "__main__":
    Hello().run()
