"""Simulated devices on the wire, by pymodbus' server: Modbus TCP, RTU over TCP, a serial line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pymodbus import FramerType
from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edge_runtime.simulated.devices import DeviceFailureError, SimulatedDevice
from edge_runtime.simulated.registers import IllegalAddressError

LOOPBACK: Final = "127.0.0.1"
BITS: Final = 16


class LoopbackServer:
    """One listening port with all units behind it. To be used inside one running event loop."""

    def __init__(self, protocol: str, devices: Sequence[SimulatedDevice], port: int = 0) -> None:
        framer = FramerType.SOCKET if protocol == "tcp" else FramerType.RTU
        units = [_unit(device) for device in devices]
        self.connections = 0
        self._server = ModbusTcpServer(
            units, framer=framer, address=(LOOPBACK, port), trace_connect=self._connected
        )

    async def start(self) -> int:
        """Begin to listen; the port."""
        await self._server.serve_forever(background=True)
        transport = self._server.transport
        port: int = transport.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        return port

    async def stop(self) -> None:
        await self._server.shutdown()  # type: ignore[no-untyped-call]

    def _connected(self, is_open: bool) -> None:
        self.connections += is_open


class SerialServer:
    """All units of one serial line."""

    connections = 1

    def __init__(self, devices: Sequence[SimulatedDevice], port: str, baud: int) -> None:
        units = [_unit(device) for device in devices]
        self._server = ModbusSerialServer(units, framer=FramerType.RTU, port=port, baudrate=baud)

    async def start(self) -> None:
        await self._server.serve_forever(background=True)

    async def stop(self) -> None:
        await self._server.shutdown()  # type: ignore[no-untyped-call]


def _unit(device: SimulatedDevice) -> SimDevice:
    async def answer(
        fc: int,
        start: int,
        address: int,
        count: int,
        shown: list[int],
        written: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        try:
            await device.before_answering()
            if written is not None:
                device.write(fc, address, [int(value) for value in written])
            elif fc in (1, 2):
                _show_bits(device, fc, start, address, count, shown)
            else:
                shown[address - start : address - start + count] = device.read(fc, address, count)
        except IllegalAddressError:
            return ExcCodes.ILLEGAL_ADDRESS
        except DeviceFailureError:
            return ExcCodes.DEVICE_FAILURE
        return None

    tables = device.registers.tables
    return SimDevice(
        id=device.traits.unit_id,
        simdata=(
            [_bits(tables[1])],
            [_bits(tables[2])],
            [_words(tables[3])],
            [_words(tables[4])],
        ),
        action=answer,
    )


def _words(table: dict[int, int]) -> SimData:
    first, last = min(table, default=0), max(table, default=0)
    return SimData(first, count=last - first + 1, values=0, datatype=DataType.REGISTERS)


def _bits(table: dict[int, int]) -> SimData:
    first, last = min(table, default=0) // BITS, max(table, default=0) // BITS
    return SimData(first, values=[False] * (BITS * (last - first + 1)), datatype=DataType.BITS)


def _show_bits(
    device: SimulatedDevice, fc: int, start: int, address: int, registers: int, shown: list[int]
) -> None:
    """The server keeps bits sixteen to a register, and reads whole registers."""
    device.read(fc, address, 1)
    table = device.registers.tables[fc]
    first = address // BITS
    for index in range(registers):
        begin = (first + index) * BITS
        shown[first + index - start] = sum(table.get(begin + bit, 0) << bit for bit in range(BITS))
