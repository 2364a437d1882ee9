"""The log: one line of JSON (or of text) for each event; never content, a token, a key, a URI or an error's words.

An exception's message may quote what somebody sent, so what is told of an error is its type and its place.
"""

import json
import logging
import sys
import time
import traceback
from collections import Counter
from typing import TextIO

from tornado.web import RequestHandler

from actions.times import when

log = logging.getLogger("recado.door")

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
MOST_CHARACTERS = 500
PLACES = 12
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def told(error: BaseException) -> dict[str, object]:
    """What a log entry may say of an error: its type, its causes' types, and where it arose."""
    frames = traceback.extract_tb(error.__traceback__)[-PLACES:]
    places = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    kinds, cause = [type(error).__name__], error.__cause__
    while cause is not None:
        kinds.append(type(cause).__name__)
        cause = cause.__cause__
    return {"error": " < ".join(kinds), "places": places}


def _extras(record: logging.LogRecord) -> dict[str, object]:
    extras = {name: value for name, value in vars(record).items() if name not in STANDARD}
    if record.exc_info and record.exc_info[1] is not None:
        extras |= told(record.exc_info[1])
    return extras


def _message(record: logging.LogRecord) -> str:
    # A library's own line may carry anything in its arguments (Tornado's: a URI with a token), or below its first
    # line (asyncio's: an exception and what it quotes): only its words stay.
    text = record.getMessage() if record.name.startswith("recado") else str(record.msg).partition("\n")[0]
    return text[:MOST_CHARACTERS]


class JsonFormatter(logging.Formatter):
    """One JSON object a line; control characters cannot get out of their string."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "at": when(int(record.created * 1000)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _message(record),
            **_extras(record),
        }
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """The same for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        extras = " ".join(f"{name}={value!r}" for name, value in _extras(record).items())
        clock = time.strftime("%H:%M:%S", time.localtime(record.created))
        return f"{clock} {record.levelname.lower():7} {_message(record)} {extras}".rstrip()


def set_up(*, level: str, style: str, stream: TextIO | None = None) -> None:
    """Send every logger's lines to `stream` (standard error), in the style `json` or `text`."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonFormatter() if style == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)  # of libraries
    logging.getLogger("recado").setLevel(level.upper())
    # Our own line for each answer takes the place of Tornado's, which holds the URI.
    logging.getLogger("tornado.access").disabled = True


def log_request(handler: RequestHandler) -> None:
    """Count each answer, and write one line for it: the route's pattern, never the URI."""
    origin = getattr(handler, "origin", None)
    method = handler.request.method or ""
    route = getattr(handler, "route", type(handler).__name__)
    answers: Counter[tuple[str, str, int]] = getattr(handler, "doorway").answers  # noqa: B009 - not Tornado's
    answers[method if method in METHODS else "other", route, handler.get_status()] += 1
    log.info(
        "answered",
        extra={
            "request_id": origin.request_id if origin else "",
            "network": origin.network if origin else "",
            "method": method[:16] if method.isalpha() else "",
            "route": route,
            "status": handler.get_status(),
            "milliseconds": round(handler.request.request_time() * 1000, 1),
        },
    )
