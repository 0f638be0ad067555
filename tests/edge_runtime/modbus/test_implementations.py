"""Two Modbus implementations as devices: pymodbus' own server, and pyModbusTCP, independent of it."""

import contextlib
from collections.abc import Callable

import pytest

from edge_runtime.simulated.devices import SimulatedDevice
from tests.edge_runtime.modbus.second import listening_otherwise
from tests.edge_runtime.modbus.wire import Loop, entry, listening, met, point, registers_map, simulated

Listening = Callable[[SimulatedDevice], contextlib.AbstractContextManager[int]]


@pytest.fixture(params=["pymodbus", "pyModbusTCP"])
def served(request: pytest.FixtureRequest, loop: Loop) -> Listening:
    if request.param == "pymodbus":
        return lambda device: listening(loop, device)
    return listening_otherwise


def test_a_sunspec_battery_is_read_driven_and_left_safe(served: Listening) -> None:
    battery = simulated(serial="BMS-42")
    with served(battery.device) as port, met(entry("tesla_powerwall_2", port, expect_serial="BMS-42")) as ess:
        assert ess.poll()["Soc"] == 60
        assert ess.device.power_rating == (5000, 5000)
        assert ess.device.write_power(-1800)
        assert battery.power == -1800
        assert ess.poll()["ActivePower"] == -1800
        battery.clock.now_s += 61
        assert ess.poll()["ActivePower"] == 0
        assert ess.device.write_power(250)
        assert ess.device.write_safe_state()
        assert battery.power == 0


PLAIN = registers_map(
    [
        point("ActivePower", 100, "int32", invert=True),
        point("Soc", 104, "uint16", scale=0.1, unit="%", valid_min=0, valid_max=100),
        point("Temperature", 106, "float32", unit="°C"),
        point("Cycles", 200, "uint32", fc=4, unit=""),
        point("Contactor", 5, "uint16", fc=1, write_fc=5, access="RW", unit=""),
        point("Alarm", 3, "uint16", fc=2, unit=""),
        point("SetActivePower", 300, "int16", write_fc=6, access="RW", invert=True),
        point("SetActivePowerReversion", 301, "uint16", write_fc=6, access="RW", unit="s"),
    ],
    reversion={"point": "SetActivePowerReversion", "seconds": 30},
    safe_writes=[{"point": "SetActivePower", "value": 0}, {"point": "Contactor", "value": 0}],
)


@pytest.mark.parametrize("word_order", ["big", "little"])
def test_a_plain_register_map_is_read_driven_and_left_safe(served: Listening, word_order: str) -> None:
    profile = {**PLAIN, "word_order": word_order}
    battery = simulated(profile)
    battery.plant.shown = {"Alarm": 1.0}
    with served(battery.device) as port, met(entry("plain", port), {"plain": profile}) as ess:
        values = ess.poll()
        assert (values["Soc"], values["Temperature"], values["Cycles"]) == (60, 21.5, 3)
        assert (values["Contactor"], values["Alarm"]) == (0, 1)
        assert ess.device.write_power(1200)
        assert battery.power == 1200
        assert ess.poll()["ActivePower"] == 1200
        raw = battery.device.registers.read(3, 300, 1)[0]
        assert raw == 0x10000 - 1200  # the device's own sign: inverted
        battery.clock.now_s += 31
        assert battery.power == 0
        ess.device.write_power(100)
        assert ess.device.write_safe_state()
        assert battery.power == 0


def test_a_point_that_the_device_does_not_have_is_named_and_the_rest_is_read(served: Listening) -> None:
    battery = simulated(PLAIN)
    wider = registers_map([*PLAIN["points"], point("Frequency", 102, "uint16"), point("Current", 9000)])
    with served(battery.device) as port, met(entry("plain", port), {"plain": wider}) as ess:
        values = ess.poll(2)
        assert values["Soc"] == 60
        assert values["Frequency"] is None
        health = ess.device.health()
        assert health["ok"] is False
        assert health["errors"] == 0
        assert health["detail"] == "Frequency: illegal data address; Current: illegal data address"


def test_a_device_that_refuses_a_write_says_so(served: Listening) -> None:
    points = [{**one, "access": "R"} if one["name"] == "SetActivePower" else one for one in PLAIN["points"]]
    battery = simulated(registers_map(points))
    with served(battery.device) as port, met(entry("plain", port), {"plain": PLAIN}) as ess:
        ess.poll()
        assert ess.device.write_power(500) is False
        assert ess.device.health()["detail"].endswith("unit 1: illegal data address")
        assert ess.device.answers  # it is there, and it is read on
