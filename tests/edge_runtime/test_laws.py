"""The control laws against the golden vector, the documented priority example and their own properties."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime import laws
from edge_runtime.interval import Interval
from edge_runtime.pid import PidFilter

WATTS = st.floats(min_value=-1e6, max_value=1e6)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    one, other = draw(WATTS), draw(WATTS)
    return Interval(min(one, other), max(one, other))


def guard(**changes: object) -> laws.Guard:
    facts: dict[str, object] = {
        "power": Interval(-5000, 5000),
        "soc_percent": 50.0,
        "soc_min": 10,
        "soc_max": 90,
        "grid_known": True,
        "power_known": True,
        "connections": (),
    }
    return laws.Guard(**{**facts, **changes})  # type: ignore[arg-type]


def connected(real_watts: float, limits: laws.GridLimits) -> tuple[laws.Connection]:
    return (laws.Connection(real_watts, limits),)


def test_the_filter_gives_the_golden_vector() -> None:
    pid, limits = PidFilter(), Interval(-1e6, 1e6)
    measured = [0, 0, 3793, 8981, 13723, 17469, 20066]
    sent = [round(pid.next(target=20_000, measured=watts, limits=limits)) for watts in measured]
    assert sent == [6000, 12000, 16483, 19649, 21577, 22436, 22531]


def test_the_filter_starts_from_the_power_that_already_flows() -> None:
    assert PidFilter().next(target=3000, measured=3000, limits=Interval(-5000, 5000)) == pytest.approx(3000)


def test_the_filter_reaches_its_target_behind_a_battery_that_follows() -> None:
    pid, watts = PidFilter(), 0.0
    for _ in range(100):
        watts = pid.next(target=4200, measured=watts, limits=Interval(-5000, 5000))
    assert watts == pytest.approx(4200, abs=1)


def test_the_filter_comes_back_soon_from_a_target_it_could_not_reach() -> None:
    pid, limits = PidFilter(), Interval(-5000, 5000)
    for _ in range(1000):
        pid.next(target=50_000, measured=0, limits=limits)
    answers = [pid.next(target=-1000, measured=0, limits=limits) for _ in range(60)]
    assert answers[-1] < 0


@given(target=WATTS, measured=WATTS, limits=intervals())
def test_the_filter_never_leaves_its_limits(target: float, measured: float, limits: Interval) -> None:
    out = PidFilter().next(target=target, measured=measured, limits=limits)
    assert limits.low <= out <= limits.high


@given(start=intervals(), first=intervals(), second=intervals())
def test_a_later_controller_never_widens_what_an_earlier_one_left(
    start: Interval, first: Interval, second: Interval
) -> None:
    left = start.narrow(first.low, first.high)
    assert left.low >= start.low
    assert left.high <= start.high
    after = left.narrow(second.low, second.high)
    assert after.low >= left.low
    assert after.high <= left.high


def test_an_interval_with_its_ends_crossed_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        Interval(1, 0)


@pytest.mark.parametrize(
    ("grid", "ess", "target", "expected"),
    [(1000, 0, 0, 1000), (1000, 500, 0, 1500), (-2000, 0, 0, -2000), (1000, 0, 300, 700), (0, -800, 0, -800)],
)
def test_balancing_asks_for_what_brings_the_grid_to_its_target(
    grid: float, ess: float, target: float, expected: float
) -> None:
    assert laws.balancing(grid, ess, target) == expected


@pytest.mark.parametrize(
    ("target", "before", "expected"), [(1000, 0, 200), (-1000, 0, -200), (150, 0, 150), (900, 1000, 900)]
)
def test_a_ramp_moves_by_one_step_at_most(target: float, before: float, expected: float) -> None:
    assert laws.ramped(target, before, 200) == expected


@pytest.mark.parametrize(
    ("wanted", "changes", "watts", "reasons"),
    [
        (3000, {}, 3000, ()),
        (9000, {}, 5000, ("power_limit",)),
        (-9000, {}, -5000, ("power_limit",)),
        (3000, {"soc_percent": 10.0}, 0, ("soc_min",)),
        (-3000, {"soc_percent": 10.0}, -3000, ()),
        (-3000, {"soc_percent": 90.0}, 0, ("soc_max",)),
        (3000, {"soc_percent": 95.0}, 3000, ()),
        (3000, {"soc_percent": None}, 0, ("soc_undefined",)),
        (3000, {"grid_known": False}, 0, ("grid_undefined",)),
        (3000, {"power_known": False}, 0, ("power_undefined",)),
        (3000, {"grid_known": False, "soc_percent": None}, 0, ("soc_undefined", "grid_undefined")),
        (-4000, {"connections": connected(8000.0, laws.GridLimits(10_000))}, -2000, ("grid_limit",)),
        (0, {"connections": connected(12_000.0, laws.GridLimits(10_000))}, 2000, ("grid_limit",)),
        (4000, {"connections": connected(-2000.0, laws.GridLimits(math.inf, 3000))}, 1000, ("grid_limit",)),
        # The connection cannot be kept below its limit beyond what the battery can and may give.
        (0, {"connections": connected(90_000.0, laws.GridLimits(1000))}, 5000, ("grid_limit", "power_limit")),
        (
            0,
            {"connections": connected(9000.0, laws.GridLimits(8000)), "soc_percent": 5.0},
            0,
            ("grid_limit", "soc_min"),
        ),
    ],
)
def test_the_last_word_keeps_every_limit(
    wanted: float, changes: dict[str, object], watts: float, reasons: tuple[str, ...]
) -> None:
    assert laws.last_word(wanted, guard(**changes)) == laws.LastWord(watts, reasons)


@given(
    wanted=WATTS, real=WATTS, soc=st.floats(0, 100), imported=st.floats(0, 1e5), exported=st.floats(0, 1e5)
)
def test_the_last_word_never_leaves_the_battery_s_own_limits(
    wanted: float, real: float, soc: float, imported: float, exported: float
) -> None:
    judged = guard(soc_percent=soc, connections=connected(real, laws.GridLimits(imported, exported)))
    watts = laws.last_word(wanted, judged).watts
    assert -5000 <= watts <= 5000
    assert not (soc <= 10 and watts > 0)
    assert not (soc >= 90 and watts < 0)
