"""Instants as they stand on the wire: RFC 3339, UTC, written with `Z`."""

import re
from datetime import UTC, datetime

_SHAPE = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z"
)


def parse_instant(text: str) -> datetime:
    """A wire instant as an aware datetime. Errors: ValueError (also for the 30th of February)."""
    if not isinstance(text, str) or _SHAPE.fullmatch(text) is None:
        raise ValueError(f"not an instant like 2026-02-15T10:30:00Z: {text!r:.60}")
    return datetime.fromisoformat(text)


def format_instant(instant: datetime) -> str:
    """An aware datetime as it is written on the wire, cut to whole seconds. Errors: ValueError when naive."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs its time zone")
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
