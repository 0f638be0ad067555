"""Answers are JSON, whatever the client says that it accepts: there is only one form of everything here."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS


class JSONRenderer(BaseRenderer):
    """orjson: UUIDs as text, times as RFC 3339 UTC with `Z`. Bytes that a use case made ready pass
    untouched.
    """

    media_type = "application/json"
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,  # noqa: ARG002 - DRF's signature
        renderer_context: Mapping[str, Any] | None = None,  # noqa: ARG002
    ) -> bytes:
        if data is None:
            return b""
        return data if isinstance(data, bytes) else written(data)


def written(data: Any) -> bytes:
    """JSON bytes of an answer. Errors: TypeError for what JSON has no form for."""
    try:
        return orjson.dumps(data, option=OPTIONS)
    except TypeError:
        return orjson.dumps(_as_said(data), option=OPTIONS)


def _as_said(value: Any) -> Any:
    """PostgreSQL gives 1e300 back as an integer of 301 digits: it was a float when an edge said it."""
    if isinstance(value, Mapping):
        return {name: _as_said(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_as_said(item) for item in value]
    return float(value) if isinstance(value, int) and value.bit_length() > 63 else value


class OnlyJSON(BaseContentNegotiation):
    def select_parser(
        self,
        request: Request,  # noqa: ARG002 - DRF's signature
        parsers: Iterable[BaseParser],
    ) -> BaseParser:
        return next(iter(parsers))

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002 - DRF's signature
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type
