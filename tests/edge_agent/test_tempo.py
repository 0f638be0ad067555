"""When to speak: every edge at its own place, backoff with full jitter, the server's tempo within bounds."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.tempo import backoff_s, next_poll_in_s, poll_interval_s, poll_phase_s
from edge_agent.timers import Timers


@given(st.text(min_size=1), st.floats(30, 86400))
def test_an_edge_has_its_own_place_in_the_interval(edge_id: str, interval_s: float) -> None:
    assert 0 <= poll_phase_s(edge_id, interval_s) < interval_s


def test_a_fleet_spreads_over_the_interval() -> None:
    places = sorted(poll_phase_s(f"acme-north-{n}", 300) for n in range(1000))
    assert max(b - a for a, b in pairwise(places)) < 5


@given(st.floats(30, 86400), st.floats(0, 2e9))
def test_the_next_poll_comes_within_one_and_a_half_intervals(interval_s: float, wall_s: float) -> None:
    wait_s = next_poll_in_s("acme-north-1", interval_s, wall_s)
    assert interval_s / 2 <= wait_s <= interval_s * 1.5


@given(st.integers(0, 100), st.floats(1, 3600), st.floats(0, 600))
def test_backoff_jitters_after_the_cap_and_above_the_floor(
    failures: int, cap_s: float, floor_s: float
) -> None:
    least, most = (backoff_s(failures, cap_s, pick, floor_s) for pick in (min, max))
    assert least == floor_s
    assert most == floor_s + min(cap_s, 2.0**failures)


@pytest.mark.parametrize(
    ("server_s", "socket", "expected_s"),
    [(None, False, 300), (60, False, 60), (900, False, 300), (900, True, 900), (0.1, True, 5)],
)
def test_the_server_stretches_polling_only_while_the_socket_answers(
    server_s: float | None, socket: bool, expected_s: float
) -> None:
    assert poll_interval_s(300, server_s, socket_answers=socket) == expected_s


def test_timers_fire_once_in_their_order() -> None:
    now = [0.0]
    timers = Timers(lambda: now[0])
    timers.later("b", 2)
    timers.later("a", 1)
    timers.sooner("b", 5)
    timers.later("never", 3)
    timers.cancel("never")
    assert timers.due() == []
    assert timers.wait_s(100) == 1
    now[0] = 10
    assert timers.due() == ["a", "b"]
    assert timers.due() == []
    assert timers.wait_s(100) == 100
