"""How an answer's body travels: gzip, with the entity tag kept strong; no length where there is no body.

Django's GZipMiddleware weakens the tag and pads at random; protocol.md keeps it strong on purpose: no ranges
are served, and an edge compares tags with the version it knows.
"""

import gzip
import re
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeGuard

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers

# Below this a gzip frame saves less than a packet.
MIN_BYTES = 1024
LEVEL = 6
COMPRESSIBLE = ("application/json", "application/problem+json", "application/vnd.oai.openapi+json")
NOTHING = re.compile(r"q=0(\.0{0,3})?\Z")


def accepts_gzip(header: str) -> bool:
    """True when Accept-Encoding names gzip, or `*`, without refusing it by q=0."""
    accepted: dict[str, bool] = {}
    for part in header.lower().split(","):
        coding, _, parameters = part.partition(";")
        accepted[coding.strip()] = NOTHING.match(parameters.replace(" ", "")) is None
    return accepted.get("gzip", accepted.get("*", False))


def compress(body: bytes) -> bytes:
    """Deterministic: equal bodies give equal bytes (no time in the frame)."""
    return gzip.compress(body, LEVEL, mtime=0)


class CompressionMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.NOT_MODIFIED:
            # RFC 9110 8.6: it would be the length of the 200, and CommonMiddleware says 0.
            del response["Content-Length"]
        if not compressible(response):
            return response
        patch_vary_headers(response, ("Accept-Encoding",))
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            squeeze(response)
        return response


def compressible(response: HttpResponseBase) -> TypeGuard[HttpResponse]:
    return (
        isinstance(response, HttpResponse)
        and response.get("Content-Type", "").split(";")[0] in COMPRESSIBLE
        and not response.has_header("Content-Encoding")
        and len(response.content) >= MIN_BYTES
    )


def squeeze(response: HttpResponse) -> None:
    response.content = compress(response.content)
    response["Content-Encoding"] = "gzip"
    response["Content-Length"] = str(len(response.content))
