"""From the devices' side: who is given up, moved, swapped or forgotten is left in its safe state first."""

from pathlib import Path
from typing import Any

import pytest

from tests.edge_runtime.modbus.wire import Loop, simulated
from tests.edge_runtime.modbus.yard import BATTERY, OTHER, devices, nobody, yard
from tests.edge_runtime.plant import body, fixed

DRIVEN = {"scheduler": {"controllers": [fixed(1500)]}}


def test_the_house_is_balanced_over_the_wire(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices()))
        health = runtime.turn(60)
        assert battery.power == pytest.approx(2000, abs=60)
        assert {device["ok"] for device in health["devices"].values()} == {True}
        assert health["alarms"] == []


WITHOUT = [
    ("removed", devices("meter_grid")),
    ("disabled", devices(enabled=False)),
    ("re-addressed", devices(connection={"host": "10.20.0.21"})),
    ("another unit", devices(connection={"unit_id": 9})),
]


@pytest.mark.parametrize(("how", "without"), WITHOUT, ids=[how for how, _ in WITHOUT])
def test_a_device_that_is_given_up_is_left_safe_before_anything_else(
    loop: Loop, how: str, without: dict[str, Any]
) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        assert battery.power == 1500
        runtime.load(body(2, **without, **DRIVEN))
        assert battery.power == 0  # before the first turn of the new document
        health = runtime.turn()
        assert "bms_main" not in health["set_points"]
        assert not [alarm for alarm in health["alarms"] if alarm["id"].startswith("_left_unsafe")]


def test_a_battery_without_a_controller_is_left_safe(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        runtime.load(body(2, **devices(), **nobody()))
        runtime.turn()
        assert battery.power == 0
        writes = len(battery.device.writes)
        runtime.turn(5)
        assert len(battery.device.writes) == writes  # once, and then hands off


def test_safe_mode_writes_the_safe_state_and_then_leaves_the_battery_alone(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        runtime.load(body(2, **devices(), **nobody(), safe_mode=True))
        health = runtime.turn()
        assert battery.power == 0
        assert health["safe_mode"]["written"]["bms_main"] is True
        assert health["controllers"] == {}


def test_two_batteries_that_change_places_are_both_left_safe_first(loop: Loop) -> None:
    with yard(loop) as (runtime, one, _):
        other = simulated(serial="BMS-0002")
        pair = [devices()["modbus_devices"][1], devices(device_id="bms_two")["modbus_devices"][1]]
        pair[1] = {**pair[1], "connection": {**pair[1]["connection"], "host": "10.20.0.21"}}
        swapped = [
            {**pair[0], "connection": pair[1]["connection"]},
            {**pair[1], "connection": pair[0]["connection"]},
        ]
        drive = {"scheduler": {"controllers": [_fixed("bms_main", 800, 1), _fixed("bms_two", -600, 2)]}}
        with runtime.plugged(OTHER, other):
            runtime.load(body(modbus_devices=pair, **drive))
            runtime.turn(2)
            assert (one.power, other.power) == (800, -600)
            runtime.load(body(2, modbus_devices=swapped, **drive))
            assert (one.power, other.power) == (0, 0)
            runtime.turn(2)
            assert (one.power, other.power) == (-600, 800)


def test_a_device_that_cannot_be_left_safe_is_an_alarm_until_it_can(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        port = runtime.ports.pop(BATTERY)
        _hang_up(runtime)
        runtime.load(body(2, **devices("meter_grid"), **nobody()))
        alarms = runtime.turn()["alarms"]
        assert [alarm["id"] for alarm in alarms] == ["_left_unsafe_bms_main"]
        assert alarms[0]["severity"] == "fault"
        assert battery.power == 1500
        runtime.ports[BATTERY] = port
        health = runtime.turn(4)
        assert battery.power == 0
        assert health["alarms"] == []


def test_an_address_with_a_new_owner_is_the_new_owner_s(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        port = runtime.ports.pop(BATTERY)
        _hang_up(runtime)
        runtime.load(body(2, **devices("meter_grid"), **nobody()))
        runtime.turn()
        runtime.ports[BATTERY] = port
        runtime.load(body(3, **devices(device_id="bms_new"), **DRIVEN))
        health = runtime.turn(5)
        assert battery.power == 1500
        assert health["alarms"] == []


@pytest.mark.parametrize(
    ("then", "why"),
    [
        (devices("meter_grid"), "removed while the runtime was down"),
        (devices(), "without a controller when the runtime came back"),
        (devices(device_id="bms_new"), "renamed while the runtime was down"),
    ],
)
def test_what_a_killed_runtime_drove_is_left_safe_by_the_next(
    loop: Loop, tmp_path: Path, then: dict[str, Any], why: str
) -> None:
    with yard(loop, ledger=tmp_path / "owed.json") as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        assert battery.power == 1500
        runtime.devices.close()
        runtime.boot()
        runtime.load(body(2, **then, **nobody()))
        runtime.turn(3)
        assert battery.power == 0, why
        assert (tmp_path / "owed.json").read_text() == '{"debts": []}'


def test_a_clean_stop_owes_nothing(loop: Loop, tmp_path: Path) -> None:
    with yard(loop, ledger=tmp_path / "owed.json") as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        assert "bms_main" in (tmp_path / "owed.json").read_text()
        assert runtime.core.stop()["bms_main"] is True
        assert battery.power == 0
        assert (tmp_path / "owed.json").read_text() == '{"debts": []}'


def test_an_unreadable_ledger_is_set_aside(loop: Loop, tmp_path: Path) -> None:
    (tmp_path / "owed.json").write_text("{")
    with yard(loop, ledger=tmp_path / "owed.json") as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        assert battery.power == 1500
        assert (tmp_path / "owed.unreadable").read_text() == "{"


def test_another_serial_number_is_never_written(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(expect_serial="SOMEBODY-ELSES"), **DRIVEN))
        health = runtime.turn(3)
        runtime.load(body(2, **devices("meter_grid"), **nobody()))
        runtime.turn()
        runtime.core.stop()
        assert battery.device.writes == []
        reason = "bms_main has serial 'BMS-0001', expected 'SOMEBODY-ELSES': nothing is written"
        assert health["controllers"]["ctrlFix0"]["error"].endswith(reason)


def test_another_expected_serial_number_leaves_the_battery_safe_under_the_old_one(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(expect_serial="BMS-0001"), **DRIVEN))
        runtime.turn(2)
        assert battery.power == 1500
        runtime.load(body(2, **devices(expect_serial="BMS-TYPO"), **DRIVEN))
        assert battery.power == 0  # before the first turn of the new document
        alarms = runtime.turn(3)["alarms"]
        assert battery.power == 0
        (mistaken,) = [alarm for alarm in alarms if alarm["id"] == "_identity_bms_main"]
        reason = "bms_main has serial 'BMS-0001', expected 'BMS-TYPO': nothing is written"
        assert (mistaken["message"], mistaken["severity"]) == (reason, "fault")
        runtime.load(body(3, **devices(expect_serial="BMS-0001"), **DRIVEN))
        assert runtime.turn(3)["alarms"] == []
        assert battery.power == 1500


def test_a_safe_state_that_an_unknown_battery_owes_is_written_once_its_serial_number_is_right(
    loop: Loop, tmp_path: Path
) -> None:
    with yard(loop, ledger=tmp_path / "owed.json") as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        runtime.devices.close()
        runtime.boot()  # after a kill, with a typing error in the document
        runtime.load(body(2, **devices(expect_serial="BMS-TYPO"), **nobody()))
        runtime.turn(2)
        assert battery.power == 1500
        runtime.load(body(3, **devices(expect_serial="BMS-0001"), **nobody()))
        runtime.turn(2)
        assert battery.power == 0


def test_a_device_that_was_swapped_for_another_is_not_written(loop: Loop) -> None:
    """The plug is pulled and put into another battery: its serial number is read before anything else."""
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(expect_serial="BMS-0001"), **DRIVEN))
        runtime.turn(2)
        stranger = simulated(serial="BMS-0666")
        with runtime.plugged(BATTERY, stranger):
            _hang_up(runtime)
            health = runtime.turn(6)
            assert stranger.device.writes == []
            assert "BMS-0666" in health["devices"]["bms_main"]["detail"]
        assert battery.power == 1500  # until its reversion time
        battery.clock.now_s += 61
        assert battery.power == 0


def test_a_vanished_battery_reverts_by_itself_and_is_driven_again_when_it_returns(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        port = runtime.ports.pop(BATTERY)
        _hang_up(runtime)
        health = runtime.turn(3)
        assert health["devices"]["bms_main"]["ok"] is False
        assert [alarm["id"] for alarm in health["alarms"]] == ["_fail_safe_bms_main"]
        battery.clock.now_s += 61
        assert battery.power == 0
        runtime.ports[BATTERY] = port
        health = runtime.turn(12)
        assert battery.power == 1500
        assert health["alarms"] == []


def _fixed(ess_id: str, watts: int, order: int) -> dict[str, Any]:
    made = fixed(watts, order)
    return {**made, "id": f"ctrlFix{order}", "parameters": {"power_watts": watts, "ess_id": ess_id}}


def _hang_up(runtime: Any) -> None:
    """Cut every connection that stands, as a pulled plug does once it is noticed."""
    for shared in runtime.devices._field._buses.values():
        shared.bus._hang_up()


def test_a_wrong_sign_is_caught_by_the_grid_that_moves_against_the_set_point(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        made = body(**devices(), **_steps(1000))
        profile = made["profiles"]["tesla_powerwall_2"]
        points = [
            {**point, "invert": True} if point["name"] == "SetActivePower" else point
            for point in profile["points"]
        ]
        profiles = {"profiles": {**made["profiles"], "tesla_powerwall_2": {**profile, "points": points}}}
        for version, watts in enumerate((1000, -1000, 1500, -1500, 1000, -1000), start=1):
            runtime.load(body(version, **devices(), **_steps(watts)) | profiles)
            health = runtime.turn(5)
            assert battery.power == -watts
        assert [alarm["id"] for alarm in health["alarms"]] == ["_wrong_sign_bms_main"]
        assert health["alarms"][0]["severity"] == "fault"


def _steps(watts: int) -> dict[str, Any]:
    made = fixed(watts)
    parameters = {"power_watts": watts, "ess_id": "bms_main", "meter_id": "meter_grid"}
    return {"scheduler": {"controllers": [{**made, "parameters": parameters}]}}
