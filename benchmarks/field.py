"""The runtime in the field: 100 Modbus devices with 1,000 points at a period of 1 s.

    python -m benchmarks.field [--seconds 600] [--devices 100] [--period-ms 1000] [--json]

A simulated site answers from a process of its own on loopback ports, made of the shipped profiles: one meter,
a fifth batteries, each driven by a controller, the rest inverters. The core cycle runs in this process: its
processor time and memory are measured, and its jitter is the distance between the begins of two turns less
the period.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from edge_protocol.registry import builtin_profiles, named_profiles
from edge_runtime.core import Core, Turn
from edge_runtime.cycle import Clocks, Cycle, Measure
from edge_runtime.devices import Devices
from edge_runtime.document import make_document
from edge_runtime.limits import LocalLimits
from edge_runtime.modbus.field import ModbusField
from edge_runtime.modbus.routes import read_routes

POINTS_EACH = 10
BATTERY = {"capacity_wh": 13_500, "max_charge_w": 5000, "max_discharge_w": 5000}


class TimedCore(Core):
    """Remembers when each turn began."""

    def __init__(self, devices: Devices, limits: LocalLimits) -> None:
        super().__init__(devices, limits)
        self.begun_s: list[float] = []

    def turn(self, turn: Turn) -> None:
        self.begun_s.append(turn.now_s)
        super().turn(turn)


def kind_of(number: int, count: int) -> tuple[str, str, dict[str, Any]]:
    if number == 0:
        return "grid_meter", "sunspec_meter", {}
    if number <= count // 5:
        return "battery", "tesla_powerwall_2", BATTERY
    return "pv_inverter", "sma_sunny_tripower", {}


def world(count: int, period_ms: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The site file and the document of so many devices."""
    stands: dict[str, Any] = {}
    devices, controllers = [], []
    for number in range(count):
        kind, profile, more = kind_of(number, count)
        name, host = f"dev_{number}", f"10.1.{number // 250}.{number % 250 + 1}"
        stands[name] = {"kind": kind, "serial": name, "modbus": {"profile": profile, "host": host}, **more}
        devices.append(
            {
                "device_id": name,
                "profile": profile,
                "connection": {"protocol": "tcp", "host": host},
                "poll_groups": groups(profile),
            }
        )
        if kind == "battery":
            parameters = {"power_watts": 10 * number, "ess_id": name}
            entry = {"id": f"ctrl{number}", "class": "FixActivePowerController", "execution_order": number}
            controllers.append({**entry, "parameters": parameters})
    document = {
        "core_cycle": {"period_ms": period_ms},
        "scheduler": {"controllers": controllers},
        "modbus_devices": devices,
        "alarms": [],
    }
    profiles = named_profiles(document, builtin_profiles())
    site = {"house": {"load_w": 30_000, "pv_w": 5000}, "devices": stands}
    return site, {"version": 1, "edge_id": "bench", "profiles": profiles, **document}


def groups(profile: str) -> dict[str, list[str]]:
    points = [point for point in builtin_profiles()[profile]["points"] if point["type"] != "string"]
    fast = [point["name"] for point in points if point["group_default"] == "fast"]
    slow = [point["name"] for point in points if point["group_default"] == "slow"]
    return {"fast": fast, "slow": slow[: POINTS_EACH - len(fast)]}


@contextmanager
def simulated(folder: Path, site: dict[str, Any]) -> Iterator[Path]:
    (folder / "site.json").write_text(json.dumps(site))
    command = [sys.executable, "-m", "edge_runtime", "simulate-site", "--site", str(folder / "site.json")]
    command += ["--map", str(folder / "map.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield folder / "map.json"
        finally:
            process.terminate()


def run(seconds: float, count: int, period_ms: int) -> dict[str, Any]:
    site, body = world(count, period_ms)
    with tempfile.TemporaryDirectory(prefix="ems-bench-") as folder, simulated(Path(folder), site) as found:
        devices = Devices(ModbusField(read_routes(found)), LocalLimits(), may_hang=False)
        core = TimedCore(devices, LocalLimits())
        clocks = Clocks(time.monotonic, lambda: datetime.now(UTC), time.monotonic)
        cycle = Cycle(core, clocks, make_document(body), Measure(), lambda: None)
        took: list[float] = []
        thread = threading.Thread(target=cycle.run)
        spent_s, began_s = time.process_time(), time.monotonic()
        thread.start()
        pause = threading.Event()
        while time.monotonic() - began_s < seconds:
            pause.wait(period_ms / 1000)
            took.append(cycle.measure.measured_ms)
        cycle.stop()
        thread.join()
        spent_s = time.process_time() - spent_s
        written, health = core.stop(), core.health()
        devices.close()
    return {
        **cycle_facts(core.begun_s, took, period_ms),
        "overruns": cycle.measure.overruns_total,
        "devices_ok": sum(device["ok"] for device in health["devices"].values()),
        "safe_at_the_end": all(written.values()),
        "processor_percent": round(100 * spent_s / (time.monotonic() - began_s), 1),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def cycle_facts(begun_s: list[float], took_ms: list[float], period_ms: int) -> dict[str, Any]:
    apart = [1000 * (after - before) - period_ms for before, after in pairwise(begun_s)]
    return {
        "cycles": len(begun_s),
        "turn_ms_median": round(statistics.median(took_ms), 1),
        "turn_ms_max": round(max(took_ms), 1),
        "jitter_ms_median": round(statistics.median(apart), 2),
        "jitter_ms_p99": round(statistics.quantiles(apart, n=100)[98], 2),
        "jitter_ms_max": round(max(apart), 2),
    }


def facts(seconds: float, count: int, period_ms: int) -> dict[str, Any]:
    found = run(seconds, count, period_ms)
    return {
        "scenario": "field",
        "method": f"{count} devices, {count * POINTS_EACH} points, {period_ms} ms, for {seconds:g} s",
        "circumstances": {"python": sys.version.split()[0], "cpus": os.cpu_count()},
        "results": found,
        "held": found["overruns"] == 0 and found["devices_ok"] == count,
    }


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.field")
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--period-ms", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = facts(chosen.seconds, chosen.devices, chosen.period_ms)
    if chosen.json:
        print(json.dumps(found, indent=2))
        return 0
    print(f"{found['scenario']}: {found['method']}")
    for name, value in found["results"].items():
        print(f"  {name:<20}{value:>10}")
    print("held" if found["held"] else "NOT held")
    return 0


if __name__ == "__main__":
    sys.exit(main())
