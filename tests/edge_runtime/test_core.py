"""Turns of the core over the simulated house: what is sent, what is kept, what fails and how."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge_protocol.registry import builtin_profiles, named_profiles
from edge_runtime.controllers import Inputs
from edge_runtime.core import CoreError
from edge_runtime.interval import Interval
from edge_runtime.limits import LocalLimits
from tests.edge_runtime.plant import REPOSITORY, bench, body, changed, device, fixed, only, site


def test_the_battery_takes_over_the_house(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body())
    health = plant.turn(60)
    assert plant.power("meter_grid") == pytest.approx(0, abs=60)
    assert plant.power() == pytest.approx(3000, abs=60)
    assert {post["state"] for post in health["controllers"].values()} == {"ok"}
    assert {answer["ok"] for answer in health["devices"].values()} == {True}
    assert health["alarms"] == []


def test_surplus_is_stored(tmp_path: Path) -> None:
    plant = bench(tmp_path, {**site(), "house": {"load_w": 500, "pv_w": 2500}})
    plant.load(body())
    plant.turn(60)
    assert plant.power() == pytest.approx(-2000, abs=60)


def test_a_peak_is_cut_to_its_threshold(tmp_path: Path) -> None:
    plant = bench(tmp_path, {**site(), "house": {"load_w": 7000, "pv_w": 0}})
    plant.load(body(**only("ctrlPeakShaving0")))
    plant.turn(60)
    assert plant.power("meter_grid") == pytest.approx(4000, abs=20)


def test_an_empty_battery_is_charged_whatever_balancing_asks(tmp_path: Path) -> None:
    plant = bench(tmp_path, site(bms_main={"initial_soc": 8}))
    plant.load(body())
    plant.turn(3)
    assert plant.power() == -1000  # a fifth of 5,000 W


def test_the_priority_example_runs_through_the_whole_core(tmp_path: Path) -> None:
    guard = only("ctrlBatteryGuard0")["scheduler"]["controllers"][0]
    guard["parameters"]["force_charge_power"] = 5000
    big = {"max_charge_w": 50_000, "max_discharge_w": 50_000, "initial_soc": 8}
    plant = bench(tmp_path, site(bms_main=big))
    devices = device("bms_main", limits={"max_charge_w": 50_000, "max_discharge_w": 50_000})
    plant.load(body(scheduler={"controllers": [guard, fixed(20_000)]}, **devices))
    plant.turn()
    assert plant.power() == -5000


def test_local_limits_stand_above_the_document(tmp_path: Path) -> None:
    plant = bench(tmp_path, limits=LocalLimits(max_discharge_watts=1200))
    plant.load(body(scheduler={"controllers": [fixed(4000)]}))
    plant.turn()
    assert plant.power() == 1200


def test_a_ramp_is_kept_from_one_turn_to_the_next(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    limits = device("bms_main", limits={"ramp_w_per_s": 1000, "max_discharge_w": 5000})
    plant.load(body(scheduler={"controllers": [fixed(0)]}, **limits))
    plant.turn()
    plant.load(body(scheduler={"controllers": [fixed(4000)]}, **limits))
    powers = []
    for _ in range(3):
        plant.turn()
        powers.append(plant.power())
    assert powers == [500, 1000, 1500]  # 1,000 W/s over periods of 500 ms


@pytest.mark.parametrize("lost", ["meter_grid", "bms_main"])
def test_a_lost_device_leaves_the_battery_at_rest_and_says_so(tmp_path: Path, lost: str) -> None:
    plant = bench(tmp_path, site(**{lost: {"absent": True}}))
    plant.load(body())
    health = plant.turn(5)
    assert plant.power() == 0 if lost == "meter_grid" else True
    assert [alarm["id"] for alarm in health["alarms"]] == ["_fail_safe_bms_main"]
    assert health["devices"][lost]["ok"] is False
    assert health["devices"][lost]["last_read_at"] is None


def test_a_device_that_fails_is_left_alone_a_little_longer_each_time(tmp_path: Path) -> None:
    plant = bench(tmp_path, site(inverter_pv={"absent": True}))
    plant.load(body())
    errors = [plant.turn()["devices"]["inverter_pv"]["errors"] for _ in range(13)]
    assert errors == [1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4]


def test_a_class_that_this_runtime_lacks_fails_at_init_and_stops_nobody_else(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    schedule = {"id": "ctrlSchedule0", "class": "ScheduleController", "execution_order": 1, "parameters": {}}
    plant.load(body(scheduler={"controllers": [schedule, fixed(700)]}))
    health = plant.turn()
    assert health["controllers"]["ctrlSchedule0"] == {
        "state": "init_failed",
        "error": "controller init failed: ctrlSchedule0: this runtime has no ScheduleController",
    }
    assert health["controllers"]["ctrlFix0"] == {"state": "ok", "error": None}
    assert plant.power() == 700


def test_a_disabled_controller_is_named_and_does_nothing(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body(scheduler={"controllers": [{**fixed(700), "enabled": False}]}))
    assert plant.turn()["controllers"] == {"ctrlFix0": {"state": "disabled", "error": None}}
    assert plant.power() == 0


def test_another_serial_than_expected_is_never_written(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body(**device("bms_main", expect_serial="SOMEBODY-ELSES")))
    health = plant.turn(3)
    assert plant.power() == 0
    reason = "bms_main has serial 'BMS-0001', expected 'SOMEBODY-ELSES': nothing is written"
    assert health["controllers"]["ctrlBalancing0"] == {
        "state": "init_failed",
        "error": f"controller init failed: ctrlBalancing0: {reason}",
    }
    assert health["devices"]["bms_main"]["detail"] == reason


def test_a_battery_that_could_not_be_let_go_is_never_driven(tmp_path: Path) -> None:
    """E08 looks at those that are named; this one is found by its role."""
    plant = bench(tmp_path)
    made = body(scheduler={"controllers": [fixed(3000)]})
    profile = made["profiles"]["tesla_powerwall_2"]
    bare = {name: value for name, value in profile.items() if name not in ("reversion", "safe_writes")}
    plant.load({**made, "profiles": {**made["profiles"], "tesla_powerwall_2": bare}})
    health = plant.turn(3)
    assert plant.power() == 0
    reason = "bms_main has neither a reversion timer nor safe writes: it could not be let go"
    assert health["controllers"]["ctrlFix0"] == {
        "state": "init_failed",
        "error": f"controller init failed: ctrlFix0: {reason}",
    }


def test_the_serial_that_was_expected_changes_nothing(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body(**device("bms_main", expect_serial="BMS-0001")))
    assert plant.turn()["controllers"]["ctrlBalancing0"]["state"] == "ok"


def test_without_a_meter_a_controller_emits_nothing_and_is_well(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    devices = [entry for entry in body()["modbus_devices"] if entry["device_id"] != "meter_grid"]
    plant.load(body(modbus_devices=devices))
    health = plant.turn()
    assert health["controllers"]["ctrlBalancing0"] == {
        "state": "ok",
        "error": None,
        "note": "no grid meter can be resolved: it emits nothing",
    }


def test_a_reload_of_one_section_leaves_the_others_alone(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body())
    plant.turn(20)
    devices = dict(plant.devices.by_id)
    before = plant.power()
    plant.load(body(2, **changed("alarms", (0, "threshold"), 30)))
    assert plant.core.loaded_sections == ("alarms",)
    plant.turn()
    assert dict(plant.devices.by_id) == devices
    assert plant.power() == pytest.approx(before, rel=0.05)  # the filter went on from where it was


def test_a_changed_controller_does_not_disturb_its_neighbours(tmp_path: Path) -> None:
    plant = bench(tmp_path, {**site(bms_main={"initial_soc": 8})})
    plant.load(body())
    plant.turn()
    plant.house.command("bms_main", -5000)
    plant.clock.now_s += 150  # charges past the force bound, well inside the guard's dwell time
    plant.load(body(2, **changed("scheduler", ("controllers", 2, "parameters", "target_grid_power"), 200)))
    plant.turn()
    assert plant.power() == -1000  # the guard remembers that it is still waiting


def test_only_the_changed_device_is_made_again(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body())
    plant.turn()
    before = dict(plant.devices.by_id)
    plant.load(body(2, **device("bms_main", connection={"timeout_ms": 700})))
    after = plant.devices.by_id
    assert after["meter_grid"] is before["meter_grid"]
    assert after["inverter_pv"] is before["inverter_pv"]


def test_a_battery_that_nobody_drives_any_more_is_left_safe(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body(scheduler={"controllers": [fixed(2000)]}))
    plant.turn()
    assert plant.power() == 2000
    plant.load(body(2, scheduler={"controllers": []}))
    plant.turn()
    assert plant.power() == 0


def test_safe_mode_runs_no_controller_and_first_writes_the_safe_state(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body())
    plant.turn(20)
    safe = body(2, safe_mode=True, **changed("alarms", (0, "threshold"), 90))
    plant.load({name: value for name, value in safe.items() if name != "scheduler"})
    health = plant.turn()
    assert plant.power() == 0
    assert health["controllers"] == {}
    assert health["safe_mode"] == {"written": {"meter_grid": True, "bms_main": True, "inverter_pv": True}}
    assert [alarm["id"] for alarm in health["alarms"]] == ["alarm_soc_low"]


def test_a_host_that_local_limits_forbid_is_never_asked(tmp_path: Path) -> None:
    plant = bench(tmp_path, limits=LocalLimits(allowed_hosts=("10.20.0.10", "10.20.0.12/32")))
    plant.load(body())
    health = plant.turn()
    assert health["devices"]["bms_main"]["ok"] is False
    assert health["devices"]["bms_main"]["detail"] == "the local limits do not allow the host 10.20.0.11"
    assert health["devices"]["inverter_pv"]["ok"] is True


def test_a_value_outside_its_valid_range_is_no_value(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    made = body()
    profile = {**made["profiles"]["tesla_powerwall_2"]}
    profile["points"] = [
        {**point, "valid_max": 50} if point["name"] == "Soc" else point for point in profile["points"]
    ]
    made["profiles"] = {**made["profiles"], "tesla_powerwall_2": profile}
    plant.load(made)
    health = plant.turn()
    assert health["devices"]["bms_main"]["ok"] is False
    assert health["devices"]["bms_main"]["detail"].startswith("Soc reads 60")
    assert plant.power() == 0


def test_overruns_in_a_row_raise_an_alarm(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body())
    plant.overruns = 1.0
    assert plant.turn()["alarms"] == []
    plant.overruns = 2.0
    assert [alarm["id"] for alarm in plant.turn()["alarms"]] == ["_cycle_overrun"]


def test_local_limits_hold_for_all_batteries_together(tmp_path: Path) -> None:
    made = site(bms_main={"max_discharge_w": 3000})
    made["devices"]["bms_second"] = {**made["devices"]["bms_main"], "serial": "BMS-0002"}
    devices = body()["modbus_devices"]
    second = {
        **devices[1],
        "device_id": "bms_second",
        "connection": {**devices[1]["connection"], "unit_id": 2},
    }
    both = [
        {**fixed(3000, order), "id": f"ctrlFix{order}", "parameters": {"power_watts": 3000, "ess_id": ess}}
        for order, ess in enumerate(("bms_main", "bms_second"), start=1)
    ]
    plant = bench(tmp_path, made, LocalLimits(max_discharge_watts=4000))
    plant.load(body(modbus_devices=[*devices, second], scheduler={"controllers": both}))
    plant.turn()
    assert [plant.power("bms_main"), plant.power("bms_second")] == [3000, 1000]


def test_the_example_document_of_the_specification_runs_as_it_stands(tmp_path: Path) -> None:
    vectors = json.loads((REPOSITORY / "tests" / "vectors" / "protocol-v1.json").read_text())
    document = vectors["document"]
    plant = bench(tmp_path)
    plant.load({**document, "profiles": named_profiles(document, builtin_profiles())})
    health = plant.turn(3)
    assert {post["state"] for post in health["controllers"].values()} == {"ok"}
    assert all(device["ok"] for device in health["devices"].values())
    assert plant.power() == 0  # no grid meter: nobody asks for anything


def test_the_plant_s_totals_are_channels(tmp_path: Path) -> None:
    plant = bench(tmp_path, {**site(), "house": {"load_w": 3000, "pv_w": 1200}})
    sums = {
        "GridActivePower": 1800,
        "EssActivePower": 0,
        "EssSoc": 60,
        "ProductionActivePower": 1200,
        "ConsumptionActivePower": 3000,
    }
    rule = {"condition": "==", "severity": "info"}
    alarms = [
        {"id": f"a{name}", "channel": f"_sum/{name}", "threshold": value, **rule}
        for name, value in sums.items()
    ]
    plant.load(body(scheduler={"controllers": []}, alarms=alarms))
    assert [alarm["value"] for alarm in plant.turn()["alarms"]] == list(sums.values())


def test_points_of_one_model_cost_one_request(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body(**device("bms_main", poll_groups={"fast": ["ActivePower", "Soc"], "slow": ["State"]})))
    settings = plant.devices.by_id["bms_main"].settings
    models = {settings.points[point]["sunspec"]["model"] for block in settings.fast for point in block}
    assert len(settings.fast) == len(models)


class Breaking:
    """A controller with a bug."""

    needs_grid = False

    def act(self, inputs: Inputs, left: Interval) -> Interval:
        return left.fix(1 / 0)


def test_a_controller_that_throws_is_marked_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = bench(tmp_path)
    plant.load(body(scheduler={"controllers": [{**fixed(0, 1), "id": "ctrlBroken0"}, fixed(900, 2)]}))
    _break(plant, "ctrlBroken0")
    health = plant.turn()
    assert health["controllers"]["ctrlBroken0"]["state"] == "run_failed"
    assert "division by zero" in health["controllers"]["ctrlBroken0"]["error"]
    assert plant.power() == 900


def test_too_many_failures_in_a_row_end_the_cycle(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    plant.load(body(scheduler={"controllers": [fixed(900)]}))
    _break(plant, "ctrlFix0")
    plant.turn(2)
    with pytest.raises(CoreError) as ended:
        plant.turn()
    assert ended.value.code == "max_consecutive_failures"
    assert "ctrlFix0" in str(ended.value)


def _break(plant: Any, controller_id: str) -> None:
    post = next(post for post in plant.core._roster.posts if post.controller_id == controller_id)
    post.controller = Breaking()
