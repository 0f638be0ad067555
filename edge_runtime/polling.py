"""Reading the buses of a document: those that answer are waited for, the others are probed beside the cycle.

What is under way on a bus stays there until it ends: no bus is asked twice at a time, and none holds up the
cycle for longer than it is told to wait. A device whose answer is late has no values and takes no set-points.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge_runtime.device import Device

PROBE_PATIENCE_S: Final = 0.1
"""How long a cycle waits for devices that did not answer before; then they are read beside it."""

DEPARTED: Final = ""
"""Where the probe of departed devices stands among those of the buses."""


@dataclass(frozen=True, slots=True)
class Work:
    """Devices that are being read."""

    devices: Sequence[Device]
    end: Future[None]


class Polling:
    """One line of devices for each bus.

    `may_hang`: a driver may never come back. It is waited for all the same, and the watchdog sees it; only
    one that gives up by itself may work beside the cycle.
    """

    def __init__(self, *, patience_s: float, may_hang: bool) -> None:
        self._patience_s = patience_s
        self._may_hang = may_hang
        self._buses: dict[str, list[Device]] = {}
        self._reads: dict[str, Work] = {}
        self._probes: dict[str, Future[None]] = {}
        self._pool: ThreadPoolExecutor | None = None

    def gather(self, devices: Iterable[Device]) -> None:
        """Take these devices from now on; what is under way ends by itself."""
        self._buses = {}
        for device in devices:
            self._buses.setdefault(device.settings.bus, []).append(device)
        self.close()

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def read(self, now_s: float, now_at: datetime, within_s: float, behind_s: float) -> None:
        """Every device that answered the last time. Errors: what a driver throws.

        On a bus where a write is still under way since the last cycle it is waited for `behind_s` at most.
        """
        pool = self._workers()
        for bus, devices in self._buses.items():
            well = [device for device in devices if device.was_read]
            if well and bus not in self._reads:
                self._reads[bus] = Work(well, pool.submit(_poll, well, now_s, now_at))
        occupied = {bus for bus, devices in self._buses.items() if any(one.is_writing for one in devices)}
        ends = [work.end for bus, work in self._reads.items() if bus not in occupied]
        wait(ends, timeout=None if self._may_hang or math.isinf(within_s) else within_s)
        behind_a_write = [work.end for bus, work in self._reads.items() if bus in occupied]
        wait(behind_a_write, timeout=behind_s)
        for bus, work in list(self._reads.items()):
            late = not work.end.done()
            for device in work.devices:
                device.is_late = late
            if not late:
                del self._reads[bus]
                work.end.result()

    def probe(self, now_s: float, now_at: datetime, retry_departed: Callable[[], None] | None) -> None:
        """Every device that did not answer and is due, and those that left. Errors: what a driver throws."""
        for bus, probe in list(self._probes.items()):
            if probe.done():
                del self._probes[bus]
                probe.result()
        fresh = {bus: due for bus, devices in self._buses.items() if (due := _due(devices, now_s))}
        pool, begun = self._workers(), list[Future[None]]()
        for bus, due in fresh.items():
            if bus not in self._probes and bus not in self._reads:
                self._probes[bus] = pool.submit(_poll, due, now_s, now_at)
                begun.append(self._probes[bus])
        if retry_departed is not None and DEPARTED not in self._probes:
            self._probes[DEPARTED] = pool.submit(retry_departed)
            begun.append(self._probes[DEPARTED])
        done, _ = wait(begun, timeout=None if self._may_hang else self._patience_s)
        for answer in done:
            answer.result()

    def _workers(self) -> ThreadPoolExecutor:
        """A worker for each bus, and one more for each that is being probed."""
        if self._pool is None:
            workers = 2 * len(self._buses) + 1
            self._pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="bus")
        return self._pool


def _due(devices: Sequence[Device], now_s: float) -> list[Device]:
    return [device for device in devices if not device.was_read and device.is_due(now_s)]


def _poll(devices: Sequence[Device], now_s: float, now_at: datetime) -> None:
    for device in devices:
        device.poll(now_s, now_at)
