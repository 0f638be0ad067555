"""When a weekly or daily window opens next, on the clocks of a place. Pure.

Clocks that are put forward leave out times: a window then begins, or ends, at the first moment that exists;
one that lies wholly in what is left out does not open that day. Clocks that are put back show times twice: a
window lasts from the first time that they show its beginning until the last time that they show its end.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from configs.refusals import ChangeError, ChangeRefused

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
RULE = "window"
# More than a week: the one day of a week may have left the window out.
_MOST_DAYS = 16


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` to `closes` (HH:MM; an end at or before the beginning is on the next day), on `days`."""

    time_zone: str
    opens: time
    closes: time
    days: tuple[str, ...] = ()  # none: every day

    def to_dict(self) -> dict[str, Any]:
        hours = {"opens": f"{self.opens:%H:%M}", "closes": f"{self.closes:%H:%M}"}
        return {"time_zone": self.time_zone, **hours, "days": list(self.days)}

    def words(self) -> str:
        days = ", ".join(self.days) if self.days else "daily"
        return f"{days} {self.opens:%H:%M} to {self.closes:%H:%M} ({self.time_zone})"

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Window":
        """Errors: ChangeRefused for an unknown zone or day, or hours that are none."""
        zone(given["time_zone"])
        days: Sequence[str] = given.get("days") or ()
        unknown = [one for one in days if one not in DAYS]
        if unknown:
            raise refused(f"{unknown[0]!r} is no day: days are {', '.join(DAYS)}")
        ordered = tuple(one for one in DAYS if one in days)
        return cls(given["time_zone"], _hour(given["opens"]), _hour(given["closes"]), ordered)


@dataclass(frozen=True, slots=True)
class Opening:
    """`at`: the first moment that may be used; `until`: the first that may not."""

    at: datetime
    until: datetime


def next_opening(window: Window, after: datetime) -> Opening:
    """The window that is open at `after`, or opens next."""
    place = zone(window.time_zone)
    today = after.astimezone(place).date()
    for ahead in range(-1, _MOST_DAYS):
        day = today + timedelta(days=ahead)
        if window.days and DAYS[day.weekday()] not in window.days:
            continue
        found = _on(window, day, place)
        if found.until > max(after, found.at):
            return Opening(max(after, found.at), found.until)
    raise refused("these hours do not exist on any day of the next two weeks")


def instant(local: datetime, time_zone: str) -> datetime:
    """When clocks of a place show `local`, the first of two. Errors: ChangeRefused when they skip it."""
    place = zone(time_zone)
    found = local.replace(tzinfo=place).astimezone(UTC)
    if found.astimezone(place).replace(tzinfo=None) != local:
        raise refused(f"{local:%H:%M} does not exist on {local:%Y-%m-%d}: the clocks are put forward")
    return found


def zone(name: str) -> ZoneInfo:
    """Errors: ChangeRefused."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise refused(f"{name!r} is no time zone; one is, for example, Europe/Berlin") from unknown


def refused(detail: str, *, rule: str = RULE) -> ChangeRefused:
    return ChangeRefused([ChangeError(None, "", rule, None, detail)])


def _on(window: Window, day: date, place: ZoneInfo) -> Opening:
    ends = day + timedelta(days=1) if window.closes <= window.opens else day
    begin = _moment(datetime.combine(day, window.opens), place, fold=0)
    return Opening(begin, _moment(datetime.combine(ends, window.closes), place, fold=1))


def _moment(local: datetime, place: ZoneInfo, *, fold: int) -> datetime:
    found = local.replace(tzinfo=place, fold=fold).astimezone(UTC)
    if found.astimezone(place).replace(tzinfo=None) == local:
        return found
    # Skipped: read with the later offset it lies before the jump, read with the earlier one after it.
    before, after = (local.replace(tzinfo=place, fold=one).astimezone(UTC) for one in (1, 0))
    offset = before.astimezone(place).utcoffset()
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(place).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def _hour(text: str) -> time:
    try:
        return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of day, on no day
    except ValueError as wrong:
        raise refused(f"{text!r} is no time of day; one is, for example, 22:30") from wrong
