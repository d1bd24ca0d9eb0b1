"""The command `zava-server`."""

from __future__ import annotations

import gc
import os
import sys
from importlib.metadata import version

from cyclopts import App

from zava_server.database_cli import DataDir, database
from zava_server.infrastructure.errors import ZavaError
from zava_server.infrastructure.logs import configure_logs
from zava_server.infrastructure.settings import load_settings
from zava_server.running import run, tell

app = App(
    name="zava-server",
    help="Retail analytics as an MCP server over PostgreSQL and pgvector.",
    version=version("zava"),
)
app.command(database)


@app.command
def stdio(*, user: str | None = None, data_dir: DataDir = None) -> None:
    """Serve one user over standard input and output, as MCP clients start it.

    Parameters
    ----------
    user
        Whose stores the client sees, for example: seattle. Also ZAVA_USER.
    """
    # Collections during the imports would take a tenth of the time until the first answer.
    gc.disable()
    settings = load_settings(user=user, data_dir=data_dir)
    configure_logs(settings.log_level, settings.log_path)
    from zava_server.app import serve_stdio

    run(serve_stdio(settings))


def main() -> None:
    """The entry point of `zava-server`."""
    # Whatever is made from here on, logs and keys and directories, is the user's alone.
    os.umask(0o077)
    try:
        app()
    except ZavaError as error:
        sys.exit(tell(error))
