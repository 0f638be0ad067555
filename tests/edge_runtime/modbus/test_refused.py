"""A set-point that the device or its registers refuse: nothing older lives on because of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from edge_runtime.battery import BatteryRating
from edge_runtime.simulated.registers import IllegalAddressError
from tests.edge_runtime.modbus.wire import Json, Loop, Simulated, point, registers_map, simulated
from tests.edge_runtime.modbus.yard import BATTERY, Yard
from tests.edge_runtime.plant import fixed

SAFE = {"safe_writes": [{"point": "SetActivePower", "value": 0}]}
REVERTS = {"reversion": {"point": "Reversion", "seconds": 60}}
PROFILES = [pytest.param(SAFE, id="safe writes"), pytest.param(REVERTS, id="reversion")]
SET_POINT_AT = 10


def plain(more: Json, **set_point: Any) -> Json:
    """A battery whose set-point is an int16 of whole watts."""
    written = {**point("SetActivePower", SET_POINT_AT, access="RW"), "write_fc": 16, "group_default": "slow"}
    timer = {**point("Reversion", 12, "uint16", access="RW"), "write_fc": 6, "group_default": "slow"}
    shown = [point("ActivePower", 0), point("Soc", 1, unit="%")]
    return registers_map([*shown, {**written, **set_point}, timer], **more)


@contextmanager
def driven(loop: Loop, profile: Json) -> Iterator[tuple[Yard, Simulated]]:
    battery = simulated(profile)
    battery.plant.shown = {"Soc": 60}
    battery.plant.battery.rating = BatteryRating(100_000, 60_000, 60_000)
    runtime = Yard(loop)
    with runtime.plugged(BATTERY, battery):
        try:
            yield runtime, battery
        finally:
            runtime.devices.close()


def ask(runtime: Yard, battery: Simulated, profile: Json, watts: int | None, times: int = 3) -> Json:
    """Load one controller that asks for so much, or none at all, and turn."""
    host, port = BATTERY.split(":")
    connection = {"protocol": "tcp", "host": host, "port": int(port), "timeout_ms": 200, "retries": 0}
    limits = {"max_charge_w": 50_000, "max_discharge_w": 50_000}
    entry = {"device_id": "bms_main", "profile": "plain", "connection": connection, "limits": limits}
    runtime.load(
        {
            "version": 1,
            "core_cycle": {"period_ms": 1000},
            "scheduler": {"controllers": [] if watts is None else [fixed(watts)]},
            "modbus_devices": [entry],
            "alarms": [],
            "profiles": {"plain": profile},
        }
    )
    for _ in range(times):
        battery.clock.now_s += 1
        health = runtime.turn()
    return health


def refuse(battery: Simulated, refused: Sequence[range]) -> None:
    """From now on the device answers these set-points with an exception."""
    write = battery.device.write

    def checked(fc: int, address: int, values: Sequence[int]) -> None:
        watts = values[0] - 0x10000 if values[0] > 0x7FFF else values[0]
        if address == SET_POINT_AT and any(watts in some for some in refused):
            raise IllegalAddressError(f"not {watts} W")
        write(fc, address, values)

    battery.device.write = checked  # type: ignore[method-assign]


@pytest.mark.parametrize("more", PROFILES)
@pytest.mark.parametrize(
    ("set_point", "asked", "sent"),
    [
        ({}, 40_000, 32_767),
        ({}, -40_000, -32_767),
        ({"valid_max": 20_000}, 40_000, 20_000),
        ({"scale": 0.1}, 5000, 3276),
    ],
)
def test_more_than_a_set_point_can_hold_is_cut_to_it(
    loop: Loop, more: Json, set_point: Json, asked: int, sent: int
) -> None:
    profile = plain(more, **set_point)
    with driven(loop, profile) as (runtime, battery):
        ask(runtime, battery, profile, -3000 if asked > 0 else 3000)
        health = ask(runtime, battery, profile, asked)
        assert battery.power == sent
        assert health["set_points"] == {"bms_main": sent}
        assert health["alarms"] == []


@pytest.mark.parametrize("more", PROFILES)
def test_a_battery_that_refuses_a_set_point_is_left_safe_and_says_so(loop: Loop, more: Json) -> None:
    profile = plain(more)
    with driven(loop, profile) as (runtime, battery):
        ask(runtime, battery, profile, -3000)
        refuse(battery, [range(1000, 50_000)])
        health = ask(runtime, battery, profile, 2000)
        assert battery.power == 0
        assert health["set_points"] == {}
        why = "10.20.0.11:502 unit 1: illegal data address"
        assert {alarm["id"]: alarm["message"] for alarm in health["alarms"]} == {
            "_refused_bms_main": f"bms_main refuses its set-point ({why}): it is left in its safe state"
        }
        assert health["controllers"]["ctrlFix0"] == {
            "state": "write_failed",
            "error": f"controller write failed: ctrlFix0: 2000 W: {why}",
        }
        health = ask(runtime, battery, profile, 900)
        assert battery.power == 900
        assert health["alarms"] == []
        assert health["controllers"]["ctrlFix0"]["state"] == "ok"


def test_a_battery_that_refuses_even_its_safe_state_goes_back_by_its_timer(loop: Loop) -> None:
    profile = plain(REVERTS)
    with driven(loop, profile) as (runtime, battery):
        ask(runtime, battery, profile, -3000)
        refuse(battery, [range(50_000)])
        health = ask(runtime, battery, profile, 2000, times=59)
        assert battery.power == -3000
        assert health["alarms"][0]["message"].endswith("and its safe state as well: nobody drives it")
        battery.clock.now_s += 3
        assert battery.power == 0
        assert battery.device.reversions == 1


def test_a_battery_that_refuses_to_be_let_go_is_an_alarm_until_it_is(loop: Loop) -> None:
    profile = plain(SAFE)
    with driven(loop, profile) as (runtime, battery):
        ask(runtime, battery, profile, 3000)
        write = battery.device.write
        refuse(battery, [range(1)])
        health = ask(runtime, battery, profile, None)
        assert battery.power == 3000
        why = "10.20.0.11:502 unit 1: illegal data address"
        assert {alarm["id"]: alarm["message"] for alarm in health["alarms"]} == {
            "_not_let_go_bms_main": f"nobody drives bms_main, and it has not taken its safe state: {why}"
        }
        battery.device.write = write  # type: ignore[method-assign]
        assert runtime.turn()["alarms"] == []
        assert battery.power == 0


def test_what_does_not_fit_is_found_before_anything_is_written(loop: Loop) -> None:
    """The rating of a device is no promise of its registers: here they cannot even hold its safe state."""
    profile = plain(REVERTS, valid_min=500)
    with driven(loop, profile) as (runtime, battery):
        health = ask(runtime, battery, profile, 0)
        assert battery.device.writes == []
        assert [alarm["id"] for alarm in health["alarms"]] == ["_refused_bms_main"]
