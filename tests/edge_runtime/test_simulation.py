"""Recorded days under the real controllers, and that what judges them can tell good from bad."""

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from edge_protocol.registry import builtin_profiles, named_profiles
from edge_runtime.document import make_document
from edge_runtime.limits import LocalLimits
from edge_runtime.recording import SHIPPED
from edge_runtime.simulation.report import Report, judge
from edge_runtime.simulation.run import simulate
from edge_runtime.site import read_site
from tests.edge_runtime.plant import EXAMPLE_SITE, REPOSITORY

Json = dict[str, Any]
EXAMPLE: Json = json.loads((SHIPPED / "example_document.json").read_text())
SIX = {
    "energy_balance_error",
    "limit_violations",
    "peak_violations_avoidable",
    "cycles",
    "overruns",
    "alarms",
}


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "edge_runtime", "simulate", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )


def simulated(
    tmp_path: Path,
    controllers: list[Json] | None = None,
    *,
    battery: Json | None = None,
    limits: LocalLimits | None = None,
    period_ms: int = 5000,
    **devices: Json,
) -> Report:
    """Twelve hours from noon, whose evening needs the battery, with parts of the example replaced."""
    made = copy.deepcopy(EXAMPLE)
    made["core_cycle"]["period_ms"] = period_ms
    made["scheduler"]["controllers"] = controllers or made["scheduler"]["controllers"]
    for entry in made["modbus_devices"]:
        entry.setdefault("limits", {}).update(devices.get(entry["device_id"], {}))
    made["profiles"] = named_profiles(made, builtin_profiles())
    site_body = copy.deepcopy(EXAMPLE_SITE)
    site_body["house"]["start_at"] = "2016-03-05T12:00:00Z"
    site_body["devices"]["bms_main"] |= battery or {}
    path = tmp_path / "site.json"
    path.write_text(json.dumps(site_body))
    document, site, allowed = make_document(made), read_site(path), limits or LocalLimits()
    return judge(document, site, allowed, simulate(document, site, allowed, days=0.5, clock=lambda: 0.0))


def controllers(**changes: Json) -> list[Json]:
    """The example's controllers with parameters replaced."""
    made = copy.deepcopy(EXAMPLE["scheduler"]["controllers"])
    for entry in made:
        entry["parameters"] |= changes.get(entry["id"], {})
    return list(made)


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> tuple[Json, Path]:
    picture = tmp_path_factory.mktemp("week") / "week.svg"
    arguments = ("--days", "7", "--period-ms", "10000", "--report", "--json", "--chart", str(picture))
    done = command(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), picture


def test_seven_recorded_days_close_hold_and_shave(week: tuple[Json, Path]) -> None:
    report, _ = week
    assert report["energy_balance_error"] <= 0.001
    assert report["limit_violations"] == 0
    assert report["peak_violations_avoidable"] == 0
    assert report["cycles"] == 7 * 86_400 / 10
    assert report["overruns"] == 0
    assert report["alarms"] == sum(alarm["raised"] for alarm in report["alarms_raised"].values()) > 0


def test_the_seven_days_were_no_walk_over(week: tuple[Json, Path]) -> None:
    peaks = week[0]["peaks"]
    assert peaks["import_without_battery_w"] > 1.9 * peaks["threshold_w"]
    assert peaks["import_w"] <= peaks["threshold_w"] + 20
    assert week[0]["batteries"]["bms_main"]["full_cycles"] > 3
    assert {controller["state"] for controller in week[0]["controllers"].values()} == {"ok"}


def test_energy_is_neither_made_nor_lost_in_the_report(week: tuple[Json, Path]) -> None:
    energy, battery = week[0]["energy_wh"], week[0]["batteries"]["bms_main"]
    assert energy["imported"] - energy["exported"] + energy["produced"] + energy[
        "discharged"
    ] == pytest.approx(energy["used"] + energy["charged"], rel=0.001)
    assert battery["end_wh"] - 0.6 * 13_500 < energy["charged"] - energy["discharged"]


def test_the_picture_is_whole_and_light(week: tuple[Json, Path]) -> None:
    root = ElementTree.fromstring(week[1].read_text())
    words = {text.text for text in root.iter("{http://www.w3.org/2000/svg}text")}
    assert {"import", "import without battery", "threshold", "Sun 06 Mar", "100 %"} <= words
    assert week[1].stat().st_size < 100_000


def test_six_facts_and_no_more_are_printed_for_programs() -> None:
    done = command("--days", "0.1", "--period-ms", "10000", "--json")
    assert set(json.loads(done.stdout)) == SIX
    assert done.returncode == 0


def test_the_table_names_everything_that_a_person_asks_for() -> None:
    done = command("--days", "0.2", "--period-ms", "10000")
    for words in (
        "used",
        "energy balance error",
        "highest quarter of an hour",
        "full cycles",
        "alarm",
        "Good.",
    ):
        assert words in done.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--document", "/does/not/exist.json"), "No such file"),
        (("--document", "Makefile"), "Makefile: Expecting value"),
        (("--site", "Makefile"), "not JSON"),
        (("--days", "0"), "must be more than 0"),
        (("--days", "1e9"), "at most 366"),
    ],
)
def test_a_run_that_cannot_begin_says_why(arguments: tuple[str, ...], reason: str) -> None:
    done = command(*arguments)
    assert done.returncode == 2
    assert reason in done.stderr


# --- the judge can tell


def test_balancing_that_runs_first_is_caught(tmp_path: Path) -> None:
    """W12 in numbers: with an equality before it, peak shaving can never act."""
    made = controllers(ctrlBatteryGuard0={"min_soc": 50, "force_charge_soc": 5})
    made[1]["execution_order"], made[2]["execution_order"] = 3, 2
    report = simulated(tmp_path, made, battery={"initial_soc": 40})
    assert report.peaks.avoidable > 0
    assert not report.is_good


def test_a_cycle_too_slow_for_the_filter_is_caught(tmp_path: Path) -> None:
    report = simulated(tmp_path, period_ms=30_000)
    assert report.peaks.avoidable == report.peaks.held_back > 0


def test_energy_that_was_spent_before_the_peak_is_caught(tmp_path: Path) -> None:
    """Nothing kept for peaks, no charging from the grid: the battery could have held them all the same."""
    made = controllers(ctrlPeakShaving0={"reserve_soc": 10, "recharge_enabled": False})
    report = simulated(tmp_path, made, battery={"capacity_wh": 6000, "initial_soc": 40})
    assert report.peaks.avoidable > report.peaks.held_back == 0


@pytest.mark.parametrize(
    "battery", [{"capacity_wh": 700}, {"max_discharge_w": 500}], ids=["too small", "too weak"]
)
def test_what_no_battery_of_this_size_could_hold_is_nobody_s_fault(tmp_path: Path, battery: Json) -> None:
    report = simulated(tmp_path, controllers(ctrlPeakShaving0={"reserve_soc": 100}), battery=battery)
    assert report.peaks.unavoidable > 0
    assert report.peaks.held_back == 0


@pytest.mark.parametrize(
    ("limits", "devices"),
    [
        (LocalLimits(max_discharge_watts=700, max_charge_watts=800), {}),
        (LocalLimits(max_import_watts=1800, max_export_watts=500), {}),
        (LocalLimits(), {"bms_main": {"max_discharge_w": 700, "soc_min": 55, "soc_max": 61}}),
        (LocalLimits(), {"meter_grid": {"max_import_w": 1700, "max_export_w": 300}}),
    ],
)
def test_no_limit_is_left_by_a_watt_wherever_it_stands(
    tmp_path: Path, limits: LocalLimits, devices: dict[str, Json]
) -> None:
    made = [entry for entry in controllers() if entry["id"] == "ctrlBalancing0"]
    report = simulated(tmp_path, made, limits=limits, period_ms=10_000, **devices)
    assert report.limit_violations == 0
    assert report.energy_balance_error <= 0.001


def test_peaks_count_in_their_slot_only(tmp_path: Path) -> None:
    slot = {
        "id": "ctrlSlot0",
        "class": "TimeSlotPeakShavingController",
        "execution_order": 2,
        "parameters": {
            "threshold_watts": 1500,
            "recharge_threshold_watts": 900,
            "start_time": "18:00",
            "end_time": "21:00",
            "time_zone": "Europe/Berlin",
        },
    }
    report = simulated(tmp_path, [slot], period_ms=5000)
    assert report.thresholds.count(1500) == 3 * 3600 / 5
    assert report.peaks.avoidable == report.peaks.unavoidable == 0
    assert max(report.outcome.trace.grid) > 1520  # at other hours
