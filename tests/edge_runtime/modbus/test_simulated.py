"""The simulated devices themselves: energy, efficiency, limits, reversion, and registers like real ones."""

import json
from pathlib import Path

import pytest

from edge_runtime.house import House
from edge_runtime.simulated.metered import MeteredHouse
from edge_runtime.simulated.registers import DeviceRegisters, IllegalAddressError
from edge_runtime.simulated.running import SimulatedSite, read_simulated_site
from edge_runtime.site import read_site
from tests.edge_runtime.modbus.processes import modbus_site
from tests.edge_runtime.modbus.wire import PROFILES, HandClock, Json, Loop, entry, met, simulated
from tests.edge_runtime.modbus.yard import devices, yard
from tests.edge_runtime.plant import body, fixed


def _house(tmp_path: Path, made: Json, clock: HandClock, speed: float = 1.0) -> MeteredHouse:
    path = tmp_path / "site.json"
    path.write_text(json.dumps(made))
    site = read_site(path)
    return MeteredHouse(House(site, clock=clock, speed=speed), site)


@pytest.mark.parametrize(("watts", "wh_in_store"), [(2000, -2000 / 0.9**0.5), (-2000, 2000 * 0.9**0.5)])
def test_an_hour_of_power_is_an_hour_of_energy_on_every_side(
    tmp_path: Path, watts: int, wh_in_store: float
) -> None:
    clock = HandClock()
    house = _house(tmp_path, modbus_site(), clock, speed=60)
    house.command("bms_main", watts)
    for _ in range(60):
        clock.now_s += 1
        house.tick()
    stored = (house.readings("bms_main")["Soc"] - 60) / 100 * 13_500
    assert stored == pytest.approx(wh_in_store)
    assert house.readings("meter_grid")["ImportedEnergy"] == pytest.approx(1 + 3000 - watts)
    assert house.readings("meter_grid")["ExportedEnergy"] == 1


def test_an_empty_battery_gives_nothing_and_a_full_one_takes_nothing(tmp_path: Path) -> None:
    for soc, watts in ((0, 3000), (100, -3000)):
        house = _house(tmp_path, modbus_site(bms_main={"initial_soc": soc}), HandClock())
        house.command("bms_main", watts)
        assert house.readings("bms_main")["ActivePower"] == 0


def test_a_battery_keeps_to_its_rating_whatever_it_is_told(tmp_path: Path) -> None:
    house = _house(tmp_path, modbus_site(), HandClock())
    house.command("bms_main", 50_000)
    assert house.readings("bms_main")["ActivePower"] == 5000


def test_a_set_point_counts_only_once_it_is_enabled_and_meant_in_watts() -> None:
    battery = simulated()
    registers = battery.device.registers
    registers.put("SetActivePower", 1000)
    assert battery.device.set_point_watts == 0
    registers.put("SetActivePowerEnable", 1)
    assert battery.device.set_point_watts == 0
    registers.put("SetActivePowerMode", 1)
    assert battery.device.set_point_watts == 1000


@pytest.mark.parametrize(
    ("fc", "address", "values"), [(16, 40004, [1]), (6, 39_000, [1]), (16, 40_200, [1] * 40)]
)
def test_what_is_read_only_or_not_there_cannot_be_written(fc: int, address: int, values: list[int]) -> None:
    battery = simulated()
    with pytest.raises(IllegalAddressError):
        battery.device.write(fc, address, values)
    assert battery.device.writes == []


def test_the_registers_begin_with_the_marker_and_end_with_the_end() -> None:
    registers = DeviceRegisters(PROFILES["sunspec_meter"], "S", {}, 40_000)
    words = registers.tables[3]
    assert [words[40_000], words[40_001]] == [0x5375, 0x6E53]
    assert [words[40_002], words[40_003]] == [1, 66]
    assert [words[40_070], words[40_071]] == [203, 105]
    assert [words[max(words) - 1], words[max(words)]] == [0xFFFF, 0]


def test_a_value_beyond_its_register_shows_the_largest_that_there_is() -> None:
    registers = DeviceRegisters(PROFILES["sunspec_meter"], "S", {"W": 1000}, 40_000)
    registers.put("ActivePower", 5_000_000)
    assert registers.value("ActivePower") == pytest.approx(3276.7)
    registers.put("ActivePower", -5_000_000)
    assert registers.value("ActivePower") == pytest.approx(-3276.7)


def test_a_point_that_nothing_measures_is_not_implemented() -> None:
    registers = DeviceRegisters(PROFILES["tesla_powerwall_2"], "S", {}, 40_000)
    assert registers.value("Soc") is None
    assert registers.value("Heartbeat") is None


def test_two_devices_of_a_site_may_stand_behind_one_host_and_one_on_a_serial_line(
    loop: Loop, tmp_path: Path
) -> None:
    made = modbus_site(
        inverter_pv={"modbus": {"profile": "sma_sunny_tripower", "host": "10.20.0.10", "unit_id": 2}},
        bms_main={"modbus": {"profile": "tesla_powerwall_2", "protocol": "rtu", "line": "/dev/ttyUSB0"}},
    )
    (tmp_path / "site.json").write_text(json.dumps(made))

    async def start() -> tuple[SimulatedSite, dict[str, str]]:
        site = read_simulated_site(tmp_path / "site.json", clock=HandClock(), speed=1)
        return site, await site.start()

    site, ends = loop.run(start())
    try:
        assert set(ends) == {"10.20.0.10:502", "/dev/ttyUSB0"}
        line = {"protocol": "rtu", "serial": {"device": ends["/dev/ttyUSB0"], "baud": 115_200}}
        made_entry = {"device_id": "bms_main", "profile": "tesla_powerwall_2", "connection": line}
        port = int(ends["10.20.0.10:502"].rpartition(":")[2])
        with met(made_entry) as ess, met(entry("sunspec_meter", port)) as meter:
            assert ess.poll()["Soc"] == 60
            assert ess.device.write_power(1200)
            assert meter.poll()["ActivePower"] == 1800
        with met(entry("sma_sunny_tripower", port, connection={"unit_id": 2})) as inverter:
            assert inverter.poll()["ActivePower"] == 0
    finally:
        loop.run(site.stop())


def test_a_new_device_is_driven_in_the_first_cycle_that_knows_it(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, _):
        runtime.load(body(**devices("meter_grid")))
        runtime.turn()
        runtime.load(body(2, **devices(), scheduler={"controllers": [fixed(700)]}))
        runtime.turn()
        assert battery.power == 700
