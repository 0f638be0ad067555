"""A device that failed, or that lacked something, is laid out anew: it may be another one, or have booted."""

import pytest

from edge_runtime.simulated.registers import IllegalAddressError
from tests.edge_runtime.modbus.scripted import Asked, scripted
from tests.edge_runtime.modbus.wire import (
    PROFILES,
    Json,
    Loop,
    Simulated,
    entry,
    met,
    point,
    registers_map,
    simulated,
)
from tests.edge_runtime.modbus.yard import BATTERY, devices, yard
from tests.edge_runtime.plant import body, fixed

TESLA = PROFILES["tesla_powerwall_2"]
STORAGE = next(one for one in PROFILES["sunspec_storage"]["points"] if one["sunspec"]["model"] == 124)
SHIFTED = {**TESLA, "points": [*TESLA["points"], {**STORAGE, "name": "AlsoThere", "access": "R"}]}
"""One SunSpec model more in front of the set-point's: everything behind it stands somewhere else."""


class Gateway:
    """Stays connected whatever happens behind it: nobody there, one battery, another battery."""

    def __init__(self, behind: Simulated) -> None:
        self.behind: Simulated | None = behind

    def __call__(self, asked: Asked) -> bytes:
        if self.behind is None:
            return asked.exception(11)
        device = self.behind.device
        try:
            if asked.fc in (3, 4):
                return asked.registers(*device.read(asked.fc, asked.address, asked.count))
            device.write(asked.fc, asked.address, asked.words)
        except IllegalAddressError:
            return asked.exception(2)
        return asked.done()


def test_another_battery_behind_a_gateway_that_stays_connected_is_laid_out_for_itself(loop: Loop) -> None:
    first, second = simulated(), simulated(SHIFTED, serial="BMS-2")
    gateway = Gateway(first)
    with yard(loop) as (runtime, _, _), scripted(loop, gateway) as (server, port):
        runtime.ports[BATTERY] = port
        runtime.load(body(**devices(), scheduler={"controllers": [fixed(1500)]}))
        runtime.turn(3)
        assert first.power == 1500
        gateway.behind = None
        runtime.turn(4)
        gateway.behind = second
        health = runtime.turn(8)
        assert second.power == 1500
        assert health["devices"]["bms_main"]["ok"] is True
        assert server.connections == 1
        cells = second.device.registers._cells
        known = {cells[name].address for name in ("SetActivePowerEnable", "SetActivePowerReversion")}
        assert {written.address for written in second.device.writes} == known


PLAIN = registers_map([point("ActivePower", 0), point("Soc", 1), point("A", 100, group_default="slow")])


@pytest.mark.parametrize(
    ("name", "profile", "end"),
    [("plain", PLAIN, 0), ("tesla_powerwall_2", TESLA, 40137)],
    ids=["no register yet", "no battery model yet"],
)
def test_what_a_device_lacks_while_it_boots_is_found_later(
    loop: Loop, name: str, profile: Json, end: int
) -> None:
    """It answers `illegal data address`, or ends its models too early, for its first 100 seconds."""
    battery = simulated(profile)
    gateway = Gateway(battery)
    ready: list[int] = []

    def booting(asked: Asked) -> bytes:
        if not ready and asked.address >= end:
            return asked.registers(0xFFFF, 0) if end and asked.count == 2 else asked.exception(2)
        return gateway(asked)

    with scripted(loop, booting) as (_, port), met(entry(name, port), {name: profile}) as ess:
        assert ess.poll(100)["Soc"] is None
        ready.append(1)
        assert ess.poll(100)["Soc"] == battery.device.registers.value("Soc")
        assert ess.device.health()["ok"] is True


def test_what_a_device_never_has_is_looked_for_seldom(loop: Loop) -> None:
    profile = registers_map([point("ActivePower", 0), point("Never", 300, group_default="slow")])

    def lacks(asked: Asked) -> bytes:
        return asked.exception(2) if asked.address == 300 else asked.registers(*[40] * asked.count)

    with scripted(loop, lacks) as (server, port), met(entry("plain", port), {"plain": profile}) as ess:
        ess.poll(1000)
        assert [asked.address for asked in server.asked].count(300) <= 8
        assert ess.device.health()["detail"] == "Never: illegal data address"
