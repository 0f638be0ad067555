"""Request bodies: one strict JSON reader with a byte cap that holds while decompressing.

The ASGI gate (doors/gate.py) has bounded what arrives over the network before Django sees it.
"""

import zlib
from collections.abc import Mapping
from typing import IO, Any

from django.http import HttpRequest
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

from doors.problems import Refused
from edge_protocol.canonical import parse

KIB = 1024
ENROLL_BYTES = 16 * KIB
HEARTBEAT_BYTES = 64 * KIB
EVENTS_BYTES = 256 * KIB
OPERATOR_BYTES = 1024 * KIB
MAX_DEPTH = 32
GZIP_WINDOW = 31  # zlib's own number for "gzip framing, 32 KiB window"
UTF8_NAMES = {"utf-8", "utf8"}


def read_json(request: HttpRequest, *, max_bytes: int, required: bool = True) -> Any:
    """The body as a JSON value.

    Raises: Refused 413, 415; JsonError (400 `bad_json` when malformed or absent, 422 when well formed and
    wrong).
    """
    raw = read_bytes(request, max_bytes=max_bytes)
    if not raw and not required:
        return {}
    if raw:
        check_media_type(request.META.get("CONTENT_TYPE", ""))
    data = decoded(raw, request.META.get("HTTP_CONTENT_ENCODING", ""), max_bytes=max_bytes)
    return parse(data, max_bytes=max_bytes, max_depth=MAX_DEPTH)


def read_bytes(stream: IO[bytes] | HttpRequest, *, max_bytes: int) -> bytes:
    raw = stream.read(max_bytes + 1)
    if len(raw) > max_bytes:
        raise too_large(max_bytes)
    return raw


def too_large(max_bytes: int) -> Refused:
    return Refused(
        413, "body_too_large", f"The body may have at most {max_bytes} bytes, also when decompressed."
    )


def check_media_type(content_type: str) -> None:
    """JSON in UTF-8 only; a media type with another charset would be read by guesswork."""
    media_type, _, parameters = content_type.partition(";")
    if media_type.strip().lower() != "application/json":
        raise Refused(415, "unsupported_media", "Send Content-Type: application/json.")
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in UTF8_NAMES:
            raise Refused(415, "unsupported_media", "JSON is read as UTF-8 only.")


def decoded(raw: bytes, coding: str, *, max_bytes: int) -> bytes:
    """Undoes Content-Encoding. Only `gzip` (one member, nothing behind it) and `identity` are known."""
    name = coding.strip().lower()
    if name in ("", "identity"):
        return raw
    if name not in ("gzip", "x-gzip"):
        raise Refused(
            415,
            "unsupported_media",
            "Only Content-Encoding: gzip is understood.",
            headers={"Accept-Encoding": "gzip"},
        )
    return gunzip(raw, max_bytes=max_bytes)


def gunzip(raw: bytes, *, max_bytes: int) -> bytes:
    """Decompresses at most `max_bytes` + 1, so a bomb costs no more than the cap."""
    inflater = zlib.decompressobj(GZIP_WINDOW)
    try:
        data = inflater.decompress(raw, max_bytes + 1)
    except zlib.error as broken:
        raise Refused(400, "bad_json", "The body is not valid gzip.") from broken
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    if not inflater.eof or inflater.unused_data:
        raise Refused(400, "bad_json", "The gzip body is cut short or carries more than one member.")
    return data


class StrictJSONParser(BaseParser):
    """`request.data` for DRF views. The cap is the view's `body_bytes` (1 MiB unless it says otherwise)."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],  # noqa: ARG002 - DRF's signature
        media_type: str | None = None,  # noqa: ARG002
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        context = parser_context or {}
        request: Request = context["request"]
        return read_json(
            request._request, max_bytes=getattr(context.get("view"), "body_bytes", OPERATOR_BYTES)
        )
