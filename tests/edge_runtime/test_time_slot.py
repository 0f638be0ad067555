"""Peak shaving in a time slot: the site's own clock, its 23 and 25 hour days, and when it recharges."""

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_runtime.checking import check_file
from edge_runtime.classes import make_controller
from edge_runtime.controllers import Controller, ControllerInitError, Inputs
from edge_runtime.interval import Interval
from edge_runtime.limits import LocalLimits
from edge_runtime.slots import DAYS, WeeklySlot
from tests.edge_runtime.plant import body

WIDE = Interval(-50_000, 50_000)
BERLIN = "Europe/Berlin"
MONDAY_NOON = datetime(2026, 2, 16, 11, tzinfo=UTC)
MONDAY_EVENING = datetime(2026, 2, 16, 17, tzinfo=UTC)
PARAMETERS = {
    "threshold_watts": 10_000,
    "recharge_enabled": True,
    "recharge_threshold_watts": 5_000,
    "reserve_soc": 0,
    "days": ["mon", "tue", "wed", "thu", "fri"],
    "start_time": "17:00",
    "end_time": "20:00",
    "time_zone": BERLIN,
    "hysteresis_soc": 10,
}


def controller(**changes: object) -> Controller:
    return make_controller("ctrlSlot0", "TimeSlotPeakShavingController", {**PARAMETERS, **changes})


def seen(grid: float, *, soc: float | None = 50, at: datetime = MONDAY_EVENING, ess: float = 0) -> Inputs:
    return Inputs(grid_watts=grid, ess_watts=ess, soc_percent=soc, power=WIDE, at_s=0, now_at=at, soc_max=95)


def slot(start: str, end: str, *, days: tuple[str, ...] = DAYS, zone: str = BERLIN) -> WeeklySlot:
    return WeeklySlot(
        days=days, start=time.fromisoformat(start), end=time.fromisoformat(end), zone=ZoneInfo(zone)
    )


def hours_open(slot: WeeklySlot, day: str) -> float:
    """How long the slot is open in the three days around a day, looked at every five minutes."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(days=1)
    return sum(slot.is_open(start + timedelta(minutes=5 * step)) for step in range(12 * 72)) / 12


def test_a_peak_inside_the_slot_is_cut() -> None:
    assert controller().act(seen(14_000), WIDE).low > 0


def test_a_peak_outside_the_slot_is_left_alone() -> None:
    assert controller().act(seen(14_000, at=MONDAY_NOON), WIDE) == WIDE


def test_a_day_that_is_not_named_has_no_slot() -> None:
    saturday = MONDAY_EVENING + timedelta(days=5)
    assert controller().act(seen(14_000, at=saturday), WIDE) == WIDE


def test_outside_the_slot_charging_may_draw_more_than_the_peak() -> None:
    assert controller().act(seen(8_000, at=MONDAY_NOON), WIDE).low == WIDE.low
    assert controller().act(seen(8_000), WIDE).low == -2_000


def test_the_battery_is_recharged_outside_the_slot_too() -> None:
    assert controller().act(seen(1_000, at=MONDAY_NOON), WIDE).high < 0


def test_a_full_battery_is_recharged_again_only_below_its_hysteresis() -> None:
    slotted = controller()
    charges = [
        slotted.act(seen(1_000, soc=soc), WIDE).high < 0 for soc in (94, 95, 94, 85.1, 85, 84.9, 86, 94)
    ]
    assert charges == [True, False, False, False, False, True, True, True]


def test_without_a_hysteresis_a_battery_is_topped_up_at_once() -> None:
    slotted = controller(hysteresis_soc=0)
    charges = [slotted.act(seen(1_000, soc=soc), WIDE).high < 0 for soc in (95, 94.9)]
    assert charges == [False, True]


def test_an_unknown_state_of_charge_changes_nothing_that_is_remembered() -> None:
    slotted = controller()
    for soc in (95, None):
        slotted.act(seen(1_000, soc=soc), WIDE)
    assert slotted.act(seen(1_000, soc=90), WIDE).high == WIDE.high


def test_the_reserve_is_kept_outside_the_slot_for_the_peaks_inside() -> None:
    slotted = controller(reserve_soc=60, recharge_enabled=False)
    assert slotted.act(seen(14_000, at=MONDAY_NOON), WIDE).high == 0
    assert slotted.act(seen(14_000), WIDE).high > 0


SPRING, AUTUMN = "2026-03-29", "2026-10-25"  # both are Sundays


@pytest.mark.parametrize(
    ("start", "end", "day", "zone", "hours"),
    [
        ("17:00", "20:00", "2026-02-15", BERLIN, 3),
        ("22:00", "02:00", "2026-02-15", BERLIN, 4),
        ("00:00", "00:00", "2026-02-15", BERLIN, 24),
        ("00:00", "00:00", SPRING, BERLIN, 23),
        ("00:00", "00:00", AUTUMN, BERLIN, 25),
        ("01:00", "04:00", SPRING, BERLIN, 2),
        ("02:00", "03:00", SPRING, BERLIN, 0),
        ("02:30", "03:30", SPRING, BERLIN, 0.5),
        ("01:00", "02:30", SPRING, BERLIN, 1),
        ("22:00", "02:30", SPRING, BERLIN, 4.5),  # from Sunday evening on, when the clock has long moved
        ("01:00", "04:00", AUTUMN, BERLIN, 4),
        ("02:00", "02:30", AUTUMN, BERLIN, 1),
        ("17:00", "20:00", "2026-02-15", "Asia/Kolkata", 3),
        ("12:00", "13:00", "2026-02-15", "Pacific/Kiritimati", 1),
    ],
)
def test_a_slot_is_open_as_long_as_the_clock_of_its_zone_says(
    start: str, end: str, day: str, zone: str, hours: float
) -> None:
    assert hours_open(slot(start, end, days=("sun",), zone=zone), day) == pytest.approx(hours)


def test_a_slot_past_midnight_belongs_to_the_day_on_which_it_started() -> None:
    night = slot("22:00", "02:00", days=("mon",))
    monday_23, tuesday_1, tuesday_2 = (
        datetime(2026, 2, 16, 22, tzinfo=UTC) + timedelta(hours=h) for h in (0, 2, 3)
    )
    assert [night.is_open(at) for at in (monday_23, tuesday_1, tuesday_2)] == [True, True, False]
    assert not night.is_open(monday_23 - timedelta(days=1))
    assert not night.is_open(tuesday_1 - timedelta(days=1))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"time_zone": "Europe/Atlantis"}, "there is no time zone Europe/Atlantis"),
        ({"time_zone": "../etc/passwd"}, "there is no time zone"),
        ({"start_time": "25:00"}, "start_time is no time of day"),
        ({"end_time": None}, "parameter end_time is missing"),
        ({"days": ["someday"]}, "days must list days: mon"),
        ({"hysteresis_soc": "much"}, "hysteresis_soc is not a number"),
    ],
)
def test_a_slot_that_cannot_be_made_says_why(changes: dict[str, object], reason: str) -> None:
    with pytest.raises(ControllerInitError, match=reason):
        controller(**changes)


@pytest.mark.parametrize(("zone", "errors"), [(BERLIN, 0), ("Europe/Atlantis", 1)])
def test_a_zone_that_this_machine_does_not_know_is_refused_before_it_is_applied(
    tmp_path: Path, zone: str, errors: int
) -> None:
    entry = {"id": "ctrlSlot0", "class": "TimeSlotPeakShavingController", "execution_order": 1}
    parameters = {**PARAMETERS, "time_zone": zone}
    path = tmp_path / "document.json"
    path.write_text(json.dumps(body(scheduler={"controllers": [{**entry, "parameters": parameters}]})))
    assert [(found["path"], found["detail"]) for found in check_file(path, LocalLimits()).errors] == [
        ("/scheduler/controllers/ctrlSlot0/parameters/time_zone", "there is no time zone Europe/Atlantis")
    ][:errors]
