"""A whole core over Modbus, turned by hand, with simulated devices at the demo document's addresses."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from edge_runtime.core import Core, Turn
from edge_runtime.devices import Devices
from edge_runtime.document import make_document
from edge_runtime.field import UnreachableError
from edge_runtime.ledger import Ledger
from edge_runtime.limits import LocalLimits
from edge_runtime.modbus.field import ModbusField
from tests.edge_runtime.modbus.wire import AT, HandClock, Json, Loop, Simulated, listening, simulated
from tests.edge_runtime.plant import DEMO

METER, BATTERY, INVERTER = "10.20.0.10:502", "10.20.0.11:502", "10.20.0.12:502"
OTHER = "10.20.0.21:502"
LOAD_WATTS = 2000.0


@dataclass
class Yard:
    """`plugged` says which device answers at which address of the document."""

    loop: Loop
    ports: dict[str, int] = field(default_factory=dict)
    clock: HandClock = field(default_factory=HandClock)
    ledger: Path | None = None
    limits: LocalLimits = field(default_factory=LocalLimits)
    patience_s: float = 10.0  # a loaded machine may be slow; what hangs says less
    write_share: float = 20.0  # of a period, for the same reason
    core: Core = field(init=False)
    devices: Devices = field(init=False)

    def __post_init__(self) -> None:
        self.boot()

    def boot(self) -> None:
        """A runtime that knows nothing but its ledger: also what follows a kill."""
        self.devices = Devices(
            ModbusField(self._route),
            self.limits,
            Ledger(self.ledger),
            patience_s=self.patience_s,
            write_share=self.write_share,
            may_hang=False,
        )
        self.core = Core(self.devices, self.limits)

    def _route(self, end: str) -> str:
        if end not in self.ports:
            raise UnreachableError(f"no connection to {end}")
        return f"127.0.0.1:{self.ports[end]}"

    def load(self, made: Json) -> None:
        self.core.load(make_document(made))

    def turn(self, times: int = 1, seconds: float = 1.0) -> Json:
        for _ in range(times):
            self.clock.now_s += seconds
            self.core.turn(
                Turn(
                    now_s=self.clock.now_s,
                    now_at=AT + timedelta(seconds=self.clock.now_s),
                    plant_s=self.clock.now_s,
                    cycle_values={"_cycle/MeasuredCycleTime": 1.0, "_cycle/Overruns": 0.0},
                    still_mine=lambda: True,
                )
            )
        return self.core.health()

    @contextlib.contextmanager
    def plugged(self, end: str, *devices: Simulated) -> Iterator[None]:
        """While this lasts, these devices answer at this address."""
        with listening(self.loop, *(one.device for one in devices)) as port:
            self.ports[end] = port
            try:
                yield
            finally:
                self.ports.pop(end, None)


@contextlib.contextmanager
def yard(loop: Loop, **more: Any) -> Iterator[tuple[Yard, Simulated, Simulated]]:
    """The core with the demo's battery and its meter, which shows a constant house less the battery."""
    made = Yard(loop, **more)
    battery, meter = simulated(), simulated("sunspec_meter", serial="MTR-1")
    follow_the_house(meter, battery)
    try:
        with made.plugged(METER, meter), made.plugged(BATTERY, battery):
            yield made, battery, meter
            made.devices.close()
    finally:
        made.devices.close()


def follow_the_house(meter: Simulated, *batteries: Simulated) -> None:
    def measured() -> dict[str, float]:
        return {"ActivePower": LOAD_WATTS - sum(one.plant.battery.power_watts for one in batteries)}

    meter.plant.measured = measured


def devices(*ids: str, **battery: Any) -> Json:
    """The demo's devices of these names; `battery` changes members of bms_main (connection's merged)."""
    wanted = ids or ("meter_grid", "bms_main")
    connection = battery.pop("connection", {})
    made = []
    for entry in DEMO["modbus_devices"]:
        own = entry["device_id"] == "bms_main"
        quick = {**entry["connection"], "timeout_ms": 200, "retries": 0, **(connection if own else {})}
        if entry["device_id"] in wanted:
            made.append({**entry, **(battery if own else {}), "connection": quick})
    return {"modbus_devices": made}


def nobody() -> Json:
    return {"scheduler": {"controllers": []}}
