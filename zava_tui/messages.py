"""What happened, as messages from panels to their screen and from the link to the app."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from zava_tui.client import Client
    from zava_tui.link_states import LinkState


class LinkChanged(Message):
    """The link to the server has another state."""

    def __init__(self, state: LinkState, client: Client | None) -> None:
        super().__init__()
        self.state = state
        self.client = client


class WorkFailed(Message):
    """A worker ended in an error that nobody expected."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class QuerySubmitted(Message):
    """Someone wants this statement run."""

    def __init__(self, sql: str) -> None:
        super().__init__()
        self.sql = sql


class SearchRequested(Message):
    """Someone has paused in typing what to search for."""

    def __init__(self, description: str) -> None:
        super().__init__()
        self.description = description


class OpenInQuery(Message):
    """Someone wants this statement in the editor of the screen Query."""

    def __init__(self, sql: str) -> None:
        super().__init__()
        self.sql = sql


class ReopenRequested(Message):
    """Someone wants the link opened anew, now."""
