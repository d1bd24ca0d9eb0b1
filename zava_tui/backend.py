"""What the app runs on: where its server is, and how the database behind it is made ready."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from zava_tui.child import Starter, server_command

if TYPE_CHECKING:
    from zava_tui.link import Link
    from zava_tui.preparation import Preparation


class Backend(Protocol):
    """What the app needs; tests script it."""

    @property
    def asks_for_user(self) -> bool:
        """Whether somebody has to be chosen; a remote server knows us by our token."""

    def preparation(self) -> Preparation:
        """The making of the database, before anyone was chosen."""

    def link(self, user: str | None) -> Link:
        """The link to the server as that user."""


class LocalBackend:
    """A server that this process starts, on a database on this machine or `ZAVA_DATABASE_URL`."""

    asks_for_user = True

    def __init__(self, data_dir: str | None = None) -> None:
        self._options = [] if data_dir is None else ["--data-dir", data_dir]
        self._start = Starter()

    def start_ahead(self, user: str | None) -> None:
        """Start what the app will want first, while it is still being imported itself."""
        self._start.start_ahead(self._preparing() if user is None else self._serving(user))

    def close(self) -> None:
        """End what was started ahead, if the app never came to want it."""
        self._start.close()

    def preparation(self) -> Preparation:
        """`zava-server db init`, held until a server has taken over."""
        from zava_tui.preparation import LocalPreparation

        return LocalPreparation(self._preparing(), self._start)

    def link(self, user: str | None) -> Link:
        """`zava-server stdio` as that user."""
        from zava_tui.link import LocalLink

        return LocalLink(self._serving(user), self._start)

    def _preparing(self) -> list[str]:
        return server_command("db", "init", "--json", "--hold", *self._options)

    def _serving(self, user: str | None) -> list[str]:
        identity = [] if user is None else ["--user", user]
        return server_command("stdio", *identity, *self._options)


class RemoteBackend:
    """A server elsewhere, reached over HTTP with a token that says who we are."""

    asks_for_user = False

    def __init__(self, url: str, token: str | None) -> None:
        self._url = url
        self._token = token

    def start_ahead(self, user: str | None) -> None:
        """There is nothing to start."""

    def close(self) -> None:
        """There is nothing to end."""

    def preparation(self) -> Preparation:
        """There is nothing to make: the database is the server's."""
        raise NotImplementedError("a remote server makes its own database")

    def link(self, user: str | None) -> Link:
        """The link over HTTP."""
        from zava_tui.link import RemoteLink

        return RemoteLink(self._url, self._token)
