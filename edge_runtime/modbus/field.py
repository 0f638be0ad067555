"""The Modbus field: devices by their connection, one bus for all that share a line."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from edge_runtime.field import FieldDevice
from edge_runtime.modbus.bus import Bus
from edge_runtime.modbus.device import ModbusDevice
from edge_runtime.modbus.lines import Line, Route, line_of, straight
from edge_runtime.settings import DeviceSettings


@dataclass(slots=True)
class SharedBus:
    """A bus and how many devices use it."""

    bus: Bus
    users: int = 0


class ModbusField:
    """Opens a line for its first device and closes it after its last."""

    def __init__(self, route: Route = straight) -> None:
        self._route = route
        self._lock = threading.Lock()
        self._buses: dict[Line, SharedBus] = {}

    def device(self, settings: DeviceSettings) -> FieldDevice:
        line = line_of(settings.connection)
        with self._lock:
            shared = self._buses.setdefault(line, SharedBus(Bus(line, self._route)))
            shared.users += 1
        return ModbusDevice(settings, shared.bus, lambda: self._give_back(line, shared))

    def _give_back(self, line: Line, shared: SharedBus) -> None:
        with self._lock:
            shared.users -= 1
            if shared.users:
                return
            if self._buses.get(line) is shared:
                del self._buses[line]
        shared.bus.close()
