"""All devices of the document: made, kept when untouched, left safe when given up, polled bus by bus."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from edge_runtime.departing import Address, Departing, address_of, write_safe
from edge_runtime.device import Device
from edge_runtime.field import FieldDevice
from edge_runtime.ledger import Ledger
from edge_runtime.limits import LocalLimits
from edge_runtime.polling import PROBE_PATIENCE_S, Polling
from edge_runtime.settings import DeviceSettings, settings_of
from edge_runtime.writing import SHARE_OF_A_PERIOD, Beside


class DocumentDeviceError(Exception):
    """A device whose profile the document does not carry, or whose host the local limits forbid."""


class Field(Protocol):
    """Where devices are found."""

    def device(self, settings: DeviceSettings) -> FieldDevice: ...


class Devices:
    """One bus is one line of devices that wait for each other; different buses do not.

    A device that answers is waited for, and a period too short for it is an overrun; one that does not is
    probed beside the cycle, so that it cannot hold up the others. `within_s` is the longest wait of a cycle.
    """

    within_s = math.inf
    period_s = math.inf

    def __init__(
        self,
        field: Field,
        limits: LocalLimits,
        ledger: Ledger | None = None,
        *,
        patience_s: float = PROBE_PATIENCE_S,
        write_share: float = SHARE_OF_A_PERIOD,
        may_hang: bool = True,
    ) -> None:
        self._field = field
        self._limits = limits
        self._ledger = ledger or Ledger(None)
        self._unread_ledger = True
        self._devices: dict[str, Device] = {}
        self._departing = Departing()
        self._refused: dict[str, str] = {}
        self._write_share = write_share
        self._beside = None if may_hang else Beside()
        self._polling = Polling(patience_s=patience_s, may_hang=may_hang)
        self._now_s = 0.0

    @property
    def by_id(self) -> Mapping[str, Device]:
        return self._devices

    def load(self, entries: Iterable[Mapping[str, Any]], profiles: Mapping[str, Any]) -> set[str]:
        """Take in the section; the names of devices that were given up or are reached elsewhere now.

        First those get their safe state at their old address. A device with the same entry and profile goes
        on undisturbed.
        """
        wanted = self._wanted(entries, profiles)
        before, self._devices = self._devices, {}
        given_up = {
            name: device
            for name, device in before.items()
            if name not in wanted or wanted[name].control != device.settings.control
        }
        self._departing.leave(given_up.values(), self._now_s, self.within_s)
        for name, settings in wanted.items():
            kept = before.get(name) if name not in given_up else None
            self._devices[name] = self._device(settings, kept)
        owners = {address_of(device): device for device in self._devices.values()}
        self._take_over_debts(owners)
        unsafe = [device for device in given_up.values() if device.owed and address_of(device) in owners]
        for device in [*self._departing.give_up_on(set(owners)), *unsafe]:
            self._inherit(owners[address_of(device)], device)
        self._polling.gather(self._devices.values())
        return set(given_up)

    def poll(self, now_s: float, now_at: datetime) -> None:
        """Read every bus once; what a driver throws comes out here."""
        self._now_s = now_s
        part_s = self._write_share * self.period_s
        if self._beside is not None:
            self._beside.patience_s, self._beside.longest_s = part_s, self.within_s
        self._polling.read(now_s, now_at, self.within_s, part_s)
        departed = (lambda: self._departing.retry(now_s)) if self._departing.devices else None
        self._polling.probe(now_s, now_at, departed)
        for device in self._devices.values():
            device.expire(now_s, self.period_s)

    def write_safe_states(self, *, insist: bool = True, in_cycle: bool = False) -> dict[str, bool]:
        """Every device's safe state: which were written, which could not be, or not yet within a cycle."""
        departed = self._departing.devices if insist else []
        within_s = self.within_s if in_cycle and self._beside is not None else None
        return write_safe([*departed, *self._devices.values()], insist=insist, within_s=within_s)

    def alarms(self) -> dict[str, tuple[str, str]]:
        """Of devices that could not be left safe, and of those that are others than expected."""
        mistaken = {
            f"_identity_{name}": (f"{name}/SerialNumber", device.refuses_writes)
            for name, device in self._devices.items()
            if device.refuses_writes is not None
        }
        return self._departing.alarms() | mistaken

    def health(self) -> dict[str, Any]:
        refused = {
            name: {"ok": False, "last_read_at": None, "errors": 0, "detail": why}
            for name, why in self._refused.items()
        }
        return {**{name: device.health() for name, device in self._devices.items()}, **refused}

    def close(self) -> None:
        self._polling.close()
        if self._beside is not None:
            self._beside.close()
        for device in [*self._devices.values(), *self._departing.devices]:
            device.close()

    # --- taking in a section

    def _wanted(
        self, entries: Iterable[Mapping[str, Any]], profiles: Mapping[str, Any]
    ) -> dict[str, DeviceSettings]:
        wanted: dict[str, DeviceSettings] = {}
        self._refused = {}
        for entry in entries:
            name = entry["device_id"]
            try:
                wanted[name] = self._settings(entry, profiles)
            except DocumentDeviceError as error:
                self._refused[name] = str(error)
        return wanted

    def _settings(self, entry: Mapping[str, Any], profiles: Mapping[str, Any]) -> DeviceSettings:
        profile = profiles.get(entry["profile"])
        if profile is None:
            raise DocumentDeviceError(f"the document does not carry the profile {entry['profile']}")
        settings = settings_of(entry, profile)
        if settings.host and not self._limits.allows_host(settings.host):
            raise DocumentDeviceError(f"the local limits do not allow the host {settings.host}")
        return settings

    def _device(self, settings: DeviceSettings, before: Device | None) -> Device:
        if before is not None and before.settings.is_but_for_limits(settings):
            before.settings = settings
            return before
        device = Device(settings, self._field.device(settings), self._ledger.book, self._beside)
        if before is not None:
            device.take_over(before)
            before.close()
        return device

    def _inherit(self, owner: Device, device: Device) -> None:
        """What stands at this address now is left safe by its own profile, unless somebody drives it."""
        if owner.settings.can_be_driven:
            owner.owed = True
        else:
            self._ledger.strike(device.settings)

    def _take_over_debts(self, owners: Mapping[Address, Device]) -> None:
        """What an earlier run drove is driven on, or left safe by whoever has its address now."""
        if not self._unread_ledger:
            return
        self._unread_ledger = False
        for debt in self._ledger.read():
            settings = debt.settings
            device = Device(settings, self._field.device(settings), self._ledger.book)
            device.owed = True
            owner = owners.get(address_of(device))
            if owner is not None:
                self._inherit(owner, device)
            if owner is None and (not settings.host or self._limits.allows_host(settings.host)):
                self._departing.owe(device, self._now_s)
            else:
                device.close()
