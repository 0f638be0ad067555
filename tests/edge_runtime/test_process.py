"""The runtime as a real process: signals, files, overruns, crashes, hangs."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.edge_runtime.plant import (
    EXAMPLE_SITE,
    REPOSITORY,
    Json,
    body,
    changed,
    device,
    running,
    site,
)

QUICK = {"core_cycle": {"period_ms": 100}}


def test_the_health_file_has_the_agreed_shape(tmp_path: Path) -> None:
    with running(tmp_path, body(7)) as runtime:
        health = runtime.until(lambda health: health["cycle"]["count"] >= 2)
    assert health["version"] == 7
    assert health["digest"] == f"{7:064x}"
    assert health["failure"] is None
    assert set(health["cycle"]) >= {"count", "period_ms", "measured_ms", "overruns", "last_at"}
    assert health["cycle"]["period_ms"] == 500
    assert health["controllers"]["ctrlBalancing0"] == {"state": "ok", "error": None}
    assert set(health["devices"]["bms_main"]) == {"ok", "last_read_at", "errors"}
    assert health["alarms"] == []


def test_the_recorded_house_is_balanced(tmp_path: Path) -> None:
    with running(tmp_path, body(**QUICK), EXAMPLE_SITE, "--speed", "60") as runtime:
        health = runtime.until(lambda health: health["cycle"]["count"] >= 30)
    assert health["set_points"]["bms_main"] != 0
    assert health["cycle"]["overruns_total"] == 0


def test_a_hangup_takes_in_the_changed_section_only(tmp_path: Path) -> None:
    with running(tmp_path, body(1, **QUICK)) as runtime:
        first = runtime.until(lambda health: health["version"] == 1 and health["cycle"]["count"] > 3)
        runtime.offer(body(2, **QUICK, **changed("alarms", (0, "threshold"), 90)))
        second = runtime.until(lambda health: health["version"] == 2)
    assert second["reloaded"] == ["alarms"]
    assert second["boot_id"] == first["boot_id"]
    assert second["cycle"]["count"] > first["cycle"]["count"]
    assert [alarm["id"] for alarm in second["alarms"]] == ["alarm_soc_low"]


def test_a_period_is_changed_without_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, body(1)) as runtime:
        runtime.until(lambda health: health["version"] == 1)
        runtime.offer(body(2, **QUICK))
        health = runtime.until(lambda health: health["version"] == 2)
    assert health["cycle"]["period_ms"] == 100
    assert health["reloaded"] == ["core_cycle"]


def test_a_runtime_without_a_document_waits_for_one(tmp_path: Path) -> None:
    with running(tmp_path, None) as runtime:
        empty = runtime.until(lambda health: health["version"] == 0)
        assert empty["failure"] is None
        runtime.offer(body(3, **QUICK))
        runtime.until(lambda health: health["version"] == 3)


def test_an_unreadable_document_leaves_the_running_one_alone(tmp_path: Path) -> None:
    with running(tmp_path, body(1, **QUICK)) as runtime:
        runtime.until(lambda health: health["version"] == 1)
        (runtime.directory / "document.json").write_text("{")
        runtime.process.send_signal(signal.SIGHUP)
        health = runtime.until(lambda health: health["failure"] is not None)
        assert health["failure"]["code"] == "document_unreadable"
        count = health["cycle"]["count"]
        runtime.until(lambda health: health["cycle"]["count"] > count)
        runtime.offer(body(2, **QUICK))
        runtime.until(lambda health: health["version"] == 2 and health["failure"] is None)


def test_an_absurd_request_gap_really_overruns_the_period(tmp_path: Path) -> None:
    slow = device("bms_main", connection={"min_request_gap_ms": 140})
    with running(tmp_path, body(**QUICK, **slow)) as runtime:
        health = runtime.until(lambda health: health["cycle"]["overruns"] >= 3)
        runtime.until(lambda health: any(alarm["id"] == "_cycle_overrun" for alarm in health["alarms"]))
    assert health["cycle"]["measured_ms"] > 140


def test_devices_on_different_buses_do_not_wait_for_each_other(tmp_path: Path) -> None:
    gap = {"connection": {"min_request_gap_ms": 60}}
    devices = device("bms_main", **gap)["modbus_devices"]
    devices[0]["connection"] |= gap["connection"]
    devices[2]["connection"] |= gap["connection"]
    for entry in devices:
        entry["poll_groups"] = {"fast": ["ActivePower"], "slow": []}
    with running(tmp_path, body(modbus_devices=devices, **QUICK, scheduler={"controllers": []})) as runtime:
        health = runtime.until(lambda health: health["cycle"]["count"] > 10)
    assert health["cycle"]["overruns_total"] < health["cycle"]["count"]


@pytest.mark.parametrize(("auto_recovery", "restarts"), [(True, 1), (False, 0)])
def test_a_crash_outside_a_controller_is_reported(tmp_path: Path, auto_recovery: bool, restarts: int) -> None:
    core = {"core_cycle": {"period_ms": 100, "supervisor": {"auto_recovery": auto_recovery}}}
    crashing = site(inverter_pv={"defect": {"kind": "crash", "after_s": 0.5}})
    with running(tmp_path, body(4, **core), crashing) as runtime:
        health = runtime.until(lambda health: health["failure"] is not None and not health["cycle"]["alive"])
        assert health["version"] == 4
        assert health["failure"]["code"] == "core_cycle_crashed"
        assert "inverter_pv: the driver crashed" in health["failure"]["detail"]
        assert health["cycle"]["restarts"] == restarts
        rest = [entry for entry in body()["modbus_devices"] if entry["device_id"] != "inverter_pv"]
        runtime.offer(body(5, **core, modbus_devices=rest))
        again = runtime.until(lambda health: health["version"] == 5 and health["cycle"]["alive"])
    assert again["failure"] is None


def test_a_hanging_driver_is_found_by_the_watchdog(tmp_path: Path) -> None:
    core = {"core_cycle": {"period_ms": 100, "supervisor": {"watchdog_timeout_ms": 400}}}
    hanging = site(inverter_pv={"defect": {"kind": "hang", "after_s": 0.3}})
    with running(tmp_path, body(**core), hanging) as runtime:
        health = runtime.until(lambda health: health["failure"] is not None and not health["cycle"]["alive"])
        assert health["failure"]["code"] == "watchdog"
        runtime.process.terminate()
        assert runtime.ends() == 0


def test_a_terminated_runtime_leaves_the_battery_safe(tmp_path: Path) -> None:
    with running(tmp_path, body(**QUICK)) as runtime:
        runtime.until(lambda health: health["set_points"].get("bms_main", 0) > 0)
        runtime.process.terminate()
        assert runtime.ends() == 0
        assert runtime.health()["set_points"] == {}
        assert "'bms_main': True" in runtime.log.read_text()


def test_controllers_of_another_battery_than_expected_fail_their_init(tmp_path: Path) -> None:
    with running(tmp_path, body(1, **QUICK)) as runtime:
        runtime.until(lambda health: health["version"] == 1)
        runtime.offer(body(2, **QUICK, **device("bms_main", expect_serial="OTHER")))
        health = runtime.until(lambda health: health["version"] == 2)
    failed = health["controllers"]["ctrlBalancing0"]
    assert failed["state"] == "init_failed"
    assert failed["error"].startswith("controller init failed: ctrlBalancing0: bms_main has serial")


def check(tmp_path: Path, made: Json, *more: str) -> tuple[int, list[Json]]:
    path = tmp_path / "checked.json"
    path.write_text(json.dumps(made))
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "check", str(path), *more],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, json.loads(done.stdout)["errors"]


def test_a_fit_document_passes_the_check(tmp_path: Path) -> None:
    assert check(tmp_path, body()) == (0, [])


def test_an_unknown_class_is_left_to_its_init(tmp_path: Path) -> None:
    schedule = {
        "id": "ctrlSchedule0",
        "class": "ScheduleController",
        "execution_order": 1,
        "parameters": {"schedule_device_id": "bms_main", "fallback": "idle"},
    }
    assert check(tmp_path, body(scheduler={"controllers": [schedule]})) == (0, [])


def test_a_host_outside_the_local_limits_is_refused(tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"
    limits.write_text(json.dumps({"allowed_hosts": ["10.20.0.10", "10.20.0.12"]}))
    status, errors = check(tmp_path, body(), "--limits", str(limits))
    assert status == 1
    assert errors == [
        {
            "path": "/modbus_devices/bms_main/connection/host",
            "rule": "local_limits",
            "detail": "the host 10.20.0.11 is not allowed here",
        }
    ]


def test_a_document_without_its_sections_is_refused_with_paths(tmp_path: Path) -> None:
    status, errors = check(tmp_path, {"version": 1})
    assert status == 1
    assert errors


def test_a_safe_mode_document_passes_the_check(tmp_path: Path) -> None:
    made = body(safe_mode=True)
    del made["scheduler"]
    assert check(tmp_path, made) == (0, [])


@pytest.mark.parametrize(
    "broken", [{"devices": {"x": {"kind": "toaster"}}, "house": {"load_w": 1, "pv_w": 0}}]
)
def test_a_broken_site_file_ends_the_start_in_one_sentence(tmp_path: Path, broken: Json) -> None:
    with running(tmp_path, body(), broken) as runtime:
        assert runtime.ends() == 2
    assert "/devices/x/kind: must be one of battery" in runtime.log.read_text()
