"""Device profiles: the shipped ones, and finding the profile that a device names."""

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

from edge_protocol.canonical import JsonObject


@cache
def _shipped() -> dict[str, JsonObject]:
    folder = resources.files("edge_protocol").joinpath("profiles")
    entries = (json.loads(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".json"))
    return {entry["profile_id"]: entry for entry in sorted(entries, key=lambda entry: entry["profile_id"])}


def builtin_profiles() -> dict[str, JsonObject]:
    """The shipped profiles by `profile_id`; a fresh mapping of shared entries, not to be altered."""
    return dict(_shipped())


def find_profile(name: str, profiles: Mapping[str, JsonObject]) -> JsonObject | None:
    """The registry entry that `name` or `name@major` means, or None.

    Shape: the registry is keyed by `profile_id`, older majors beside it by `profile_id@major`.
    """
    entry = profiles.get(name)
    if entry is not None or "@" not in name:
        return entry
    base, major = name.rsplit("@", 1)
    entry = profiles.get(base)
    return entry if entry is not None and str(entry["version"]).split(".")[0] == major else None


def named_profiles(document: JsonObject, profiles: Mapping[str, JsonObject]) -> JsonObject:
    """The derived section `profiles`: from each name that a device uses to its registry entry.

    A name that the registry does not know is left out: rule E03 reports it at the device.
    """
    devices = document.get("modbus_devices")
    names = {device.get("profile") for device in devices} if isinstance(devices, list) else set()
    found = ((name, find_profile(name, profiles)) for name in names if isinstance(name, str))
    return {name: entry for name, entry in sorted(found, key=lambda pair: pair[0]) if entry is not None}
