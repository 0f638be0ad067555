"""Builders: simulated devices on real loopback sockets, and the runtime's devices that talk to them."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from edge_protocol.defaults import with_defaults
from edge_protocol.registry import builtin_profiles
from edge_runtime.battery import Battery, BatteryRating
from edge_runtime.device import Device
from edge_runtime.modbus.field import ModbusField
from edge_runtime.settings import DeviceSettings, settings_of
from edge_runtime.simulated.devices import SimulatedDevice, Traits
from edge_runtime.simulated.registers import BASE, DeviceRegisters
from edge_runtime.simulated.servers import LOOPBACK, LoopbackServer
from edge_runtime.site import Defect

AT = datetime(2026, 2, 15, 10, 30, tzinfo=UTC)
PROFILES = builtin_profiles()
REAL_RATING = BatteryRating(13_500, 5000, 5000)

Json = dict[str, Any]


@dataclass
class HandClock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class BenchPlant:
    """A battery without a house: what it was told, and what it shows."""

    battery: Battery = field(default_factory=lambda: Battery(REAL_RATING, soc_percent=60))
    shown: dict[str, float] = field(default_factory=dict)
    measured: Callable[[], dict[str, float]] = dict

    def readings(self, device_id: str) -> dict[str, float]:
        return {
            "ActivePower": self.battery.power_watts,
            "Soc": self.battery.soc_percent,
            "Temperature": 21.5,
            "Cycles": 3.0,
            "Capacity": self.battery.rating.capacity_wh,
            "MaxChargePower": self.battery.rating.max_charge_watts,
            "MaxDischargePower": self.battery.rating.max_discharge_watts,
            **self.shown,
            **self.measured(),
        }

    def command(self, device_id: str, watts: float) -> None:
        self.battery.set_point_watts = watts


@dataclass
class Simulated:
    """A simulated device with what stands around it."""

    device: SimulatedDevice
    plant: BenchPlant
    clock: HandClock

    @property
    def power(self) -> float:
        self.device.tick()
        return self.plant.battery.power_watts


def simulated(
    profile: str | Json = "tesla_powerwall_2",
    *,
    unit_id: int = 1,
    serial: str = "BMS-0001",
    base: int = BASE,
    defect: Defect | None = None,
) -> Simulated:
    body = PROFILES[profile] if isinstance(profile, str) else profile
    reversion = body.get("reversion", {}).get("point")
    registers = DeviceRegisters(body, serial, {"W": 5000, "Wh": 13_500}, base)
    plant, clock = BenchPlant(), HandClock()
    takes = registers.has("SetActivePower") or registers.has("StorageControl")
    traits = Traits("bms_main", unit_id, takes, reversion, defect=defect)
    device = SimulatedDevice(traits, registers, plant, clock)
    return Simulated(device, plant, clock)


class Loop:
    """An event loop in a thread of its own, where servers live."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def listening(loop: Loop, *devices: SimulatedDevice, protocol: str = "tcp", port: int = 0) -> Iterator[int]:
    """The devices as units of one server on a loopback port."""

    async def start() -> tuple[LoopbackServer, int]:
        server = LoopbackServer(protocol, devices, port)
        return server, await server.start()

    async def stop() -> None:
        for device in devices:
            device.released.set()
        await server.stop()

    server, found = loop.run(start())
    try:
        yield found
    finally:
        loop.run(stop())


def entry(profile: str, port: int, device_id: str = "bms_main", **changes: Any) -> Json:
    connection = {"protocol": "tcp", "host": LOOPBACK, "port": port, **changes.pop("connection", {})}
    return {"device_id": device_id, "profile": profile, "connection": connection, **changes}


def settings(made: Json, profiles: Mapping[str, Json] = PROFILES) -> DeviceSettings:
    filled = with_defaults({"modbus_devices": [made], "profiles": dict(profiles)})
    return settings_of(filled["modbus_devices"][0], profiles[made["profile"]])


@dataclass
class Met:
    """A device of the runtime over the wire, polled by hand."""

    device: Device
    clock: HandClock = field(default_factory=HandClock)

    def poll(self, times: int = 1, seconds: float = 1.0) -> Mapping[str, float | None]:
        for _ in range(times):
            self.clock.now_s += seconds
            self.device.poll(self.clock.now_s, AT)
        return self.device.values


@contextlib.contextmanager
def met(
    made: Json, profiles: Mapping[str, Json] = PROFILES, modbus: ModbusField | None = None
) -> Iterator[Met]:
    wanted = settings(made, profiles)
    device = Device(wanted, (modbus or ModbusField()).device(wanted))
    try:
        yield Met(device)
    finally:
        device.close()


def registers_map(points: Sequence[Json], **more: Any) -> Json:
    """A profile with a plain register map."""
    return {
        "profile_id": "plain",
        "version": "1.0.0",
        "vendor": "Test",
        "model": "Plain",
        "role": "ess",
        "protocols": ["tcp", "rtu_over_tcp", "rtu"],
        "addressing": "register",
        "word_order": "big",
        "points": list(points),
        **more,
    }


def point(name: str, address: int, kind: str = "int16", **more: Any) -> Json:
    base = {"name": name, "fc": 3, "address": address, "type": kind, "unit": "W", "access": "R"}
    return {**base, "group_default": "fast", **more}
