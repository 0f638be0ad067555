"""All devices of the document: made, kept when untouched, polled bus by bus at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, Protocol

from edge_runtime.device import Device, DeviceSettings, settings_of
from edge_runtime.field import FieldDevice
from edge_runtime.limits import LocalLimits


class DocumentDeviceError(Exception):
    """A device whose profile the document does not carry, or whose host the local limits forbid."""


class Field(Protocol):
    """Where devices are found."""

    def device(self, settings: DeviceSettings) -> FieldDevice: ...


class Devices:
    """One bus is one line of devices that wait for each other; different buses do not."""

    def __init__(self, field: Field, limits: LocalLimits) -> None:
        self._field = field
        self._limits = limits
        self._devices: dict[str, Device] = {}
        self._refused: dict[str, str] = {}
        self._buses: list[list[Device]] = []
        self._pool: ThreadPoolExecutor | None = None

    @property
    def by_id(self) -> Mapping[str, Device]:
        return self._devices

    def load(self, entries: Iterable[Mapping[str, Any]], profiles: Mapping[str, Any]) -> None:
        """Take in the section. A device with the same entry and profile goes on undisturbed."""
        kept, self._devices, self._refused = self._devices, {}, {}
        for entry in entries:
            name = entry["device_id"]
            try:
                self._devices[name] = self._device(entry, profiles, kept.get(name))
            except DocumentDeviceError as error:
                self._refused[name] = str(error)
        self._gather_buses()

    def poll(self, now_s: float, now_at: datetime) -> None:
        """Read every bus once; what a driver throws comes out here."""

        def poll_bus(bus: list[Device]) -> None:
            for device in bus:
                device.poll(now_s, now_at)

        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=max(len(self._buses), 1), thread_name_prefix="bus")
        for answer in [self._pool.submit(poll_bus, bus) for bus in self._buses]:
            answer.result()

    def write_safe_states(self) -> dict[str, bool]:
        """Every device's safe state: which were written, which could not be."""
        return {name: device.write_safe_state() for name, device in self._devices.items()}

    def health(self) -> dict[str, Any]:
        refused = {
            name: {"ok": False, "last_read_at": None, "errors": 0, "detail": why}
            for name, why in self._refused.items()
        }
        return {**{name: device.health() for name, device in self._devices.items()}, **refused}

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=False)
            self._pool = None

    def _device(self, entry: Mapping[str, Any], profiles: Mapping[str, Any], before: Device | None) -> Device:
        profile = profiles.get(entry["profile"])
        if profile is None:
            raise DocumentDeviceError(f"the document does not carry the profile {entry['profile']}")
        settings = settings_of(entry, profile)
        if not self._limits.allows_host(settings.host):
            raise DocumentDeviceError(f"the local limits do not allow the host {settings.host}")
        if before is not None and before.settings == settings:
            return before
        return Device(settings, self._field.device(settings))

    def _gather_buses(self) -> None:
        buses: dict[str, list[Device]] = {}
        for device in self._devices.values():
            buses.setdefault(device.settings.bus, []).append(device)
        if len(buses) != len(self._buses):
            self.close()
        self._buses = list(buses.values())
