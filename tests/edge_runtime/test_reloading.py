"""The scheduler changed while it runs: what takes effect in the next turn, and what nobody forgets."""

import copy
from pathlib import Path

import pytest

from tests.edge_runtime.plant import DEMO, Bench, Json, bench, body, fixed, site


def controllers(**changes: Json | None) -> list[Json]:
    """The demo's controllers with members of some replaced (`parameters` merged), or left out (None)."""
    made = []
    for entry in copy.deepcopy(DEMO["scheduler"]["controllers"]):
        change = changes.get(entry["id"], {})
        if change is None:
            continue
        entry["parameters"] |= change.get("parameters", {})
        made.append({**entry, **{name: value for name, value in change.items() if name != "parameters"}})
    return made


def settled(tmp_path: Path, load_watts: int = 3000, **changes: Json) -> Bench:
    plant = bench(tmp_path, {**site(**changes), "house": {"load_w": load_watts, "pv_w": 0}})
    plant.load(body())
    plant.turn(60)
    return plant


def change(plant: Bench, made: list[Json]) -> Json:
    plant.load(body(2, scheduler={"controllers": made}))
    return plant.turn()


def test_a_new_target_takes_effect_in_the_next_turn_without_a_jump(tmp_path: Path) -> None:
    plant = settled(tmp_path)
    before = plant.power()
    change(plant, controllers(ctrlBalancing0={"parameters": {"target_grid_power": 300}}))
    first = plant.power()
    assert 0 < before - first < 300  # on its way, not from the beginning
    plant.turn(40)
    assert plant.power("meter_grid") == pytest.approx(300, abs=60)


def test_a_threshold_changes_while_a_peak_is_being_cut(tmp_path: Path) -> None:
    plant = settled(tmp_path, 7000)
    without_balancing = controllers(ctrlBalancing0=None)
    change(plant, without_balancing)
    plant.turn(40)
    assert plant.power("meter_grid") == pytest.approx(4000, abs=20)
    lower = controllers(ctrlBalancing0=None, ctrlPeakShaving0={"parameters": {"threshold_watts": 3500}})
    change(plant, lower)
    assert 3500 < plant.power("meter_grid") < 4000  # never let go of what was cut already
    plant.turn(40)
    assert plant.power("meter_grid") == pytest.approx(3500, abs=20)


def test_another_place_in_the_order_keeps_what_a_controller_remembers(tmp_path: Path) -> None:
    plant = settled(tmp_path)
    before = plant.power()
    change(plant, controllers(ctrlBalancing0={"execution_order": 7}))
    assert plant.power() == pytest.approx(before, abs=5)


def test_the_guard_remembers_its_dwell_time_through_new_bounds(tmp_path: Path) -> None:
    plant = settled(tmp_path, bms_main={"initial_soc": 8})
    plant.house.command("bms_main", -5000)
    plant.clock.now_s += 150  # above both bounds, old and new, but not for five minutes yet
    change(plant, controllers(ctrlBatteryGuard0={"parameters": {"min_soc": 9, "force_charge_soc": 7}}))
    assert plant.power() < 0


def test_an_order_turned_round_decides_the_same_turn(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    one, other = {**fixed(500, 1), "id": "ctrlOne0"}, {**fixed(900, 2), "id": "ctrlOther0"}
    plant.load(body(scheduler={"controllers": [one, other]}))
    plant.turn()
    assert plant.power() == 500
    change(plant, [{**one, "execution_order": 3}, other])
    assert plant.power() == 900


def test_a_controller_switched_off_and_on_again_begins_anew_in_one_turn(tmp_path: Path) -> None:
    plant = settled(tmp_path)
    health = change(plant, controllers(ctrlBalancing0={"enabled": False}))
    assert health["controllers"]["ctrlBalancing0"]["state"] == "disabled"
    assert plant.power() == 0  # nobody asks for anything: peak shaving is idle
    health = change(plant, controllers())
    assert health["controllers"]["ctrlBalancing0"]["state"] == "ok"
    assert plant.power() > 0


def test_a_removed_controller_is_gone_and_a_new_one_acts_in_the_same_turn(tmp_path: Path) -> None:
    plant = settled(tmp_path)
    health = change(plant, [*controllers(ctrlBalancing0=None), fixed(1200)])
    assert set(health["controllers"]) == {"ctrlBatteryGuard0", "ctrlPeakShaving0", "ctrlFix0"}
    assert plant.power() == 1200


def test_parameters_that_cannot_be_used_fail_that_controller_alone(tmp_path: Path) -> None:
    plant = settled(tmp_path)
    slot = {
        "id": "ctrlSlot0",
        "class": "TimeSlotPeakShavingController",
        "execution_order": 9,
        "parameters": {
            "threshold_watts": 1,
            "start_time": "1:00",
            "end_time": "2:00",
            "time_zone": "Mars/Base",
        },
    }
    health = change(plant, [*controllers(), slot])
    assert health["controllers"]["ctrlSlot0"]["state"] == "init_failed"
    assert health["controllers"]["ctrlBalancing0"]["state"] == "ok"


def test_another_battery_finds_a_controller_without_memories(tmp_path: Path) -> None:
    made = site()
    made["devices"]["bms_other"] = {**made["devices"]["bms_main"], "serial": "BMS-0002"}
    plant = bench(tmp_path, made)
    devices = body()["modbus_devices"]
    plant.load(body())
    plant.turn(60)
    assert plant.power() > 2900
    other = {**devices[1], "device_id": "bms_other"}
    plant.load(body(2, modbus_devices=[devices[0], other, devices[2]]))
    plant.turn()
    assert plant.power("bms_other") < 2000  # it starts from what this battery gives, not from the other's sum


def test_a_disabled_controller_is_not_in_a_fault_state_to_alarms(tmp_path: Path) -> None:
    plant = bench(tmp_path)
    rule = {"id": "alarm0", "channel": "ctrlBalancing0/State", "condition": ">", "threshold": 0}
    plant.load(body(scheduler={"controllers": controllers(ctrlBalancing0={"enabled": False})}, alarms=[rule]))
    assert plant.turn()["alarms"] == []


def test_another_name_disturbs_nothing(tmp_path: Path) -> None:
    plant = settled(tmp_path)
    before, power = dict(plant.devices.by_id), plant.power()
    devices = copy.deepcopy(DEMO["modbus_devices"])
    for entry in devices:
        entry["name"] = f"The {entry['device_id']} of the house"
    named = controllers(ctrlBalancing0={"name": "Self-consumption"})
    plant.load(body(2, modbus_devices=devices, scheduler={"controllers": named}))
    plant.turn()
    assert dict(plant.devices.by_id) == before
    assert plant.power() == pytest.approx(power, abs=5)
