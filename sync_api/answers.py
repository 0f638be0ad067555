"""The headers of configuration answers, the same in front of Django and behind it."""

from functools import lru_cache

from django.http import HttpResponse

from configs.fetching import NotModified, Ready
from edge_protocol.instants import format_instant
from edges.credentials import Head

CACHE_CONTROL = "private, no-cache"
VARY = "Accept-Encoding, Authorization, X-API-Key, EMS-Manifest-Issued"
Headers = list[tuple[str, str]]


def standing(etag: str, version: int) -> Headers:
    return [
        ("ETag", etag),
        ("EMS-Config-Version", str(version)),
        ("Cache-Control", CACHE_CONTROL),
        ("Vary", VARY),
    ]


_issued = lru_cache(maxsize=10_000)(format_instant)


def not_modified_headers(head: Head, client_issued: str | None) -> Headers:
    """A client that names the current manifest's `issued_at` does not get the manifest again."""
    if client_issued == _issued(head.issued_at):
        return standing(head.etag, head.version)
    return [*standing(head.etag, head.version), ("EMS-Manifest", head.envelope)]


def not_modified(headers: Headers) -> HttpResponse:
    response = HttpResponse(status=304, headers=headers)
    del response["Content-Type"]
    return response


def unchanged(found: NotModified) -> HttpResponse:
    return not_modified([*standing(found.etag, found.version), ("EMS-Manifest", found.envelope_header)])


def ready_headers(found: Ready) -> Headers:
    return [*standing(found.etag, found.version), ("EMS-Manifest", found.envelope_header)]


def ready(found: Ready) -> HttpResponse:
    """The stored bytes as they are: nothing is serialised again."""
    return HttpResponse(found.body, content_type="application/json", headers=ready_headers(found))
