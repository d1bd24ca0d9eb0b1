"""The command `zava`."""

from __future__ import annotations

import argparse
import gc
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from zava_tui.colours import COLOURS
from zava_tui.configuration import EXAMPLE, ConfigurationError, default_path, read_configuration
from zava_tui.first_frame import ENTER, LEAVE, first_frame

if TYPE_CHECKING:
    from zava_tui.backend import LocalBackend, RemoteBackend
    from zava_tui.configuration import Configuration

SHELLS = ("bash", "zsh", "fish")
LOOPBACK, WEB_PORT = "127.0.0.1", 8001
DUMB = "dumb"
"""The terminal that can do nothing but print, whose owner may also read from a pipe."""
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130
DESCRIPTION = "Zava: the sales of your stores in the terminal, live."
EPILOG = """\
examples:
  zava                      make the demo data if need be, ask who you are, and show the sales
  zava --user seattle       as the manager of the Seattle store
  zava --theme light        with dark letters on a light ground
  zava --web                in the browser of this machine (pip install 'zava[web]')

Theme, period, refresh and keys can be chosen in a file; zava --print-config shows its form and
says where it is looked for. Settings of the server are read from the environment
(ZAVA_DATABASE_URL, ZAVA_DATA_DIR, …); see the README.
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
        "--theme", choices=tuple(COLOURS), help="colours (default: as configured, else dark)"
    )
    parser.add_argument("--config", metavar="FILE", type=Path, help="choices of yours, in TOML")
    parser.add_argument(
        "--print-config", action="store_true", help="print an example of such a file and leave"
    )
    parser.add_argument(
        "--web",
        metavar="PORT",
        nargs="?",
        type=int,
        const=WEB_PORT,
        help=f"serve the app to the browser of this machine, at port {WEB_PORT} if none is given",
    )
    parser.add_argument(
        "--print-completion",
        choices=SHELLS,
        metavar="SHELL",
        help="print what lets bash, zsh or fish complete these options, and leave",
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
    if options.print_config:
        print(f"# {default_path()}\n{EXAMPLE}", end="")  # noqa: T201 (what was asked for)
        return
    if options.print_completion:
        from zava_tui.completion import script

        print(script(options.print_completion, parser), end="")  # noqa: T201 (likewise)
        return
    if options.token and not options.connect:
        parser.error("--token needs --connect URL, the server that it is for")
    if options.connect and options.data_dir:
        parser.error("--data-dir is for a server on this machine, --connect for another one")
    try:
        choices = read_configuration(options.config)
    except ConfigurationError as error:
        parser.error(str(error))
    if options.web is not None:
        serve_on_the_web(parser, options)
        return
    terminal = os.environ.get("TERM", "")
    if (reason := _no_terminal()) and terminal != DUMB:
        print(reason, file=sys.stderr)  # noqa: T201 (there is no app to say it)
        sys.exit(EXIT_USAGE)
    if terminal in ("", DUMB, "unknown"):
        from zava_tui.summary import print_summary

        sys.exit(print_summary(_backend(options), options.user))
    run(options, choices)


def serve_on_the_web(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """Serve the app to browsers of this machine until interrupted; each has an app of its own."""
    try:
        from textual_serve.server import Server
    except ModuleNotFoundError:
        parser.error("--web needs textual-serve; install it with: pip install 'zava[web]'")
    if os.environ.get("ZAVA_TOKEN") is None and options.token:
        # Not on a command line that others can read.
        os.environ["ZAVA_TOKEN"] = options.token
    named = {
        "user": options.user,
        "data-dir": options.data_dir,
        "theme": options.theme,
        "config": options.config,
        "connect": options.connect,
    }
    command = [sys.executable, "-m", "zava_tui"]
    for name, value in named.items():
        command += [f"--{name}", str(value)] if value is not None else []
    Server(shlex.join(command), host=LOOPBACK, port=options.web, title="Zava").serve()


def _backend(options: argparse.Namespace) -> LocalBackend | RemoteBackend:
    from zava_tui.backend import LocalBackend, RemoteBackend

    if options.connect:
        return RemoteBackend(options.connect, options.token or os.environ.get("ZAVA_TOKEN") or None)
    return LocalBackend(options.data_dir)


def run(options: argparse.Namespace, choices: Configuration) -> NoReturn:
    """Draw the frame at once, start the server, and only then import what draws the rest."""
    theme = options.theme or choices.theme
    sys.stdout.write(_frame(theme))
    sys.stdout.flush()
    # Collections during the imports would delay the app by a fifth; it turns them on again.
    gc.disable()
    code = EXIT_INTERRUPTED
    try:
        backend = _backend(options)
        backend.start_ahead(options.user)
        try:
            from zava_tui.app import ZavaApp
            from zava_tui.themes import SHORT_NAMES

            app = ZavaApp(backend, user=options.user, theme=SHORT_NAMES[theme], choices=choices)
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
        return (
            "zava draws on a terminal, and this is not one. Run it in a terminal window, "
            "or with TERM=dumb for a few lines of text."
        )
    return None
