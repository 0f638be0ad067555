"""Values that nobody confirms any more: undefined after so many periods, whatever the back-off is."""

import pytest

from tests.edge_runtime.modbus.scripted import HANG_UP, Asked, scripted
from tests.edge_runtime.modbus.wire import Loop, entry, met, point, registers_map, simulated
from tests.edge_runtime.modbus.yard import METER, Yard, devices, follow_the_house, yard
from tests.edge_runtime.plant import body


@pytest.mark.parametrize(
    ("errors", "turn_s", "stand"),
    [(2, 1.0, 1), (3, 1.0, 2), (10, 1.0, 9), (10, 4.0, 2)],
    ids=["two errors", "three errors", "ten errors", "turns that overrun"],
)
def test_a_frozen_meter_drives_the_battery_no_longer_than_so_many_periods(
    loop: Loop, errors: int, turn_s: float, stand: int
) -> None:
    with yard(loop) as (runtime, battery, _):
        meter = simulated("sunspec_meter", serial="MTR-1")
        follow_the_house(meter, battery)
        made = body(**devices(), core_cycle={"period_ms": 1000})
        made["modbus_devices"][0]["connection"]["invalidate_after_errors"] = errors
        with runtime.plugged(METER, meter):
            runtime.load(made)
            runtime.turn(3)
        _hang_up(runtime)
        values = runtime.devices.by_id["meter_grid"]
        known = []
        for _ in range(stand + 3):
            health = runtime.turn(seconds=turn_s)
            known.append(values.values["ActivePower"] is not None)
        assert known == [True] * stand + [False] * 3
        assert battery.power == 0
        assert [alarm["id"] for alarm in health["alarms"]] == ["_fail_safe_bms_main"]


def test_a_lost_answer_that_is_tolerated_is_asked_for_in_the_next_cycle(loop: Loop) -> None:
    lost: list[int] = []

    def once(asked: Asked) -> bytes:
        return HANG_UP if lost and lost.pop() else asked.registers(*[40 + len(server.asked)] * asked.count)

    profile = registers_map([point("ActivePower", 0)])
    with scripted(loop, once) as (server, port):
        made = entry(
            "plain", port, connection={"timeout_ms": 100, "invalidate_after_errors": 2, "retries": 0}
        )
        with met(made, {"plain": profile}) as device:
            before = device.poll()["ActivePower"]
            lost.append(1)
            assert device.poll()["ActivePower"] == before
            assert device.poll()["ActivePower"] != before
            assert device.device.health()["ok"] is True


def _hang_up(runtime: Yard) -> None:
    for shared in runtime.devices._field._buses.values():
        shared.bus._hang_up()
