"""The log of a daemon: events with fields, through Python's own `logging`.

So whatever the library and others log stands in the same place and form, and handlers of others,
such as one that sends exceptions somewhere, see what the daemon says.
"""

from __future__ import annotations

import logging
import sys
import time
import traceback
from typing import Any

from zerorpc_daemon.lines import Line, as_console, as_json
from zerorpc_daemon.repeats import Repeats
from zerorpc_daemon.settings import Log
from zerorpc_daemon.writer import LineWriter

_FIELDS = "zerorpc_daemon_fields"


class EventLog:
    """Logs events: a name that stays the same, and what differs as fields.

    The fields of the mesh, where they apply: `endpoint`, `worker`, `client`, `channel`, `trace`.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        """Log what only someone who looks for an error needs."""
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Log what is as it should be."""
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Log what someone should look at when there is time."""
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Log what someone should look at now."""
        self._log(logging.ERROR, event, fields)

    def exception(self, event: str, *, exc: BaseException | None = None, **fields: Any) -> None:
        """Log an error with the traceback of `exc`, else of the exception that is handled."""
        self._log(logging.ERROR, event, fields, exc_info=True if exc is None else exc)

    def _log(self, level: int, event: str, fields: dict[str, Any], *, exc_info: Any = None) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, extra={_FIELDS: fields}, exc_info=exc_info)


class Journal(logging.Handler):
    """Where all log records of the process go: formed, kept from repeating, handed to the writer.

    Raises `OSError` where the file of `settings` cannot be opened.
    """

    def __init__(self, settings: Log) -> None:
        super().__init__()
        self._repeats = Repeats()
        self._settings = settings
        self._writer = LineWriter(settings.file)
        self._is_console = self._has_eyes(settings)
        logging.captureWarnings(True)
        logging.getLogger().handlers[:] = [self]
        self.set_level(settings.level)

    def set_level(self, level: str) -> None:
        """Change what is written from now on."""
        logging.getLogger().setLevel(level.upper())

    def apply(self, settings: Log) -> None:
        """Change file, form and level; raises `OSError` and changes nothing where it cannot."""
        self._writer.reopen(settings.file)
        self._settings = settings
        self._is_console = self._has_eyes(settings)
        self.set_level(settings.level)

    def reopen(self) -> None:
        """Open the file anew, which may have been moved; raises `OSError` and keeps the old one."""
        self._writer.reopen(self._settings.file)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a record of `logging`."""
        # Who asks for everything gets everything.
        kind = (record.levelname, record.msg)
        if record.levelno > logging.DEBUG and not self._repeats.admit(kind, time.monotonic()):
            return
        self._put(_line(record))

    def tell_repeats(self) -> None:
        """Write how many lines were held back, once their period is over."""
        for kind, count in self._repeats.over(time.monotonic()):
            level, event = kind if isinstance(kind, tuple) else ("WARNING", "other lines")
            self._put(Line(time.time(), level.lower(), str(event), {"repeated": count}))

    def flush(self) -> None:
        """Do nothing: `logging` calls this at its end, and a stuck reader must not stop us."""

    def drain(self, timeout: float) -> None:
        """Wait until everything is written, also what was held back; blocks."""
        self.tell_repeats()
        self._writer.flush(timeout)

    def statistics(self) -> dict[str, int]:
        """Return what became of the lines."""
        return {
            "written": self._writer.written,
            "dropped": self._writer.dropped,
            "failed": self._writer.failed,
            "suppressed": self._repeats.suppressed,
        }

    def _put(self, line: Line) -> None:
        if self._is_console:
            self._writer.write(as_console(line, is_coloured=self._settings.file is None))
        else:
            self._writer.write(as_json(line))

    @staticmethod
    def _has_eyes(settings: Log) -> bool:
        is_tty = settings.file is None and sys.stderr is not None and sys.stderr.isatty()
        return settings.format == "console" or (settings.format == "auto" and is_tty)


def _line(record: logging.LogRecord) -> Line:
    fields = getattr(record, _FIELDS, None)
    if fields is None:
        fields = {"logger": record.name}
    if record.exc_info and record.exc_info[1] is not None:
        error = record.exc_info[1]
        fields = dict(fields, error=f"{type(error).__name__}: {error}")
        fields["traceback"] = "".join(traceback.format_exception(error))
    try:
        event = record.getMessage()
    except Exception as error:  # whoever logs with the wrong number of arguments is still told
        event = f"{record.msg} ({error})"
    return Line(record.created, record.levelname.lower(), event, fields)
