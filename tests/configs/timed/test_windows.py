"""Windows on the clocks of a place: days, midnight, and the two nights on which clocks are changed."""

from datetime import UTC, datetime

import pytest

from configs.refusals import ChangeRefused
from configs.timed.windows import Window, instant, next_opening

BERLIN = "Europe/Berlin"  # forward 2026-03-29 01:00Z, back 2026-10-25 01:00Z


def window(opens: str, closes: str, *days: str) -> Window:
    return Window.of({"time_zone": BERLIN, "opens": opens, "closes": closes, "days": days})


def local(text: str) -> datetime:
    return datetime.fromisoformat(text)


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "after", "opens", "closes"),
    [
        (window("22:00", "04:00"), "06-10T08:00", "06-10T20:00", "06-11T02:00"),  # tonight
        (window("22:00", "04:00"), "06-10T23:00", "06-10T23:00", "06-11T02:00"),  # open already
        (window("22:00", "04:00"), "06-11T02:00", "06-11T20:00", "06-12T02:00"),  # just shut
        (window("01:00", "02:00", "sun"), "06-10T08:00", "06-13T23:00", "06-14T00:00"),
        (window("00:00", "00:00", "sat"), "06-14T12:00", "06-19T22:00", "06-20T22:00"),  # a whole day
        (window("02:30", "03:15"), "03-28T12:00", "03-29T01:00", "03-29T01:15"),  # begins in the gap
        (window("01:30", "02:30"), "03-28T12:00", "03-29T00:30", "03-29T01:00"),  # ends in it
        (window("02:10", "02:50"), "03-28T12:00", "03-30T00:10", "03-30T00:50"),  # lies within it
        (window("02:10", "02:50", "sun"), "03-28T12:00", "04-05T00:10", "04-05T00:50"),  # a week later
        (window("02:30", "02:45"), "10-24T12:00", "10-25T00:30", "10-25T01:45"),  # both times shown
        (window("01:00", "04:00"), "10-24T12:00", "10-24T23:00", "10-25T03:00"),  # an hour longer
    ],
)
def test_the_next_opening(hours: Window, after: str, opens: str, closes: str) -> None:
    found = next_opening(hours, at(after))
    assert (found.at, found.until) == (at(opens), at(closes))


def test_a_local_time_is_an_instant_the_first_of_two_and_refused_where_clocks_skip_it() -> None:
    assert instant(local("2026-10-25T02:30"), BERLIN) == at("10-25T00:30")
    with pytest.raises(ChangeRefused, match="02:30 does not exist on 2026-03-29"):
        instant(local("2026-03-29T02:30"), BERLIN)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"time_zone": "Mars/Base"}, "'Mars/Base' is no time zone"),
        ({"time_zone": "../etc/passwd"}, "is no time zone"),
        ({"opens": "25:00"}, "'25:00' is no time of day"),
        ({"days": ["sunday"]}, "'sunday' is no day"),
    ],
)
def test_what_is_no_window_is_said(given: dict, said: str) -> None:
    with pytest.raises(ChangeRefused, match=said):
        Window.of({"time_zone": BERLIN, "opens": "01:00", "closes": "02:00", **given})
