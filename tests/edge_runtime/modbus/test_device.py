"""One device over a real socket: read, written, reverting, mistaken for another, lost and found."""

import pytest

from edge_runtime.modbus.field import ModbusField
from tests.edge_runtime.modbus.wire import PROFILES, Loop, entry, listening, met, simulated

POLLED = {"fast": ["ActivePower", "Soc"], "slow": ["Temperature", "Cycles"]}
METER = {"fast": ["ActivePower", "Frequency"], "slow": []}


def test_a_battery_is_read_in_the_units_of_its_profile(loop: Loop) -> None:
    battery = simulated()
    battery.plant.command("bms_main", -2345)
    with (
        listening(loop, battery.device) as port,
        met(entry("tesla_powerwall_2", port, poll_groups=POLLED)) as ess,
    ):
        values = ess.poll(3)
        assert values == {"ActivePower": -2345, "Soc": 60, "Temperature": 21.5, "Cycles": 3}
        assert ess.device.health()["ok"] is True
        assert ess.device.power_rating == (5000, 5000)


def test_a_set_point_comes_with_its_reversion_time_and_enables_itself(loop: Loop) -> None:
    battery = simulated()
    with listening(loop, battery.device) as port, met(entry("tesla_powerwall_2", port)) as ess:
        ess.poll()
        assert ess.device.write_power(1500)
        assert battery.power == 1500
        first, second = battery.device.writes
        assert first.values == (0, 60)  # WSetRvrtTms, before any set-point stands
        assert second.values == (
            1,
            1,
            2,
            18928,
        )  # WSetEna, WSetMod and WSet = 150,000 hundredths, in one request
        assert ess.poll()["ActivePower"] == 1500


def test_a_set_point_that_is_not_renewed_ends_by_itself(loop: Loop) -> None:
    battery = simulated()
    with listening(loop, battery.device) as port, met(entry("tesla_powerwall_2", port)) as ess:
        ess.poll()
        ess.device.write_power(1500)
        battery.clock.now_s += 59
        ess.device.write_power(1600)
        battery.clock.now_s += 59
        assert battery.power == 1600
        battery.clock.now_s += 2
        assert battery.power == 0
        assert battery.device.reversions == 1
        assert ess.poll()["ActivePower"] == 0
        ess.device.write_power(1700)
        assert battery.power == 1700


def test_the_safe_state_is_written(loop: Loop) -> None:
    battery = simulated()
    with listening(loop, battery.device) as port, met(entry("tesla_powerwall_2", port)) as ess:
        ess.poll()
        ess.device.write_power(1500)
        assert ess.device.owed
        assert ess.device.write_safe_state()
        assert battery.power == 0
        assert not ess.device.owed


@pytest.mark.parametrize("base", [40000, 50000, 0])
def test_the_sunspec_marker_is_found_at_each_of_its_places(loop: Loop, base: int) -> None:
    meter = simulated("sunspec_meter", base=base, serial="MTR-7")
    meter.plant.shown = {"ActivePower": -1234, "Frequency": 49.98}
    expected = entry("sunspec_meter", 0, expect_serial="MTR-7", poll_groups=METER)
    with listening(loop, meter.device) as port:
        expected["connection"]["port"] = port
        with met(expected) as grid:
            values = grid.poll()
            assert values["ActivePower"] == -1234
            assert values["Frequency"] == 49.98
            assert grid.device.refuses_writes is None


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_every_shipped_profile_is_read_from_a_device_that_is_made_of_it(loop: Loop, name: str) -> None:
    made = simulated(name)
    names = [point["name"] for point in PROFILES[name]["points"] if point["type"] != "string"]
    made.plant.shown = dict.fromkeys(names, 42.0)
    groups = {"fast": [], "slow": [point["name"] for point in PROFILES[name]["points"]]}
    with listening(loop, made.device) as port, met(entry(name, port, poll_groups=groups)) as device:
        values = device.poll(12)
        writable = {point["name"] for point in PROFILES[name]["points"] if point["access"] == "RW"}
        assert {name: values[name] for name in names if name not in writable} == {
            name: 42.0 for name in names if name not in writable
        }
        assert device.device.health()["ok"] is True


def test_one_model_costs_one_request(loop: Loop) -> None:
    battery = simulated()
    modbus = ModbusField()
    made = entry("tesla_powerwall_2", 0, poll_groups=POLLED)
    with listening(loop, battery.device) as port:
        made["connection"]["port"] = port
        with met(made, modbus=modbus) as ess:
            ess.poll()
            bus = next(iter(modbus._buses.values())).bus
            before = bus.requests
            ess.poll(2)
            assert bus.requests - before == 2 * 2  # the fast block and one slow block each time
