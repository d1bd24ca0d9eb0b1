"""Imports that take long, made in a thread so that the screen stays alive meanwhile."""

from __future__ import annotations

import asyncio
import importlib
import threading
from contextlib import suppress

_one_at_a_time = threading.Lock()
"""Two threads that import modules of one package at once can see half-made ones."""


async def load(*modules: str) -> None:
    """Import `modules`; afterwards an `import` statement for them costs nothing.

    The thread is a daemon, which an executor's is not: quitting must not wait for an import.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: ImportError | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def work() -> None:
        error = None
        try:
            with _one_at_a_time:
                for module in modules:
                    importlib.import_module(module)
        except ImportError as failure:
            error = failure
        with suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(settle, error)

    threading.Thread(target=work, name="imports", daemon=True).start()
    await done
