"""A site file on the wire: every device that has a Modbus face, answering on loopback."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge_runtime.house import Clock, House
from edge_runtime.simulated.devices import SimulatedDevice, Traits, Turns
from edge_runtime.simulated.faces import Front, fronts_of
from edge_runtime.simulated.metered import MeteredHouse
from edge_runtime.simulated.pty_line import PseudoLine
from edge_runtime.simulated.registers import DeviceRegisters
from edge_runtime.simulated.servers import LOOPBACK, LoopbackServer, SerialServer
from edge_runtime.site import Site, SiteError, read_site

HOUSE_WATTS: Final = 30_000.0
LINE_BAUD: Final = 115_200


@dataclass(slots=True)
class Unit:
    """A device with its front."""

    front: Front
    device: SimulatedDevice


class SimulatedSite:
    """Starts a server for each host or serial line, and lets time pass in the house behind them."""

    def __init__(self, site: Site, fronts: Sequence[Front], *, clock: Clock, speed: float) -> None:
        house = House(site, clock=clock, speed=speed)
        self._plant = MeteredHouse(house, site)
        turns = Turns()
        self.units = [Unit(front, _device(front, site, self._plant, clock, turns)) for front in fronts]
        self._clock = clock
        self._begun_s = clock()
        self._servers: dict[str, LoopbackServer | SerialServer] = {}
        self._lines: list[PseudoLine] = []

    async def start(self) -> dict[str, str]:
        """Begin to listen. From where documents look for each line to where it is: a simulation file."""
        ends: dict[str, str] = {}
        for end in dict.fromkeys(unit.front.end for unit in self.units):
            units = [unit for unit in self.units if unit.front.end == end]
            ends[end] = await self._serve(end, units)
        return ends

    async def stop(self) -> None:
        for unit in self.units:
            unit.device.released.set()
        for server in self._servers.values():
            await server.stop()
        for line in self._lines:
            line.close()
        self._servers, self._lines = {}, []

    async def tick(self) -> None:
        """Let the house and every reversion timer come up to now; what is to vanish, vanishes."""
        self._plant.tick()
        for unit in self.units:
            unit.device.tick()
            if unit.device.has_vanished and unit.front.end in self._servers:
                await self._servers.pop(unit.front.end).stop()

    def state(self) -> dict[str, Any]:
        """Every device as it sees itself: for whoever asks what the runtime really did."""
        return {
            unit.front.device_id: {
                "readings": self._plant.readings(unit.front.device_id),
                "set_point_w": unit.device.set_point_watts,
                "outputs": unit.device.outputs,
                "followed": [[one.watts, one.reads] for one in unit.device.followed],
                "connections": self._connections[unit.front.end],
                "reads": unit.device.reads,
                "waits": unit.device.turns.waits(unit.front.device_id),
                "writes": len(unit.device.writes),
                "last_write_s": unit.device.writes[-1].at_s - self._begun_s if unit.device.writes else None,
                "reversions": unit.device.reversions,
            }
            for unit in self.units
        }

    @property
    def _connections(self) -> Mapping[str, int]:
        """How often each end was connected to; what is unplugged keeps no count."""
        return defaultdict(int, {end: server.connections for end, server in self._servers.items()})

    async def _serve(self, end: str, units: Sequence[Unit]) -> str:
        devices = [unit.device for unit in units]
        face = units[0].front.face
        if face.protocol == "rtu":
            line = PseudoLine()
            self._lines.append(line)
            serial = SerialServer(devices, line.near, LINE_BAUD)
            await serial.start()
            self._servers[end] = serial
            return line.far
        server = LoopbackServer(face.protocol, devices, face.listen)
        port = await server.start()
        self._servers[end] = server
        return f"{LOOPBACK}:{port}"


def read_simulated_site(path: Path, *, clock: Clock, speed: float) -> SimulatedSite:
    """Errors: SiteError, RecordingError, OSError."""
    site = read_site(path)
    fronts = fronts_of(site, path.parent)
    if not fronts:
        raise SiteError(f"{path}: no device has a modbus member")
    return SimulatedSite(site, fronts, clock=clock, speed=speed)


def _device(front: Front, site: Site, plant: MeteredHouse, clock: Clock, turns: Turns) -> SimulatedDevice:
    described = site.devices[front.device_id]
    rating = described.battery
    watts = max(rating.max_charge_watts, rating.max_discharge_watts) if rating else HOUSE_WATTS
    largest = {"W": watts, **({"Wh": rating.capacity_wh} if rating else {})}
    registers = DeviceRegisters(front.profile, described.serial, largest, front.face.base_address)
    if rating is not None:
        registers.put("MaxCharge", rating.max_charge_watts)
    traits = Traits(
        device_id=front.device_id,
        unit_id=front.face.unit_id,
        takes_set_points=rating is not None,
        reversion_point=front.profile.get("reversion", {}).get("point"),
        answer_s=described.answer_ms / 1000,
        defect=described.defect,
        outputs=tuple(
            point["name"] for point in front.profile["points"] if point["fc"] == 1 and point["access"] == "RW"
        ),
    )
    return SimulatedDevice(traits, registers, plant, clock, turns)
