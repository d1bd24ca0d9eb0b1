"""The command `zava-server`."""

from __future__ import annotations

import gc
import os
import sys
from importlib.metadata import version

from cyclopts import App

from zava_server.database_cli import AsJson, DataDir, database
from zava_server.http_cli import http, http_worker, token
from zava_server.infrastructure.errors import ValidationError, ZavaError
from zava_server.infrastructure.logs import configure_logs
from zava_server.infrastructure.settings import load_settings
from zava_server.running import print_json, print_line, run, tell

app = App(
    name="zava-server",
    help="Retail analytics as an MCP server over PostgreSQL and pgvector.",
    version=version("zava"),
)
app.command(database)
app.command(token)
app.command(http)
app.command(http_worker, show=False)


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


@app.command
def doctor(*, user: str | None = None, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Look at everything that could be set up wrongly, and say what mends it.

    Exits with 0 if all is well, 1 for warnings, 2 for problems. Changes nothing.
    """
    from zava_server.doctor.checkup import examine, examine_without_settings
    from zava_server.doctor.finding import EXIT_CODES, Finding, worst
    from zava_server.doctor.page import as_json as page_as_json
    from zava_server.doctor.page import lines_of, summary_of

    async def look() -> int:
        findings: list[Finding] = []
        try:
            settings = load_settings(user=user, data_dir=data_dir)
        except ValidationError as error:
            looks = examine_without_settings(error)
        else:
            configure_logs("ERROR", settings.log_path)
            looks = examine(settings)
        async for finding in looks:
            findings.append(finding)
            if not as_json:
                for line in lines_of(finding):
                    print_line(line)
        if as_json:
            print_json(page_as_json(findings))
        else:
            print_line(f"\n{summary_of(findings)}")
        return EXIT_CODES[worst(findings)]

    run(look(), as_json=as_json)


def main() -> None:
    """The entry point of `zava-server`."""
    # Whatever is made from here on, logs and keys and directories, is the user's alone.
    os.umask(0o077)
    try:
        app()
    except ZavaError as error:
        sys.exit(tell(error))
