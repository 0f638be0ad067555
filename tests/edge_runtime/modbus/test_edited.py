"""A device whose entry is edited is still the one that stands there: nothing stops while it is met again."""

import copy
from collections.abc import Callable

import pytest

from tests.edge_runtime.modbus.wire import Json, Loop
from tests.edge_runtime.modbus.yard import devices, yard
from tests.edge_runtime.plant import body, fixed

DRIVEN = {"scheduler": {"controllers": [fixed(500)]}}


def _meter_limits(meter: Json, battery: Json) -> None:
    meter["limits"] = {"max_import_w": 9000}


def _battery_limits(meter: Json, battery: Json) -> None:
    battery["limits"] = {"max_charge_w": 4000, "max_discharge_w": 4000}


def _battery_timeout(meter: Json, battery: Json) -> None:
    battery["connection"]["timeout_ms"] = 900


def _poll_groups(meter: Json, battery: Json) -> None:
    battery["poll_groups"] = {"fast": ["ActivePower", "Soc"], "slow": ["Soh"]}


EDITS = [(_meter_limits, True), (_battery_limits, True), (_battery_timeout, False), (_poll_groups, False)]


@pytest.mark.parametrize(("edit", "untouched"), EDITS, ids=[edit.__name__[1:] for edit, _ in EDITS])
def test_a_battery_goes_on_while_an_entry_is_edited(
    loop: Loop, edit: Callable[[Json, Json], None], untouched: bool
) -> None:
    """However slowly they answer: here no cycle waits for a device that it has not read yet."""
    with yard(loop) as (runtime, battery, _):
        made = devices()
        runtime.load(body(**made, **DRIVEN))
        runtime.turn(3)
        before = runtime.devices.by_id["bms_main"]
        runtime.devices._polling._patience_s = 0.0
        edited = copy.deepcopy(made)
        edit(*edited["modbus_devices"])
        runtime.load(body(2, **edited, **DRIVEN))
        health = runtime.turn()
        assert health["set_points"] == {"bms_main": 500}
        assert health["alarms"] == []
        assert [followed.watts for followed in battery.device.followed] == [0, 500]
        assert (runtime.devices.by_id["bms_main"] is before) is untouched


def test_new_limits_hold_in_the_next_cycle(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices(), **DRIVEN))
        runtime.turn(2)
        runtime.load(body(2, **devices(limits={"max_charge_w": 200, "max_discharge_w": 200}), **DRIVEN))
        runtime.turn()
        assert battery.power == 200
