"""The command `zava`."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from zava_tui.colours import COLOURS
from zava_tui.first_frame import ENTER, LEAVE, first_frame

if TYPE_CHECKING:
    from zava_tui.backend import LocalBackend, RemoteBackend

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
DESCRIPTION = "Zava: the sales of your stores in the terminal, live."
EPILOG = """\
examples:
  zava                      make the demo data if need be, ask who you are, and show the sales
  zava --user seattle       as the manager of the Seattle store
  zava --theme light        with dark letters on a light ground

Settings are read from the environment (ZAVA_DATABASE_URL, ZAVA_DATA_DIR, …); see the README.
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "zava",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--user",
        metavar="HANDLE",
        default=os.environ.get("ZAVA_USER") or None,
        help="who you are, such as seattle or head-office; default: ZAVA_USER, else you are asked",
    )
    parser.add_argument("--data-dir", metavar="DIR", help="where the embedded database lives")
    parser.add_argument(
        "--theme", choices=("dark", "light"), default="dark", help="colours (default: dark)"
    )
    parser.add_argument("--connect", metavar="URL", help="use the server at this address instead")
    parser.add_argument(
        "--token", metavar="T", help="the token for that server; default: ZAVA_TOKEN"
    )
    parser.add_argument("--version", action="store_true", help="print the version and leave")
    return parser


def main() -> None:
    """Open the terminal app; exit code 2 where there is no terminal to open it in."""
    parser = _parser()
    options = parser.parse_args()
    if options.version:
        # Not at the top: it would take a tenth of the time to the first paint.
        from importlib.metadata import version

        print(f"zava {version('zava')}")  # noqa: T201 (what was asked for)
        return
    if options.token and not options.connect:
        parser.error("--token needs --connect URL, the server that it is for")
    if options.connect and options.data_dir:
        parser.error("--data-dir is for a server on this machine, --connect for another one")
    if reason := _no_terminal():
        print(reason, file=sys.stderr)  # noqa: T201 (there is no app to say it)
        sys.exit(EXIT_USAGE)
    run(options)


def run(options: argparse.Namespace) -> NoReturn:
    """Draw the frame at once, start the server, and only then import what draws the rest."""
    sys.stdout.write(_frame(options.theme))
    sys.stdout.flush()
    # Collections during the imports would delay the app by a fifth; it turns them on again.
    gc.disable()
    code = EXIT_INTERRUPTED
    backend: LocalBackend | RemoteBackend
    try:
        from zava_tui.backend import LocalBackend, RemoteBackend

        if options.connect:
            token = options.token or os.environ.get("ZAVA_TOKEN") or None
            backend = RemoteBackend(options.connect, token)
        else:
            backend = LocalBackend(options.data_dir)
        backend.start_ahead(options.user)
        try:
            from zava_tui.app import ZavaApp
            from zava_tui.themes import SHORT_NAMES

            app = ZavaApp(backend, user=options.user, theme=SHORT_NAMES[options.theme])
            app.run()
            code = app.return_code or 0
        finally:
            backend.close()
    except KeyboardInterrupt:
        # Before the app could take the key.
        sys.stdout.write(LEAVE)
    except BaseException:
        sys.stdout.write(LEAVE)
        raise
    # Everything is closed by now; taking the imported libraries down would keep the shell's
    # prompt waiting for another half second.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _frame(theme: str) -> str:
    """The app's first picture, on the screen that it will draw on."""
    if os.environ.get("NO_COLOR"):
        return ENTER
    size = os.get_terminal_size()
    direct = os.environ.get("COLORTERM", "").lower() in {"truecolor", "24bit"}
    frame = first_frame(size.columns, size.lines)
    return ENTER + frame.escapes(COLOURS[theme], direct=direct)


def _no_terminal() -> str | None:
    """Why the app cannot be shown here, in a sentence; None when it can."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return "zava draws on a terminal, and this is not one. Run it in a terminal window."
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        return (
            "zava needs a terminal that can move the cursor, and TERM says that this one cannot. "
            "Try TERM=xterm-256color zava."
        )
    return None
