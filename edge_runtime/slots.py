"""A weekly time slot on a site's own clock: on some days, from one time of day to another."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True, slots=True)
class WeeklySlot:
    """Open whenever the clock on the wall shows a time in `[start, end)`, as a tariff's switch does.

    So an hour that the clock skips in spring is skipped, and one that it repeats in autumn counts twice. A
    slot that ends before it starts runs past midnight and belongs to the day on which it started.
    """

    days: Collection[str]
    start: time
    end: time
    zone: ZoneInfo

    def is_open(self, now_at: datetime) -> bool:
        shown = now_at.astimezone(self.zone)
        clock = shown.time()
        if self.start < self.end:
            return self.start <= clock < self.end and DAYS[shown.weekday()] in self.days
        since = shown if clock >= self.start else shown - timedelta(days=1)
        return (clock >= self.start or clock < self.end) and DAYS[since.weekday()] in self.days


def has_zone(name: str) -> bool:
    """Whether this machine's tables know the zone."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a path, or the name of a folder of the tables
        return False
    return True
