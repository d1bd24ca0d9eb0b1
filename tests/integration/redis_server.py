"""A real redis-server on a socket of its own, to be killed, stopped and started again."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from redis import Redis

from tests.conftest import skip_without
from tests.integration.embedded_processes import eventually


class RedisServer:
    """Not started yet. It keeps nothing on disk."""

    def __init__(self, directory: Path) -> None:
        program = shutil.which("redis-server")
        if program is None:
            skip_without("redis-server")
        self._program = program
        self._socket = directory / "redis.sock"
        self._log = directory / "redis.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    def start(self, *options: str) -> None:
        """Returns when it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._program, "--port", "0", "--unixsocket", self._socket),
                    *("--save", "", "--appendonly", "no", *options),
                ],
                stdout=log,
                stderr=log,
            )
        eventually(self._socket.exists)

    def client(self) -> Redis:
        return Redis.from_url(self.url, decode_responses=True)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)
        self._process = None
        self._socket.unlink(missing_ok=True)

    def pause(self) -> None:
        """From now on it takes connections, by the kernel, and answers nobody."""
        assert self._process is not None
        psutil.Process(self._process.pid).suspend()

    def resume(self) -> None:
        assert self._process is not None
        psutil.Process(self._process.pid).resume()


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    """One that is started, and stopped at the end whatever has become of it."""
    # The path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="zr-", dir="/tmp") as directory:
        server = RedisServer(Path(directory))
        server.start()
        try:
            yield server
        finally:
            if server._process is not None:
                server.resume()
            server.stop()
