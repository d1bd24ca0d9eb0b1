"""The running processes of one server, found by the name it gives them.

Process ids on file are not believed: after a crash they may belong to somebody else.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import signal
    from collections.abc import Iterator

_PROC = Path("/proc/self/cmdline")


@dataclass(frozen=True, slots=True)
class ServerProcess:
    """A process of the server; the postmaster is the one that started the others."""

    pid: int
    is_postmaster: bool


def cluster_name(root: Path) -> str:
    """A name for the server of a data directory that no other one on this machine has.

    PostgreSQL shows it in the command lines of its processes (`cluster_name`).
    """
    status = root.stat()
    return f"zava-{status.st_dev:x}-{status.st_ino:x}"


def server_processes(cluster: str) -> list[ServerProcess]:
    """The processes that this process may see."""
    found = []
    for pid, command in _command_lines():
        if command.startswith(f"postgres: {cluster}: "):
            found.append(ServerProcess(pid, is_postmaster=False))
        elif "/postgres -D " in command and command.endswith(f" -c cluster_name={cluster}"):
            found.append(ServerProcess(pid, is_postmaster=True))
    return found


def send(pid: int, number: signal.Signals) -> None:
    """Signals a process that may just have ended."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _command_lines() -> Iterator[tuple[int, str]]:
    if not _PROC.exists():
        yield from _command_lines_by_ps()
        return
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            with suppress(OSError):
                raw = (process / "cmdline").read_bytes()
                yield int(process.name), os.fsdecode(raw).replace("\0", " ").rstrip()


def _command_lines_by_ps() -> Iterator[tuple[int, str]]:
    listed = subprocess.run(
        ["/bin/ps", "-axww", "-o", "pid=,command="], capture_output=True, check=False
    )
    for line in os.fsdecode(listed.stdout).splitlines():
        pid, _, command = line.strip().partition(" ")
        if pid.isdecimal():
            yield int(pid), command.strip()
