"""Structured logs: one JSON object a line on standard error.

Written at edges and changes of state, never per call.

No personal data and no secret may be an argument of a log call: identifiers of subjects, attributes
and keys stay out. The text of an exception may quote a request, so that only its type and its place
are written.
"""

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Final, TextIO

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

FRAMES_MAX: Final = 50


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON: time, level, event,
    then the fields given as `extra`.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line. A value that JSON does not know is written as its text."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        row: dict[str, object] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        row.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info and record.exc_info[1] is not None:
            row["exception"] = exception_text(record.exc_info[1])
        return json.dumps(row, ensure_ascii=False, default=str)


def exception_text(error: BaseException) -> str:
    """Returns type and frames of an exception and of those that led to it, newest first; of an
    error of the operating system also its words, which are the system's own.
    """
    lines: list[str] = []
    following: BaseException | None = error
    while following is not None and len(lines) < FRAMES_MAX:
        words = f": {following.strerror}" if isinstance(following, OSError) else ""
        lines.append(type(following).__qualname__ + words)
        frames = traceback.extract_tb(following.__traceback__)
        lines += [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames)]
        following = following.__cause__ or following.__context__
    return "\n".join(lines[:FRAMES_MAX])


def logs_start(level: str, stream: TextIO | None = None) -> logging.Logger:
    """Sets up the logger `kairos` of this process and returns it.

    Other libraries' logs are left alone.
    """
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("kairos")
    logger.handlers[:] = [handler]
    logger.setLevel(level.upper())
    logger.propagate = False
    return logger
