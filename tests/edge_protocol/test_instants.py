"""Instants as the wire writes them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol.instants import format_instant, parse_instant


@given(st.datetimes(min_value=datetime(1000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - a bound
def test_what_is_written_is_read_to_the_second(instant: datetime) -> None:
    assert parse_instant(format_instant(instant)) == instant.replace(microsecond=0)


def test_another_zone_is_written_in_utc() -> None:
    there = datetime(2026, 2, 15, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    assert format_instant(there) == "2026-02-15T10:30:00Z"
    with pytest.raises(ValueError, match="time zone"):
        format_instant(there.replace(tzinfo=None))


def test_fractions_are_read() -> None:
    assert parse_instant("2026-02-15T10:30:00.250Z").microsecond == 250_000


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-02-15",
        "2026-02-15 10:30:00Z",
        "2026-02-15T10:30:00",
        "2026-02-15T10:30:00+00:00",
        "2026-02-15T10:30:00z",
        "2026-02-30T10:30:00Z",
        "2026-02-15T24:00:00Z",
        "2026-02-15T10:30:60Z",
        "2026-02-15T10:30Z",
        " 2026-02-15T10:30:00Z",
        "2026-02-15T10:30:00Z\n",
        "٢026-02-15T10:30:00Z",
        5,
        None,
    ],
)
def test_another_spelling_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=r"instant|day"):
        parse_instant(text)  # type: ignore[arg-type]
