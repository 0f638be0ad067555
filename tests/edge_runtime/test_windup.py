"""A filter that was overruled for long is there at once when its turn comes."""

import copy
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.interval import Interval
from edge_runtime.pid import PidFilter
from edge_runtime.recording import Moment
from tests.edge_runtime.plant import Bench, bench, body, device, only, site

LONG = 300


def house(plant: Bench, load: float, pv: float = 0) -> None:
    """From now on the house uses and makes so much."""
    object.__setattr__(plant.house._site.house.recording, "hours", (Moment(load, pv),))


def test_a_peak_is_held_when_the_battery_reaches_its_reserve(tmp_path: Path) -> None:
    """Balancing gave more than the peak needed all along; at the reserve it may not, and the peak remains."""
    made = copy.deepcopy(only("ctrlPeakShaving0", "ctrlBalancing0"))
    made["scheduler"]["controllers"][0]["parameters"] |= {"threshold_watts": 2900, "reserve_soc": 20}
    plant = bench(tmp_path, site(bms_main={"initial_soc": 20.5}))
    plant.load(body(**made))
    grids = []
    for _ in range(LONG):
        plant.turn()
        grids.append(plant.power("meter_grid"))
    assert plant.house.readings("bms_main")["Soc"] <= 20
    assert max(grids[15:]) <= 2905


@pytest.mark.parametrize(
    ("soc", "before", "after", "sign"),
    [(100, (200, 3200), (1500, 0), 1), (5, (3000, 0), (200, 1700), -1)],
    ids=["full at noon", "empty at night"],
)
def test_a_battery_at_its_limit_turns_round_at_once(
    tmp_path: Path, soc: float, before: tuple[int, int], after: tuple[int, int], sign: int
) -> None:
    plant = bench(tmp_path, site(bms_main={"initial_soc": soc}))
    plant.load(body(**only("ctrlBalancing0"), **device("bms_main", limits={"soc_min": 5, "soc_max": 95})))
    house(plant, *before)
    plant.turn(LONG)
    assert plant.power() == 0
    house(plant, *after)
    plant.turn(2)
    assert sign * plant.power() > 400
    plant.turn(15)
    assert plant.power("meter_grid") == pytest.approx(0, abs=60)


def test_a_slow_ramp_is_not_followed_by_an_overshoot(tmp_path: Path) -> None:
    limits = {"ramp_w_per_s": 100, "max_discharge_w": 5000}
    plant = bench(tmp_path)
    plant.load(body(**only("ctrlBalancing0"), **device("bms_main", limits=limits)))
    powers = []
    for _ in range(120):
        plant.turn()
        powers.append(plant.power())
    assert powers[:3] == [50, 100, 150]  # 100 W/s over periods of 500 ms
    assert max(powers) <= 3060


@pytest.mark.parametrize("sent", [None, 0.0, -2000.0])
def test_the_sum_goes_on_from_what_was_sent(sent: float | None) -> None:
    pid, limits = PidFilter(), Interval(-5000, 5000)
    first = pid.next(target=1000, measured=0, limits=limits, sent=None)
    again = pid.next(target=1000, measured=0, limits=limits, sent=sent)
    expected: dict[Any, float] = {None: 300 + 0.3 * 1000, 0.0: 300, -2000.0: 300 - 2000}
    assert first == 300
    assert again == pytest.approx(expected[sent])


def test_a_set_point_that_was_only_rounded_changes_nothing() -> None:
    one, other, limits = PidFilter(), PidFilter(), Interval(-5000, 5000)
    for measured in (0.0, 317.4, 511.6, 702.3):
        asked = one.next(target=1234.5, measured=measured, limits=limits)
        assert other.next(target=1234.5, measured=measured, limits=limits, sent=None) == asked
    fresh, sent = PidFilter(), None
    outs = []
    for measured in (0.0, 317.4, 511.6, 702.3):
        outs.append(fresh.next(target=1234.5, measured=measured, limits=limits, sent=sent))
        sent = float(round(outs[-1]))
    assert outs[-1] == asked
