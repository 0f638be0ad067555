"""The headers of configuration answers, the same in front of Django and behind it."""

from typing import Protocol

from django.http import HttpResponse

from edge_protocol.instants import format_instant
from edges.credentials import Head

CACHE_CONTROL = "private, no-cache"
VARY = "Accept-Encoding, Authorization, X-API-Key, EMS-Manifest-Issued"


class Ready(Protocol):
    """A 200 that publishing made ready."""

    @property
    def etag(self) -> str: ...
    @property
    def envelope_header(self) -> str: ...
    @property
    def version(self) -> int: ...
    @property
    def body(self) -> bytes: ...


def not_modified_headers(head: Head, client_issued: str | None) -> list[tuple[str, str]]:
    """A client that names the current manifest's `issued_at` does not get the manifest again."""
    headers = [
        ("ETag", head.etag),
        ("EMS-Config-Version", str(head.version)),
        ("Cache-Control", CACHE_CONTROL),
        ("Vary", VARY),
    ]
    if client_issued != format_instant(head.issued_at):
        headers.append(("EMS-Manifest", head.envelope))
    return headers


def not_modified(head: Head, client_issued: str | None) -> HttpResponse:
    response = HttpResponse(status=304)
    del response["Content-Type"]
    for name, value in not_modified_headers(head, client_issued):
        response[name] = value
    return response


def ready(answer: Ready) -> HttpResponse:
    """The stored bytes as they are: nothing is serialised again."""
    response = HttpResponse(answer.body, content_type="application/json")
    response["ETag"] = answer.etag
    response["EMS-Config-Version"] = str(answer.version)
    response["Cache-Control"] = CACHE_CONTROL
    response["Vary"] = VARY
    response["EMS-Manifest"] = answer.envelope_header
    return response
