"""The lines that buses run on: Modbus TCP, RTU frames over TCP, a serial line. One line is one bus."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

from edge_runtime.field import UnreachableError

# What goes wrong is said by our own errors, once, with the device's name.
logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)

Client = ModbusTcpClient | ModbusSerialClient
Route = Callable[[str], str]
"""From where a line ends according to the document to where it is dialled. Errors: UnreachableError."""

SERIAL_BYTE_BITS: Final = 8


def straight(end: str) -> str:
    """The route of a real site: the document's own address."""
    return end


@dataclass(frozen=True, slots=True)
class Line:
    """`end` is `host:port`, or the device file of a serial line; the last three are a serial line's alone."""

    protocol: str
    end: str
    baud: int = 0
    parity: str = "N"
    stop_bits: int = 1

    @property
    def is_serial(self) -> bool:
        return self.protocol == "rtu"

    @property
    def tells_answers_apart(self) -> bool:
        """RTU frames carry no transaction number: a late answer looks like the next one's."""
        return self.protocol == "tcp"

    def client(self, route: Route, timeout_s: float) -> Client:
        """A client that is not connected yet. Errors: UnreachableError where the route ends."""
        end = route(self.end)
        if self.is_serial:
            return self._serial(end, timeout_s)
        host, _, port = end.rpartition(":")
        framer = FramerType.SOCKET if self.protocol == "tcp" else FramerType.RTU
        return ModbusTcpClient(host, port=int(port), framer=framer, timeout=timeout_s, retries=0)

    def _serial(self, end: str, timeout_s: float) -> Client:
        if not is_device_file(end):
            raise UnreachableError(f"{end} is no device file")
        return ModbusSerialClient(
            end,
            baudrate=self.baud,
            bytesize=SERIAL_BYTE_BITS,
            parity=self.parity,
            stopbits=self.stop_bits,
            timeout=timeout_s,
            retries=0,
        )


def is_device_file(end: str) -> bool:
    """pyserial would also open URLs (socket://host:port), past every rule about hosts."""
    return end.startswith("/dev/") and ".." not in end


def line_of(connection: Mapping[str, Any]) -> Line:
    """The line that a document's connection (defaults filled in) names."""
    if connection["protocol"] == "rtu":
        serial = connection["serial"]
        return Line("rtu", serial["device"], serial["baud"], serial["parity"], serial["stop_bits"])
    return Line(connection["protocol"], f"{connection['host']}:{connection['port']}")
