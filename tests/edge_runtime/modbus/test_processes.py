"""A simulated site and a runtime, two processes: driven, reconfigured live, killed; the devices tell."""

import json
import signal
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from tests.edge_runtime.modbus.processes import (
    EXAMPLE,
    modbus_runtime,
    modbus_site,
    power,
    run,
    simulated_site,
    with_reversion,
)
from tests.edge_runtime.plant import DEMO, body, changed, device, fixed, only

QUICK = {"core_cycle": {"period_ms": 100}}


def test_a_live_walk_is_seen_by_the_devices(tmp_path: Path) -> None:
    """Thresholds, a removed controller, a new device, a profile and an alarm rule, each while it runs."""
    second = {**EXAMPLE["devices"]["bms_main"], "serial": "BMS-0002"}
    second["modbus"] = {"profile": "sunspec_storage", "host": "10.20.0.21", "base_address": 50000}
    with (
        simulated_site(tmp_path, modbus_site(bms_second=second)) as site,
        modbus_runtime(tmp_path, body(1, **QUICK, **only("ctrlBalancing0")), site) as runtime,
    ):
        site.until(lambda state: abs(power(state, "meter_grid")) < 60)
        target = changed("scheduler", ("controllers", 2, "parameters", "target_grid_power"), 1000)
        scheduler = {"controllers": target["scheduler"]["controllers"][2:]}
        runtime.offer(body(2, **QUICK, scheduler=scheduler))
        site.until(lambda state: abs(power(state, "meter_grid") - 1000) < 60)
        runtime.offer(body(3, **QUICK, scheduler={"controllers": []}))
        site.until(lambda state: power(state) == 0)
        assert runtime.until(lambda health: health["version"] == 3)["set_points"] == {}

        entries = [*DEMO["modbus_devices"], _second()]
        drive = {"scheduler": {"controllers": [_fixed("bms_second", -700)]}}
        runtime.offer(body(4, **QUICK, modbus_devices=entries, **drive))
        site.until(lambda state: power(state, "bms_second") == -700)
        assert power(site.state()) == 0
        alarm = {"alarms": [{**DEMO["alarms"][0], "threshold": 90}]}
        runtime.offer(body(5, **QUICK, modbus_devices=entries, **drive, **alarm))
        health = runtime.until(lambda health: health["version"] == 5)
        assert [one["id"] for one in health["alarms"]] == ["alarm_soc_low"]
        assert health["reloaded"] == ["alarms"]
        assert power(site.state(), "bms_second") == -700

        inverted = body(6, **QUICK, modbus_devices=entries, **drive, **alarm)
        inverted["profiles"] = deepcopy(inverted["profiles"])  # those that ship are everybody's
        _invert(inverted["profiles"]["sunspec_storage"], "SetActivePower", "ActivePower")
        runtime.offer(inverted)
        site.until(lambda state: power(state, "bms_second") == 700)
        assert runtime.until(lambda health: health["version"] == 6)["set_points"] == {"bms_second": -700}
        assert runtime.health()["failure"] is None

        runtime.process.send_signal(signal.SIGTERM)
        assert runtime.ends() == 0
        site.until(lambda state: power(state) == power(state, "bms_second") == 0)


def test_a_killed_runtime_leaves_no_set_point_behind_its_reversion_time(tmp_path: Path) -> None:
    first = with_reversion(body(1, **QUICK, scheduler={"controllers": [fixed(2000)]}), 2)
    with simulated_site(tmp_path, modbus_site()) as site:
        with modbus_runtime(tmp_path, first, site) as runtime:
            site.until(lambda state: power(state) == 2000)
            runtime.process.send_signal(signal.SIGKILL)
        state = site.until(lambda state: power(state) == 0)
        assert state["bms_main"]["reversions"] == 1


def test_a_runtime_that_was_killed_comes_back_and_settles_what_it_owes(tmp_path: Path) -> None:
    first = with_reversion(body(1, **QUICK, scheduler={"controllers": [fixed(2000)]}), 3000)
    gone = [entry for entry in DEMO["modbus_devices"] if entry["device_id"] != "bms_main"]
    with simulated_site(tmp_path, modbus_site()) as site:
        with modbus_runtime(tmp_path, first, site) as runtime:
            site.until(lambda state: power(state) == 2000)
            runtime.process.send_signal(signal.SIGKILL)
        assert power(site.state()) == 2000
        with modbus_runtime(tmp_path, body(2, **QUICK, modbus_devices=gone), site):
            state = site.until(lambda state: power(state) == 0)
        assert state["bms_main"]["reversions"] == 0


def test_a_battery_that_vanishes_is_an_alarm_and_the_meter_is_read_on(tmp_path: Path) -> None:
    vanishing = modbus_site(bms_main={"defect": {"kind": "exit", "after_s": 1.5}})
    with (
        simulated_site(tmp_path, vanishing) as site,
        modbus_runtime(tmp_path, body(1, **QUICK), site) as runtime,
    ):
        runtime.until(lambda health: health["set_points"].get("bms_main", 0) > 1000)
        health = runtime.until(lambda health: not health["devices"]["bms_main"]["ok"])
        assert health["devices"]["meter_grid"]["ok"] is True
        assert health["failure"] is None
        count = health["cycle"]["count"]
        later = runtime.until(lambda health: health["cycle"]["count"] > count + 20)
        assert "_fail_safe_bms_main" in [alarm["id"] for alarm in later["alarms"]]


def test_a_device_too_slow_for_the_period_is_an_overrun(tmp_path: Path) -> None:
    slow = modbus_site(bms_main={"answer_ms": 120})
    with simulated_site(tmp_path, slow) as site, modbus_runtime(tmp_path, body(1, **QUICK), site) as runtime:
        health = runtime.until(lambda health: health["cycle"]["overruns"] >= 3)
        assert health["cycle"]["measured_ms"] > 120
        assert health["devices"]["bms_main"]["ok"] is True


def test_leaving_a_device_that_hangs_takes_no_longer_than_the_watchdog_allows(tmp_path: Path) -> None:
    core = {"core_cycle": {"period_ms": 400, "supervisor": {"watchdog_timeout_ms": 1500}}}
    hung = modbus_site(bms_main={"defect": {"kind": "hang", "after_s": 1.0}})
    patient = device("bms_main", connection={"timeout_ms": 20_000})
    first = body(1, **core, **patient, scheduler={"controllers": [fixed(500)]})
    with simulated_site(tmp_path, hung) as site, modbus_runtime(tmp_path, first, site) as runtime:
        runtime.until(lambda health: health["set_points"].get("bms_main") == 500)
        runtime.until(lambda health: not health["devices"]["bms_main"]["ok"])
        gone = [entry for entry in DEMO["modbus_devices"] if entry["device_id"] != "bms_main"]
        runtime.offer(body(2, **core, modbus_devices=gone, scheduler={"controllers": []}))
        health = runtime.until(lambda health: health["version"] == 2)
        assert health["failure"] is None
        assert health["cycle"]["restarts"] == 0
        assert "_left_unsafe_bms_main" in [alarm["id"] for alarm in health["alarms"]]


def test_a_recorded_day_passes_faster_than_real_time_on_request(tmp_path: Path) -> None:
    with (
        simulated_site(tmp_path, EXAMPLE, "--speed", "600") as site,
        modbus_runtime(tmp_path, body(1, **QUICK), site),
    ):
        before = site.until(lambda state: state["inverter_pv"]["readings"]["Energy"] > 200)
        site.until(lambda state: state["bms_main"]["readings"]["Soc"] != 60)
        after = site.until(lambda state: state["inverter_pv"]["readings"]["Energy"] > 400)
        assert (
            after["meter_grid"]["readings"]["ExportedEnergy"]
            >= (before["meter_grid"]["readings"]["ExportedEnergy"])
        )


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--field", "modbus", "--site", "x.json"], "--site is for --field recorded"),
        (["--simulation", "x.json", "--site", "x.json"], "--simulation is for --field modbus"),
        ([], "--site is missing"),
        (["--field", "modbus", "--simulation", "/nowhere.json"], "No such file"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(tmp_path: Path, arguments: list[str], why: str) -> None:
    done = run("run", "--dir", str(tmp_path), *arguments)
    assert done.returncode == 2
    assert why in done.stderr


@pytest.mark.parametrize(
    ("site", "why"),
    [
        ({"house": {"load_w": 1, "pv_w": 0}, "devices": {}}, "no device has a modbus member"),
        (modbus_site(bms_main={"modbus": {"profile": "nobodys", "host": "h"}}), "no profile nobodys"),
        (modbus_site(bms_main={"modbus": {"profile": "sunspec_meter"}}), "/devices/bms_main/modbus/host"),
        (
            modbus_site(bms_main={"modbus": {"profile": "x", "protocol": "rtu"}}),
            "/devices/bms_main/modbus/line",
        ),
    ],
)
def test_a_site_that_cannot_be_served_is_refused(tmp_path: Path, site: Any, why: str) -> None:
    (tmp_path / "site.json").write_text(json.dumps(site))
    done = run("simulate-site", "--site", str(tmp_path / "site.json"))
    assert done.returncode == 2
    assert why in done.stderr


def _second() -> dict[str, Any]:
    entry = device("bms_main")["modbus_devices"][1]
    changes = {"device_id": "bms_second", "profile": "sunspec_storage", "expect_serial": "BMS-0002"}
    groups = {"fast": ["ActivePower", "Soc"], "slow": ["State"]}
    connection = {**entry["connection"], "host": "10.20.0.21"}
    return {**entry, **changes, "poll_groups": groups, "connection": connection}


def _fixed(ess_id: str, watts: int) -> dict[str, Any]:
    made = fixed(watts)
    return {**made, "parameters": {"power_watts": watts, "ess_id": ess_id}}


def _invert(profile: dict[str, Any], *names: str) -> None:
    profile["points"] = [
        {**point, "invert": True} if point["name"] in names else point for point in profile["points"]
    ]
