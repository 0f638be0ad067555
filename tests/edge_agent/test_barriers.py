"""When a version may be applied: modes, windows in the site's own time, summer time both ways."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.barriers import changed_sections, strictest_mode, window_barrier

NIGHT = {"days": ["sun"], "start": "02:00", "end": "03:00", "time_zone": "Europe/Berlin"}


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("apply", "changed", "mode"),
    [
        ({}, {"alarms"}, "immediate"),
        ({}, {"alarms", "scheduler"}, "next_cycle"),
        ({"scheduler": "manual"}, {"alarms"}, "immediate"),
        ({"scheduler": "manual"}, {"alarms", "scheduler"}, "manual"),
        ({"alarms": "window"}, {"alarms", "scheduler"}, "window"),
        ({"scheduler": "immediate"}, {"scheduler"}, "immediate"),
        ({}, set(), "immediate"),
    ],
)
def test_the_strictest_of_the_changed_sections_decides(apply: dict, changed: set, mode: str) -> None:
    assert strictest_mode({"sync": {"apply": apply}}, changed) == mode


def test_a_removed_section_has_changed() -> None:
    assert changed_sections({"a": "1", "b": "2"}, {"a": "1", "c": "3"}) == {"b", "c"}


@pytest.mark.parametrize(
    ("window", "now", "is_open", "until"),
    [
        # 2026-11-22 is a Sunday; Berlin is one hour ahead of UTC.
        (NIGHT, "2026-11-22T00:59:59", False, "2026-11-22T01:00:00Z"),
        (NIGHT, "2026-11-22T01:00:00", True, None),
        (NIGHT, "2026-11-22T01:59:59", True, None),
        (NIGHT, "2026-11-22T02:00:00", False, "2026-11-29T01:00:00Z"),
        # Without days, every day; without a zone, UTC.
        ({"start": "02:00", "end": "03:00"}, "2026-11-23T02:30:00", True, None),
        # Past midnight it belongs to the day on which it started.
        ({**NIGHT, "start": "23:00", "end": "01:00"}, "2026-11-22T23:30:00", True, None),
        ({**NIGHT, "start": "23:00", "end": "01:00"}, "2026-11-22T00:30:00", False, "2026-11-22T22:00:00Z"),
        # The clock skips 02:00 to 03:00 on 2026-03-29: the window comes one hour later.
        (NIGHT, "2026-03-29T01:30:00", True, None),
        ({**NIGHT, "start": "02:30"}, "2026-03-29T01:15:00", False, "2026-03-29T01:30:00Z"),
        # 02:00 to 03:00 happens twice on 2026-10-25: both hours belong to it.
        (NIGHT, "2026-10-25T00:30:00", True, None),
        (NIGHT, "2026-10-25T01:30:00", True, None),
        (NIGHT, "2026-10-25T02:00:00", False, "2026-11-01T01:00:00Z"),
    ],
)
def test_a_window_opens_by_the_sites_own_clock(
    window: dict, now: str, is_open: bool, until: str | None
) -> None:
    barrier = window_barrier(window, at(now))
    assert (barrier.open, barrier.until) == (is_open, until)


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 366 * 24 * 60))
def test_a_closed_window_names_its_next_opening(hour: int, minute: int, minutes: int) -> None:
    """And at that moment it is open."""
    now = at("2026-01-01T00:00:00") + timedelta(minutes=minutes)
    start, end = f"{hour:02d}:{minute:02d}", f"{(hour + 1) % 24:02d}:{minute:02d}"
    window = {"start": start, "end": end, "time_zone": "Europe/Berlin"}
    barrier = window_barrier(window, now)
    if not barrier.open:
        assert barrier.until is not None
        assert window_barrier(window, datetime.fromisoformat(barrier.until)).open
