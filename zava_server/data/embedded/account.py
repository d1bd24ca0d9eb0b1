"""Whom PostgreSQL runs as: it refuses root, so root hands it to `nobody`."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from zava_server.infrastructure.errors import DatabaseUnavailable

if TYPE_CHECKING:
    from pathlib import Path

SERVICE_USER = "nobody"
_OWN_POSTGRES = "Or set ZAVA_DATABASE_URL to a PostgreSQL of your own."

READ, ENTER = 0o4, 0o1


class Switch(TypedDict, total=False):
    """The arguments of `subprocess.Popen` that change the user."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class Account:
    """The user of the server's processes (`uid`, `gid`) and the one who logs in (`login`)."""

    uid: int
    gid: int
    login: str

    @classmethod
    def current(cls) -> Account:
        """The account for whoever runs this process.

        Raises DatabaseUnavailable when a user without a name runs it.
        """
        uid = os.geteuid()
        try:
            me = pwd.getpwuid(uid)
            service = pwd.getpwnam(SERVICE_USER) if uid == 0 else me
        except KeyError:
            missing = f"user id {uid} a name" if uid else f"user {SERVICE_USER}"
            raise DatabaseUnavailable(
                f"PostgreSQL cannot run here, since this system knows no {missing}.",
                f"Add it to /etc/passwd. {_OWN_POSTGRES}",
            ) from None
        return cls(service.pw_uid, service.pw_gid if uid == 0 else os.getegid(), me.pw_name)

    @property
    def is_other(self) -> bool:
        """Whether the server runs as somebody else than this process."""
        return self.uid != os.geteuid()

    @property
    def switch(self) -> Switch:
        """How a child becomes this account; nothing where it already is."""
        if not self.is_other:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Makes the account the owner of `path` itself."""
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def may(self, bits: int, path: Path) -> bool:
        """Whether the mode of `path` grants the account READ, ENTER or both."""
        status = path.stat()
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return (status.st_mode >> shift) & bits == bits

    def stopped_at(self, directory: Path) -> Path | None:
        """The first directory on the way into `directory` that the account may not enter."""
        if not self.is_other:
            return None
        real = directory.resolve()
        return next(
            (step for step in (*real.parents[::-1], real) if not self.may(ENTER, step)), None
        )
