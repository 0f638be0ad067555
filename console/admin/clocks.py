"""Which clock a page shows: pure functions."""

from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

WORDS_OF_UTC = "UTC"


def of(zone: str) -> tzinfo:
    """The zone of that name; UTC where the name is none."""
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def shared(zones: Iterable[str]) -> str:
    """The zone that all of them are, else UTC."""
    found = set(zones)
    return found.pop() if len(found) == 1 else WORDS_OF_UTC


def named(zone: str) -> str:
    """What the head of a column says: `local, Europe/Berlin`."""
    return WORDS_OF_UTC if zone == WORDS_OF_UTC or of(zone) is UTC else f"local, {zone}"


def told(at: datetime, zone: str, now: datetime) -> str:
    """`10:16:02 Sat 28 Nov`, and the year where it is not this one."""
    local = at.astimezone(of(zone))
    year = "" if local.year == now.astimezone(of(zone)).year else f" {local.year}"
    return f"{local:%H:%M:%S %a} {local.day} {local:%b}{year}"
