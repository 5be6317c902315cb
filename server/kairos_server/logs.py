"""Structured logs: one JSON object a line on standard error.

Written at edges and changes of state, never per call.

No personal data and no secret may be an argument of a log call: identifiers of subjects, attributes
and keys stay out.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Final, TextIO

_STANDARD: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


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
        if record.exc_info:
            row["exception"] = self.formatException(record.exc_info)
        return json.dumps(row, ensure_ascii=False, default=str)


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
