"""What judges a simulated run: against sums done by hand, and against every other way to run a battery."""

import json
import math
from array import array
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol import schema, semantics
from edge_protocol.registry import builtin_profiles
from edge_runtime.recording import SHIPPED
from edge_runtime.simulation.feasibility import could_hold
from edge_runtime.simulation.judging import SETTLING_CYCLES, judge_peaks, limit_violations, recorded_wh
from edge_runtime.simulation.physics import Connection, Store
from edge_runtime.simulation.trace import Trace
from edge_runtime.site import HouseSource, read_site

HOUR = 3600.0
ANY_CONNECTION = Connection(math.inf, math.inf)
LOSSLESS = Store(
    name="bms",
    capacity_wh=10_000,
    charge_watts=2000,
    discharge_watts=3000,
    floor_percent=10,
    ceiling_percent=90,
    start_percent=50,
    one_way=1.0,
)


def held(real: list[float], *, threshold: float = 1000, **changes: float) -> list[int]:
    """Hours in a row against one battery (the lossless one with members replaced)."""
    return list(could_hold(real, [threshold] * len(real), [replace(LOSSLESS, **changes)], HOUR))


@pytest.mark.parametrize(
    ("real", "changes", "expected"),
    [
        ([1000, 900], {}, [1, 1]),  # not above it: nothing to hold
        ([4000], {}, [1]),  # 3,000 W of 3,000 W
        ([4001], {}, [0]),  # a watt too much
        ([3000, 3000, 3000], {}, [1, 1, 0]),  # 4 kWh above the floor give 2 kWh twice
        ([3000, 0, 3000, 3000], {}, [1, 1, 1, 0]),  # 1 kWh fits under the threshold in between
        ([3000, -1000, 3000, 3000], {}, [1, 1, 1, 1]),  # with the sun all of its 2 kW
        ([3000], {"start_percent": 10}, [0]),  # nothing above the floor
        ([-9000, 4000, 4000, 4000], {"start_percent": 89}, [1, 1, 1, 0]),  # no more fits above the ceiling
        ([2000], {"start_percent": 20, "one_way": 0.9}, [0]),  # 1 kWh inside is 900 Wh outside
        ([1900], {"start_percent": 20, "one_way": 0.9}, [1]),
        ([-9000, 2800], {"start_percent": 10, "one_way": 0.9}, [1, 0]),  # 2 kWh in are 1.62 kWh out
        ([-9000, 2600], {"start_percent": 10, "one_way": 0.9}, [1, 1]),
    ],
)
def test_a_battery_holds_what_the_sums_say(
    real: list[float], changes: dict[str, float], expected: list[int]
) -> None:
    assert held(real, **changes) == expected


def test_two_batteries_hold_more_than_one() -> None:
    pair = [LOSSLESS, replace(LOSSLESS, name="other")]
    assert list(could_hold([7000, 7001], [1000, 1000], pair, HOUR)) == [1, 0]


def test_where_no_threshold_is_asked_everything_is_held() -> None:
    assert held([1e6, -1e6], threshold=math.inf) == [1, 1]


@given(
    real=st.lists(st.integers(-4000, 5000), min_size=1, max_size=12),
    wishes=st.lists(st.integers(-2000, 3000), min_size=12, max_size=12),
    loss=st.sampled_from([1.0, 0.9]),
)
def test_no_other_way_to_run_a_battery_holds_more(real: list[int], wishes: list[int], loss: float) -> None:
    """Whatever somebody does, from the first cycle that the check calls impossible they have failed too."""
    store = replace(LOSSLESS, one_way=loss)
    could = could_hold([float(watts) for watts in real], [1000.0] * len(real), [store], HOUR)
    energy, failed = 4000.0, False
    for index, (watts, wish) in enumerate(zip(real, wishes, strict=False)):
        power = _possible(wish, energy, loss)
        energy -= power / loss if power > 0 else power * loss
        failed = failed or watts - power > 1000 + 1e-6
        if not could[index]:
            assert failed
            return


def _possible(wish: float, energy_wh: float, loss: float) -> float:
    """The wish as far as an hour of it fits into what is stored (0 to 8 kWh)."""
    return max(min(wish, energy_wh * loss), -(8000 - energy_wh) / loss)


def traced(**columns: Any) -> Trace:
    """A trace of one battery at 50 %; `load`, `grid`, `watts` and `shown` are lists, the rest follows."""
    length = len(next(iter(columns.values())))
    watts = columns.get("watts", [0.0] * length)
    load = columns.get("load", [0.0] * length)
    grid = columns.get("grid", [one - other for one, other in zip(load, watts, strict=True)])
    return Trace(
        step_s=1.0,
        start_at=datetime(2026, 2, 16, tzinfo=UTC),
        load=array("d", load),
        pv=array("d", [0.0] * length),
        grid=array("d", grid),
        relieved=array("d", grid),
        ess={"bms": array("d", watts)},
        shown={"bms": array("d", columns.get("shown", [50.0] * length))},
    )


@pytest.mark.parametrize(
    ("columns", "connection", "expected"),
    [
        ({"watts": [3000, -2000]}, ANY_CONNECTION, 0),
        ({"watts": [3001, -2001]}, ANY_CONNECTION, 2),
        ({"watts": [1, 1], "shown": [10, 10.1]}, ANY_CONNECTION, 1),
        ({"watts": [-1, -1], "shown": [90, 89.9]}, ANY_CONNECTION, 1),
        ({"load": [5000], "watts": [2000]}, Connection(3000, 9000), 0),
        ({"load": [5002], "watts": [2000]}, Connection(3000, 9000), 1),
        ({"load": [7000], "watts": [3000]}, Connection(3000, 9000), 0),  # it gives all that it has
        ({"load": [5002], "watts": [0], "shown": [10]}, Connection(3000, 9000), 0),  # it must not give
        ({"load": [-5002], "watts": [0]}, Connection(3000, 5000), 1),
        ({"load": [-5002], "watts": [0], "shown": [90]}, Connection(3000, 5000), 0),
    ],
)
def test_a_limit_that_was_left_is_counted(columns: Any, connection: Connection, expected: int) -> None:
    assert limit_violations(traced(**columns), [LOSSLESS], connection) == expected


@pytest.mark.parametrize(
    ("grid", "avoidable"),
    [
        ([1020.0] * 100, 0),  # within what a meter can tell
        ([1021.0] * SETTLING_CYCLES, 0),
        ([1021.0] * (SETTLING_CYCLES + 5), 5),
    ],
)
def test_a_peak_counts_once_the_filter_has_had_its_time(grid: list[float], avoidable: int) -> None:
    trace = traced(grid=grid, load=[1500.0] * len(grid), watts=[400.0] * len(grid))
    peaks = judge_peaks(trace, [1000.0] * len(grid), [LOSSLESS])
    assert (peaks.avoidable, peaks.held_back, peaks.unavoidable) == (avoidable, avoidable, 0)


def test_a_battery_that_gives_all_it_has_is_not_held_back() -> None:
    grid = [1500.0] * 30
    trace = traced(grid=grid, load=[1500.0] * 30, watts=[0.0] * 30, shown=[10.0] * 30)
    peaks = judge_peaks(trace, [1000.0] * 30, [LOSSLESS])
    assert (peaks.avoidable, peaks.held_back) == (10, 0)  # the energy had been spent before


@pytest.fixture(scope="module")
def house() -> HouseSource:
    return read_site(SHIPPED / "example_site.json").house


@pytest.mark.parametrize("seconds", [60, 1800, 3600, 86_400, 7 * 86_400])
def test_the_recorded_use_is_integrated_exactly(house: HouseSource, seconds: int) -> None:
    step = 10
    moments = range(0, seconds, step)
    sampled = sum(house.at(_after(house, at + step / 2)).load_watts for at in moments) * step / 3600
    assert recorded_wh(house, seconds) == pytest.approx(sampled, rel=1e-5)


def _after(house: HouseSource, seconds: float) -> datetime:
    return datetime.fromtimestamp(house.start_at.timestamp() + seconds, tz=UTC)


def test_the_shipped_example_earns_no_finding() -> None:
    example = json.loads((SHIPPED / "example_document.json").read_text())
    assert schema.check(example) == []
    assert semantics.check(example, profiles=builtin_profiles(), production=True) == []
