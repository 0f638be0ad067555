"""Every address that the resolver serves, and an address made from one."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

API_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
DESK_METHODS = ("GET", "POST")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    """One pattern: its text is its name, for a name can be given twice and a pattern cannot."""

    pattern: str
    methods: tuple[str, ...]

    @property
    def is_desk(self) -> bool:
        return self.pattern.startswith("admin/")

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(PARAMETER.findall(self.pattern))

    def address(self, values: Mapping[str, str]) -> str:
        return "/" + PARAMETER.sub(lambda found: values[found[1]], self.pattern)


def routes() -> list[Route]:
    return [
        Route(pattern, DESK_METHODS if pattern.startswith("admin/") else API_METHODS)
        for pattern in _patterns(get_resolver().url_patterns)
    ]


def _patterns(patterns: list[URLPattern | URLResolver], before: str = "") -> Iterator[str]:
    for one in patterns:
        text = before + _readable(str(one.pattern))
        if isinstance(one, URLResolver):
            yield from _patterns(one.url_patterns, text)
        else:
            yield text


def _readable(pattern: str) -> str:
    """Django's few regular expressions, in the form of its other patterns."""
    for written, meant in (
        ("^([^/]+)/history/([^/]+)/$", "<object_id>/history/<version_id>/"),
        ("(?P<url>.*)$", "<url>"),
    ):
        if pattern == written:
            return meant
    return re.sub(r"^\^\(\?P<(\w+)>[\w|]+\)/\$$", r"<\1>/", pattern)
