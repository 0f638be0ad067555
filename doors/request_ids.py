"""A name for every request: the client's `X-Request-ID` when it is harmless, else one of ours."""

import logging
import re
import uuid
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest
from django.http.response import HttpResponseBase

HEADER = "X-Request-ID"
# Harmless in a log line, a header and a file name.
ACCEPTED = re.compile(r"\A[A-Za-z0-9-]{1,64}\Z")

_current: ContextVar[str] = ContextVar("request_id", default="")


def choose(offered: str | None) -> str:
    if offered and ACCEPTED.match(offered):
        return offered
    return str(uuid.uuid4())


def current() -> str:
    """The id of the request that this context serves or served last; empty before the first."""
    return _current.get()


class RequestIdMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Not taken back at the end: Django logs the answer after the last middleware. The next request sets
        # its own.
        _current.set(choose(request.headers.get(HEADER)))
        response = self.get_response(request)
        response[HEADER] = _current.get()
        return response


class RequestIdFilter(logging.Filter):
    """Puts the request id on every log record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = current()
        return True
