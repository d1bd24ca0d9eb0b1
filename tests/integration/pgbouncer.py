"""A real PgBouncer in transaction mode, on a port of its own."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which

from tests.conftest import skip_without
from tests.integration.embedded_processes import eventually
from tests.integration.postgres_servers import HOST
from zava_server.data.embedded.account import Account


@contextmanager
def pooler(
    server_port: int, place: Path, *, sessions: int = 20, user: str = "zava_app"
) -> Iterator[int]:
    """Lends at most so many sessions of the server, each as `user`; its port."""
    program = which("pgbouncer")
    if program is None:
        skip_without("pgbouncer")
    with socket.socket() as free:
        free.bind((HOST, 0))
        port: int = free.getsockname()[1]
    configuration = place / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n* = host={HOST} port={server_port} user={user}\n[pgbouncer]\n"
        f"listen_addr = {HOST}\nlisten_port = {port}\nauth_type = any\n"
        f"pool_mode = transaction\ndefault_pool_size = {sessions}\nmax_client_conn = 500\n"
        "unix_socket_dir =\n"
    )
    account = Account.current()
    account.give(configuration)
    process = subprocess.Popen(
        [program, "-q", configuration], cwd="/", stderr=subprocess.DEVNULL, **account.switch
    )
    try:
        eventually(lambda: _takes_connections(port))
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _takes_connections(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((HOST, port)) == 0
