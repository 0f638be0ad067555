"""Devices that left the document: their old address gets its safe state first, and again until it took it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

from edge_runtime.device import Device

log = logging.getLogger(__name__)

LEAVE_WITHIN_S: Final = 3.0
OWED_FOR_S: Final = 86_400.0
Address = tuple[str, int]


def address_of(device: Device) -> Address:
    return device.settings.bus, device.settings.connection["unit_id"]


def write_safe(devices: Sequence[Device], *, insist: bool, within_s: float | None = None) -> dict[str, bool]:
    """Every device's safe state, bus by bus at the same time; False for one that was not done in time."""
    lines: dict[str, list[Device]] = {}
    for device in devices:
        lines.setdefault(device.settings.bus, []).append(device)
    if not lines:
        return {}
    written = {device.device_id: False for device in devices}

    def write_line(line: list[Device]) -> None:
        for device in line:
            written[device.device_id] = device.write_safe_state(insist=insist)

    pool = ThreadPoolExecutor(max_workers=len(lines), thread_name_prefix="safe-state")
    answers = [pool.submit(write_line, line) for line in lines.values()]
    pool.shutdown(wait=False)
    done, _ = wait(answers, timeout=within_s)
    for answer in done:
        answer.result()
    return dict(written)


class Departing:
    """Those whose safe state could not be written yet."""

    def __init__(self) -> None:
        self._since_s: dict[Device, float] = {}

    @property
    def devices(self) -> list[Device]:
        return list(self._since_s)

    def leave(self, devices: Iterable[Device], now_s: float, within_s: float) -> None:
        """The safe states of devices that the document gives up; what does not work is kept for later.

        The cycle waits for them, but not longer than `within_s`: its watchdog goes on.
        """
        writable: list[Device] = []
        rest: list[Device] = []
        for device in devices:
            (writable if _can_be_left_safe(device) else rest).append(device)
        written = write_safe(writable, insist=True, within_s=min(LEAVE_WITHIN_S, within_s))
        for device in writable:
            if written[device.device_id]:
                rest.append(device)
            else:
                log.error("%s left the document and could not be left safe", device.device_id)
                self._since_s[device] = now_s
        for device in rest:
            device.close()

    def owe(self, device: Device, now_s: float) -> None:
        """A device that an earlier run drove and that nobody drives now."""
        self._since_s[device] = now_s

    def give_up_on(self, taken: set[Address]) -> list[Device]:
        """Addresses that belong to a device of the document again are that one's affair."""
        return self._drop(device for device in self.devices if address_of(device) in taken)

    def retry(self, now_s: float) -> None:
        """One more try for each whose turn has come. Runs beside the cycle."""
        for device, since_s in list(self._since_s.items()):
            if device.leave(now_s):
                log.info("%s: its safe state is written at last", device.device_id)
                self._drop([device])
            elif now_s - since_s > OWED_FOR_S:
                log.error("%s never answered again: given up", device.device_id)
                self._drop([device])

    def alarms(self) -> dict[str, tuple[str, str]]:
        """As the core's own alarms: id to (channel, message)."""
        return {
            f"_left_unsafe_{device.device_id}": (
                f"{device.device_id}/ActivePower",
                f"{device.device_id} left the document; its safe state does not reach {device.settings.bus}",
            )
            for device in self.devices
        }

    def _drop(self, devices: Iterable[Device]) -> list[Device]:
        dropped = list(devices)
        for device in dropped:
            self._since_s.pop(device, None)
            device.close()
        return dropped


def _can_be_left_safe(device: Device) -> bool:
    """Not one that takes no writes at all, nor somebody else's under its address."""
    settings = device.settings
    return bool(settings.safe_writes or settings.can_be_driven) and device.refuses_writes is None
