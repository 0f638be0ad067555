"""When a verified version may be applied: apply modes, maintenance windows with DST, holds. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any

from edge_agent.states import Barrier
from edge_protocol.instants import format_instant
from edge_protocol.layout import APPLY_MODES, SECTIONS

# With periods up to this the next cycle comes within the promise: handing over at once is the next cycle,
# because a runtime takes a document in only between two cycles.
SHORT_PERIOD_MS = 1000
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def changed_sections(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    """Names of sections whose digest differs, removed ones too."""
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def strictest_mode(document: Mapping[str, Any], changed: Collection[str]) -> str:
    """Rule 1: the incoming document decides, the strictest of the sections that changed."""
    modes = document.get("sync", {}).get("apply", {})
    asked = [modes.get(name) or SECTIONS[name].default_apply for name in changed if name in SECTIONS]
    return max(asked, key=APPLY_MODES.index, default="immediate")


def window_barrier(window: Mapping[str, Any], now: datetime) -> Barrier:
    """Open inside the window of the site's own clock. Errors: KeyError for an unknown zone.

    A window that ends before it starts runs past midnight and belongs to the day on which it started.
    In spring a start that the clock skips comes one hour later; in autumn the window covers both hours.
    """
    upcoming = None
    for start, end in _occurrences(window, now):
        if start <= now < end:
            return Barrier("window", open=True)
        if now < start:
            upcoming = start if upcoming is None else min(upcoming, start)
    return Barrier("window", open=False, until=None if upcoming is None else format_instant(upcoming))


def _occurrences(window: Mapping[str, Any], now: datetime) -> Iterator[tuple[datetime, datetime]]:
    # Imported by need: most edges have no window, and the zone machinery is large.
    from zoneinfo import ZoneInfo

    zone = ZoneInfo(window.get("time_zone", "UTC"))
    today = now.astimezone(zone).date()
    days = window.get("days") or DAYS
    starts, ends = time.fromisoformat(window["start"]), time.fromisoformat(window["end"])
    for offset in range(-1, 9):
        day = today + timedelta(days=offset)
        if DAYS[day.weekday()] in days:
            last = day if ends > starts else day + timedelta(days=1)
            yield _between(datetime.combine(day, starts), datetime.combine(last, ends), zone)


def _between(start: datetime, end: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """Local times to instants; a start that does not exist keeps the window's length behind the gap."""
    opens = start.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if opens.astimezone(zone).replace(tzinfo=None) != start:
        return opens, opens + (end - start)
    return opens, end.replace(tzinfo=zone, fold=1).astimezone(UTC)
