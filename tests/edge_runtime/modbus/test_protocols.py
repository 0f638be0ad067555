"""The same device over other lines: RTU frames over TCP, a serial line, several units behind one host."""

import contextlib

import pytest

from edge_runtime.device import Device
from edge_runtime.modbus.field import ModbusField
from edge_runtime.simulated.pty_line import PseudoLine
from edge_runtime.simulated.servers import SerialServer
from edge_runtime.site import Defect
from tests.edge_runtime.modbus.wire import AT, Loop, entry, listening, met, settings, simulated

POLLED = {"fast": ["ActivePower", "Soc"], "slow": ["Temperature"]}


def test_rtu_frames_over_tcp(loop: Loop) -> None:
    battery = simulated()
    with listening(loop, battery.device, protocol="rtu_over_tcp") as port:
        made = entry("tesla_powerwall_2", port, connection={"protocol": "rtu_over_tcp"}, poll_groups=POLLED)
        with met(made) as ess:
            assert ess.poll(2)["Soc"] == 60
            assert ess.device.write_power(900)
            assert battery.power == 900
            assert ess.poll()["ActivePower"] == 900


def test_a_serial_line_by_the_same_code(loop: Loop) -> None:
    battery = simulated(unit_id=7)

    async def start() -> tuple[PseudoLine, SerialServer]:
        line = PseudoLine()
        server = SerialServer([battery.device], line.near, 115_200)
        await server.start()
        return line, server

    line, server = loop.run(start())
    serial = {"device": line.far, "baud": 115_200, "parity": "N", "stop_bits": 1}
    made = {
        "device_id": "bms_main",
        "profile": "tesla_powerwall_2",
        "connection": {"protocol": "rtu", "serial": serial, "unit_id": 7},
        "poll_groups": POLLED,
    }

    async def stop() -> None:
        await server.stop()
        line.close()

    try:
        with met(made) as ess:
            assert ess.poll(2)["Soc"] == 60
            assert ess.device.write_power(-700)
            assert battery.power == -700
            assert ess.poll()["ActivePower"] == -700
            assert ess.device.health()["ok"] is True
    finally:
        loop.run(stop())


@pytest.mark.parametrize("device", ["socket://127.0.0.1:9", "rfc2217://127.0.0.1:9", "loop://"])
def test_a_serial_device_is_a_file_and_never_an_address(device: str) -> None:
    made = {
        "device_id": "bms_main",
        "profile": "tesla_powerwall_2",
        "connection": {"protocol": "rtu", "serial": {"device": device}},
    }
    with met(made) as ess:
        ess.poll()
        assert ess.device.health()["detail"] == f"{device} is no device file"


@pytest.mark.parametrize("protocol", ["tcp", "rtu_over_tcp"])
def test_units_behind_one_host_share_one_connection(loop: Loop, protocol: str) -> None:
    units = [simulated(unit_id=number, serial=f"BMS-{number}") for number in (1, 2, 3)]
    for number, unit in enumerate(units, start=1):
        unit.plant.command("bms_main", 100 * number)
    modbus = ModbusField()
    with listening(loop, *(unit.device for unit in units), protocol=protocol) as port:
        devices = []
        for number in (1, 2, 3):
            connection = {"protocol": protocol, "unit_id": number}
            wanted = settings(
                entry("tesla_powerwall_2", port, f"bms_{number}", connection=connection, poll_groups=POLLED)
            )
            devices.append(Device(wanted, modbus.device(wanted)))
        for device in devices:
            device.poll(1.0, AT)
        assert [device.values["ActivePower"] for device in devices] == [100, 200, 300]
        assert len(modbus._buses) == 1
        assert next(iter(modbus._buses.values())).bus.session(devices[0]._device._terms) == 1
        for device in devices:
            device.close()
        assert modbus._buses == {}


def test_a_silent_unit_does_not_cost_its_neighbours_their_connection(loop: Loop) -> None:
    """On TCP the transaction number tells a late answer from the next one."""
    well, silent = simulated(unit_id=1), simulated(unit_id=2, defect=Defect("hang", 0))
    modbus = ModbusField()
    with listening(loop, well.device, silent.device) as port, contextlib.ExitStack() as stack:
        quick = {"timeout_ms": 60, "retries": 0}
        made = entry("tesla_powerwall_2", port, connection=quick, poll_groups=POLLED)
        other = entry("tesla_powerwall_2", port, connection={**quick, "unit_id": 2}, poll_groups=POLLED)
        one = stack.enter_context(met(made, modbus=modbus))
        two = stack.enter_context(met(other, modbus=modbus))
        one.poll()
        session = one.device._session
        two.poll()
        one.poll()
        assert one.device._session == session
        assert one.device.answers
        assert two.device.health()["detail"] == f"127.0.0.1:{port} unit 2 did not answer within 60 ms"


def test_after_two_silences_the_connection_is_made_anew(loop: Loop) -> None:
    silent = simulated(defect=Defect("hang", 0))
    modbus = ModbusField()
    with listening(loop, silent.device) as port:
        made = entry("tesla_powerwall_2", port, connection={"timeout_ms": 60, "retries": 0})
        with met(made, modbus=modbus) as ess:
            ess.poll(3, seconds=300)
            assert ess.device.health()["errors"] == 3
            assert next(iter(modbus._buses.values())).bus._sessions == 2
