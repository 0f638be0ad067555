"""Who still owes a safe state: the devices that were given a set-point, kept over a restart.

A runtime that was killed may come back with a document that does not know a device any more; this file does.
"""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.device import Device
from edge_runtime.settings import DeviceSettings, settings_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Debt:
    """One device as it was configured when it was driven."""

    entry: Mapping[str, Any]
    profile: Mapping[str, Any]

    @property
    def settings(self) -> DeviceSettings:
        return settings_of(self.entry, self.profile)


class Ledger:
    """`owed.json` beside the health file: written when a device begins to owe and when it is safe again."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._debts: dict[str, Debt] = {}

    def read(self) -> list[Debt]:
        """What an earlier run left behind. A file that cannot be read is set aside, and said."""
        if self._path is None or not self._path.exists():
            return []
        try:
            body = json.loads(self._path.read_text(encoding="utf-8"))
            found = [Debt(debt["entry"], debt["profile"]) for debt in body["debts"]]
            self._debts = {_key(debt.settings): debt for debt in found}
        except (OSError, ValueError, KeyError, TypeError) as error:
            log.error("%s cannot be read (%s): set aside", self._path, error)
            self._path.replace(self._path.with_suffix(".unreadable"))
            return []
        return found

    def book(self, device: Device) -> None:
        """Note what `device.owed` says, durably before anything is sent."""
        key = _key(device.settings)
        with self._lock:
            if device.owed:
                self._debts[key] = Debt(device.settings.entry, device.settings.profile)
            elif self._debts.pop(key, None) is None:
                return
            self._write()

    def strike(self, settings: DeviceSettings) -> None:
        """Forget a device that is somebody else's now."""
        with self._lock:
            if self._debts.pop(_key(settings), None) is not None:
                self._write()

    def _write(self) -> None:
        if self._path is None:
            return
        debts = [{"entry": debt.entry, "profile": debt.profile} for debt in self._debts.values()]
        beside = self._path.with_name(f".{self._path.name}.new")
        try:
            with beside.open("w", encoding="utf-8") as file:
                json.dump({"debts": debts}, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            # The battery is driven all the same: a full disk must not stop the house.
            log.error("%s cannot be written: %s", self._path, error)


def _key(settings: DeviceSettings) -> str:
    return f"{settings.bus}#{settings.connection['unit_id']}"
