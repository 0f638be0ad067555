"""What each controller leaves to the ones after it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from edge_runtime.classes import make_controller
from edge_runtime.controllers import (
    STATE_DWELL_S,
    Balancing,
    Controller,
    ControllerInitError,
    FixActivePower,
    Inputs,
    LimitTotalDischarge,
)
from edge_runtime.interval import Interval
from edge_runtime.peak_shaving import PeakShaving, Shaving

WIDE = Interval(-50_000, 50_000)


def inputs(
    *, grid: float | None = 0, ess: float | None = 0, soc: float | None = 50, at_s: float = 0
) -> Inputs:
    now_at = datetime(2026, 2, 16, 10, tzinfo=UTC)
    return Inputs(grid_watts=grid, ess_watts=ess, soc_percent=soc, power=WIDE, at_s=at_s, now_at=now_at)


def in_order(inputs: Inputs, *controllers: Controller) -> Interval:
    left = inputs.power
    for controller in controllers:
        left = controller.act(inputs, left)
    return left


def guard(**changes: float | None) -> LimitTotalDischarge:
    facts: dict[str, float | None] = {"min_soc": 15, "force_charge_soc": 10, "force_charge_watts": 5000}
    return LimitTotalDischarge(**{**facts, **changes})  # type: ignore[arg-type]


def shaving(recharge: float | None = None, reserve: float = 0) -> PeakShaving:
    return PeakShaving(
        Shaving(threshold_watts=100_000, recharge_threshold_watts=recharge, reserve_soc=reserve)
    )


def balancing(deadband: float = 0) -> Balancing:
    return Balancing(target_grid_watts=0, deadband_watts=deadband)


def test_the_earlier_controller_wins_as_in_the_documented_example() -> None:
    left = in_order(inputs(grid=20_000, soc=8), guard(), FixActivePower(power_watts=20_000))
    assert left == Interval(-5000, -5000)


def test_balancing_after_a_forced_charge_gives_the_same_result() -> None:
    assert in_order(inputs(grid=20_000, soc=8), guard(), balancing()).least_effort == -5000


def test_peak_shaving_sends_the_golden_vector_through_the_whole_chain() -> None:
    controller, sent = shaving(recharge=50_000), []
    for ess in [0, 0, 3793, 8981, 13723, 17469, 20066]:
        left = in_order(inputs(grid=120_000 - ess, ess=ess), controller)
        sent.append(round(left.least_effort))
    assert sent == [6000, 12000, 16483, 19649, 21577, 22436, 22531]


def test_idle_peak_shaving_leaves_the_discharge_to_others() -> None:
    left = in_order(inputs(grid=70_000), shaving(recharge=50_000))
    assert left == Interval(-30_000, 50_000)  # only charging that would itself make a peak is cut off


def test_peak_shaving_leaves_more_discharge_to_balancing() -> None:
    settled, both = shaving(), balancing()
    left = in_order(inputs(grid=80_000, ess=40_000), settled, both)
    assert left.low == left.high
    assert left.least_effort > 20_000


def test_recharging_asks_for_at_least_its_power_and_never_makes_a_peak() -> None:
    left = in_order(inputs(grid=40_000, ess=-10_000), shaving(recharge=50_000))
    assert left.high < 0
    assert left.low == -50_000


def test_peak_shaving_without_recharge_asks_for_nothing_below_the_peak() -> None:
    assert in_order(inputs(grid=0), shaving()) == WIDE


def test_the_reserve_is_kept_for_peaks() -> None:
    controller = shaving(reserve=40)
    assert in_order(inputs(grid=10_000, soc=40), controller).high == 0
    peak = in_order(inputs(grid=120_000, soc=40), controller)
    assert peak.low == peak.high == 6000
    assert in_order(inputs(grid=10_000, soc=41), shaving(reserve=40)).high == 50_000


def test_balancing_holds_its_set_point_inside_the_deadband() -> None:
    controller = balancing(deadband=50)
    sent = in_order(inputs(grid=1000), controller).least_effort
    inside = inputs(grid=50, ess=290)
    assert in_order(replace(inside, sent_watts=sent), controller).least_effort == sent
    assert in_order(inside, controller).least_effort == 290  # nobody knows what stands there
    beyond = inputs(grid=-50, ess=310)
    assert in_order(replace(beyond, sent_watts=sent), controller).least_effort == sent


@pytest.mark.parametrize("controller", [balancing(), shaving()], ids=["balancing", "peak shaving"])
@pytest.mark.parametrize("unknown", [inputs(grid=None), inputs(ess=None)], ids=["grid", "ess"])
def test_a_controller_says_nothing_about_what_it_cannot_see(controller: Controller, unknown: Inputs) -> None:
    assert in_order(unknown, controller) == WIDE


@pytest.mark.parametrize(
    ("soc", "high"), [(16, 50_000), (15, 0), (11, 0), (10, -5000), (0, -5000), (None, 0)]
)
def test_the_battery_guard_follows_the_state_of_charge(soc: float | None, high: float) -> None:
    assert in_order(inputs(soc=soc), guard()).high == high


def test_a_forced_charge_without_a_power_takes_a_fifth_of_the_largest() -> None:
    assert in_order(inputs(soc=5), guard(force_charge_watts=None)).high == -10_000


def test_the_battery_guard_loosens_only_after_its_dwell_time() -> None:
    controller = guard()
    assert in_order(inputs(soc=9, at_s=0), controller).high == -5000
    assert in_order(inputs(soc=11, at_s=STATE_DWELL_S - 1), controller).high == -5000
    assert in_order(inputs(soc=11, at_s=STATE_DWELL_S), controller).high == 0
    assert in_order(inputs(soc=9, at_s=STATE_DWELL_S + 1), controller).high == -5000  # stricter at once


@pytest.mark.parametrize("name", ["ScheduleController", "NoSuchController"])
def test_a_class_that_this_runtime_lacks_fails_its_init_in_words(name: str) -> None:
    with pytest.raises(ControllerInitError) as refused:
        make_controller("ctrl0", name, {})
    assert str(refused.value) == f"controller init failed: ctrl0: this runtime has no {name}"


def test_a_parameter_that_is_missing_fails_the_init_by_name() -> None:
    with pytest.raises(ControllerInitError, match="controller init failed: ctrl0: parameter power_watts"):
        make_controller("ctrl0", "FixActivePowerController", {})
