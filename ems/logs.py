"""Log lines as JSON, one object a line, with the request they belong to and never a credential."""

import json
import logging
import re
import traceback
from datetime import UTC, datetime
from typing import Any

# Whatever looks like one of our credentials loses its secret, wherever it came from.
CREDENTIAL = re.compile(r"(emse|emsn|emso|emsi)_([0-9A-Za-z]{12})_[0-9A-Za-z]{20,49}")
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def without_secrets(text: str) -> str:
    """The text with every key and token shortened to its kind and id."""
    return CREDENTIAL.sub(r"\1_\2_...", text)


def on_one_line(text: str) -> str:
    """Control characters as escapes: what a stranger wrote neither begins a line nor steers a terminal."""
    return CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class TextFormatter(logging.Formatter):
    """For people at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return without_secrets(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return on_one_line(super().formatMessage(record))


class JSONFormatter(logging.Formatter):
    """For machines: time, level, logger, message, request_id, and the traceback of an error."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request_id": getattr(record, "request_id", ""),
        }
        if record.exc_info:
            line["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return without_secrets(json.dumps(line))


def configuration(*, level: str, as_json: bool) -> dict[str, Any]:
    """Django's LOGGING: everything to standard error; uvicorn's own lines pass through it too."""
    text = {"()": "ems.logs.TextFormatter", "format": "{asctime} {levelname} {name}: {message}", "style": "{"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": "doors.request_ids.RequestIdFilter"}},
        "formatters": {"chosen": {"()": "ems.logs.JSONFormatter"} if as_json else text},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "chosen", "filters": ["request_id"]}
        },
        "root": {"handlers": ["stderr"], "level": level},
        # Their own handlers would write every line twice, or in a form of their own.
        "loggers": {
            name: {"handlers": [], "level": level, "propagate": True}
            for name in ("django", "django.server", "uvicorn", "uvicorn.error")
        }
        # A line for every poll that finds nothing new costs as much as the poll.
        | {"uvicorn.access": {"handlers": [], "level": "WARNING", "propagate": True}},
    }
