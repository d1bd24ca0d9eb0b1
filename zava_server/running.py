"""Runs a command's work to its end: what it prints, signals, exit codes."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

from zava_server.infrastructure.errors import ValidationError, ZavaError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from zava_server.infrastructure.progress import Progress


def report_as_json(progress: Progress) -> None:
    """Prints one step of a long work as a line of JSON."""
    print_json(
        {
            "step": progress.step,
            "fraction": round(progress.fraction, 4),
            "detail": progress.detail,
            "place": progress.place,
        }
    )


def print_line(line: str) -> None:
    """Prints at once: whoever follows a pipe waits for it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def print_json(value: dict[str, Any]) -> None:
    """Prints one line of JSON."""
    print_line(json.dumps(value, ensure_ascii=False))


def run(work: Coroutine[Any, Any, int | None], *, as_json: bool = False) -> NoReturn:
    """Runs to the end and leaves the process with the code that comes back, 0 for none."""
    asyncio.run(_run_and_exit(work, as_json=as_json))
    raise AssertionError("the process has ended")


async def _run_and_exit(work: Coroutine[Any, Any, int | None], *, as_json: bool) -> NoReturn:
    """Exits from within the loop, since a thread may still wait for stdin and cannot be stopped.

    SIGTERM and SIGINT cancel the work, so that it closes what it opened.
    """
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    await asyncio.wait({task})
    code = 0
    try:
        if not task.cancelled():
            code = task.result() or 0
    except ZavaError as error:
        code = tell(error, as_json=as_json)
    except Exception as error:
        # The outermost edge.
        if _is_broken_pipe(error):
            # Whoever reads our output has read enough.
            os._exit(0)
        logging.getLogger(__name__).exception("the command failed")
        code = tell(ZavaError("Something went wrong.", "The log has the details."), as_json=as_json)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _is_broken_pipe(error: Exception) -> bool:
    if isinstance(error, ExceptionGroup):
        return error.split(BrokenPipeError)[1] is None
    return isinstance(error, BrokenPipeError)


def tell(error: ZavaError, *, as_json: bool = False) -> int:
    """Says what went wrong; 2 for what the caller can mend in the command, 1 otherwise."""
    if as_json:
        print_json({"error": {"code": error.code, "message": error.message, "hint": error.hint}})
    else:
        sys.stderr.write(f"zava-server: {error}\n")
    return 2 if isinstance(error, ValidationError) else 1
