"""Structured logs: readable lines on stderr, JSON in a rotating file, nothing on stdout."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from zava_server.infrastructure.log_secrets import error_places, without_secrets

if TYPE_CHECKING:
    from io import TextIOWrapper

    from structlog.typing import EventDict, Processor

_FILE_BYTES = 5 * 1024 * 1024
_FILES_KEPT = 3


def configure_logs(level: str, file: Path | None) -> None:
    """Sends every log line, the libraries' too, to stderr and to `file`.

    The file and its directory are made with the first line. If they cannot be, that is said once on
    stderr, but no reason to stop.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_secrets,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    console = logging.StreamHandler(sys.stderr)
    console.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_traceback,
                structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
            ],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [console]
    root.setLevel(level)
    if file is not None:
        _add_file(root, file, shared)


class _LogFile(logging.handlers.RotatingFileHandler):
    """Makes its directory when it is needed, and gives up at the first line it cannot write.

    Where several servers write to one file, each goes on in the new one once any has rotated it.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a line to where the name leads now."""
        # Until the first line there is no stream, whatever the stubs say.
        stream: TextIOWrapper | None = self.stream
        if stream is not None and _has_moved(stream, self.baseFilename):
            stream.close()
            self.stream = None
        super().emit(record)

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Instead of a traceback for each line."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        root = logging.getLogger()
        root.removeHandler(self)
        root.warning("the log file cannot be written: %s", error.strerror)


def _has_moved(stream: TextIOWrapper, name: str) -> bool:
    try:
        return not os.path.samestat(os.fstat(stream.fileno()), Path(name).stat())
    except OSError:
        return True


def _without_traceback(_: object, __: str, event: EventDict) -> EventDict:
    """People read stderr: what happened is enough for them, the file has the traceback."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if error:
        kind = error[0] if isinstance(error, tuple) else type(error)
        event["error"] = getattr(kind, "__name__", "Error")
    return event


def _places_of_error(_: object, __: str, event: EventDict) -> EventDict:
    """Where an error came from, without its words: those quote callers' values."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()
    if isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["exception"] = error_places(error)
    return event


def _add_file(root: logging.Logger, file: Path, shared: list[Processor]) -> None:
    handler = _LogFile(
        file, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8", delay=True
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _places_of_error,
                structlog.processors.JSONRenderer(),
            ],
            foreign_pre_chain=shared,
        )
    )
    root.addHandler(handler)
