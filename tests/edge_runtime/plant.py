"""Builders: documents and sites, a core turned by hand, a real runtime process."""

import contextlib
import copy
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_protocol.registry import builtin_profiles, named_profiles
from edge_runtime.core import Core, Turn
from edge_runtime.devices import Devices
from edge_runtime.document import Document, make_document
from edge_runtime.house import House
from edge_runtime.limits import LocalLimits
from edge_runtime.site import read_site

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = json.loads((Path(__file__).parent / "demo_document.json").read_text())
EXAMPLE_SITE = json.loads((REPOSITORY / "edge_runtime" / "data" / "example_site.json").read_text())
BEGUN_AT = datetime(2026, 2, 15, 10, 30, tzinfo=UTC)
PATIENCE = 1500  # turns of 20 ms: long enough for a loaded machine, never waited for when all is well

Json = dict[str, Any]


def body(version: int = 1, **changes: Any) -> Json:
    """The demo document as the agent writes it; `changes` replace sections."""
    made = {**copy.deepcopy(DEMO), **changes}
    profiles = named_profiles(made, builtin_profiles())
    return {
        "version": version,
        "digest": f"{version:064x}",
        "edge_id": "acme-north-1",
        "profiles": profiles,
        **made,
    }


def changed(section: str, pointer: tuple[Any, ...], value: Any) -> Json:
    """`{section: ...}` of the demo with one value replaced, for `body(**changed(...))`."""
    made = copy.deepcopy(DEMO[section])
    place = made
    for step in pointer[:-1]:
        place = place[step]
    place[pointer[-1]] = value
    return {section: made}


def device(device_id: str, **changes: Any) -> Json:
    """The demo's device section with members of one device replaced (connection members by `connection=`)."""
    devices = copy.deepcopy(DEMO["modbus_devices"])
    entry = next(entry for entry in devices if entry["device_id"] == device_id)
    entry["connection"] |= changes.pop("connection", {})
    entry |= changes
    return {"modbus_devices": devices}


def site(**devices: Json) -> Json:
    """The example site over a constant house; `devices` change members of its devices."""
    made = copy.deepcopy(EXAMPLE_SITE)
    made["house"] = {"load_w": 3000, "pv_w": 0}
    for name, members in devices.items():
        made["devices"][name] |= members
    return made


def only(*ids: str) -> Json:
    controllers = [entry for entry in copy.deepcopy(DEMO["scheduler"]["controllers"]) if entry["id"] in ids]
    return {"scheduler": {"controllers": controllers}}


def fixed(watts: int, order: int = 9) -> Json:
    return {
        "id": "ctrlFix0",
        "class": "FixActivePowerController",
        "execution_order": order,
        "parameters": {"power_watts": watts},
    }


@dataclass
class Bench:
    """A core with a clock that is turned by hand."""

    core: Core
    devices: Devices
    house: House
    clock: "HandClock"
    overruns: float = 0.0

    def load(self, made: Json) -> Document:
        document = make_document(made)
        self.core.load(document)
        return document

    def turn(self, times: int = 1, seconds: float = 1.0) -> Json:
        for _ in range(times):
            self.core.turn(
                Turn(
                    now_s=self.clock.now_s,
                    now_at=BEGUN_AT + timedelta(seconds=self.clock.now_s),
                    plant_s=self.house.running_s,
                    cycle_values={"_cycle/MeasuredCycleTime": 1.0, "_cycle/Overruns": self.overruns},
                    still_mine=lambda: True,
                )
            )
            self.clock.now_s += seconds
        return self.core.health()

    def power(self, device_id: str = "bms_main") -> float:
        return self.house.readings(device_id)["ActivePower"]


@dataclass
class HandClock:
    now_s: float = 0.0

    def __call__(self) -> float:
        return self.now_s


def bench(tmp_path: Path, made_site: Json | None = None, limits: LocalLimits | None = None) -> Bench:
    path = tmp_path / "site.json"
    path.write_text(json.dumps(made_site or site()))
    clock = HandClock()
    house = House(read_site(path), clock=clock)
    allowed = limits or LocalLimits()
    devices = Devices(house, allowed)
    return Bench(Core(devices, allowed), devices, house, clock)


@dataclass
class RuntimeProcess:
    """`python -m edge_runtime run` over a directory of its own."""

    process: "subprocess.Popen[bytes]"
    directory: Path
    log: Path

    def offer(self, made: Json) -> None:
        put_document(self.directory, made)
        self.process.send_signal(signal.SIGHUP)

    def health(self) -> Json:
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads((self.directory / "health.json").read_text()))
        return {}

    def until(self, wanted: Callable[[Json], bool]) -> Json:
        """The first health that is as wanted; a process that ends before fails with its log."""
        for _ in range(PATIENCE):
            health = self.health()
            if health and wanted(health):
                return health
            with contextlib.suppress(subprocess.TimeoutExpired):
                status = self.process.wait(timeout=0.02)
                raise AssertionError(f"the runtime ended with {status}: {self.log.read_text()}")
        raise AssertionError(f"never seen; the last was {health}; {self.log.read_text()}")

    def ends(self) -> int:
        return self.process.wait(timeout=30)


def put_document(directory: Path, made: Json) -> None:
    beside = directory / ".document.json.new"
    beside.write_text(json.dumps(made))
    beside.replace(directory / "document.json")


@contextlib.contextmanager
def running(
    tmp_path: Path, first: Json | None, made_site: Json | None = None, *more: str
) -> Iterator[RuntimeProcess]:
    directory, log, site_path = tmp_path / "runtime", tmp_path / "runtime.log", tmp_path / "site.json"
    directory.mkdir()
    site_path.write_text(json.dumps(made_site or site()))
    if first is not None:
        put_document(directory, first)
    command = [
        sys.executable,
        "-m",
        "edge_runtime",
        "run",
        "--dir",
        str(directory),
        "--site",
        str(site_path),
        *more,
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, stdout=output, stderr=output)
    try:
        yield RuntimeProcess(process, directory, log)
    finally:
        process.kill()
        process.wait()
