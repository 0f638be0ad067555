"""Semantic rules about devices: profiles, points, addresses, buses, hosts."""

import ipaddress
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache

from edge_protocol.canonical import JsonObject
from edge_protocol.subject import Device, Finding, Subject, error, warning

# One request and its answer without waiting for a timeout, in milliseconds.
_LATENCY_MS = {"tcp": 5.0, "rtu_over_tcp": 30.0, "rtu": 5.0}
_SERIAL_DEFAULTS = {"baud": 9600, "parity": "N", "stop_bits": 1}
_BITS_A_BYTE = 11
_MOST_REGISTERS = 125


def profiles(subject: Subject) -> Iterator[Finding]:
    """E03: the profile exists and its protocols include the connection's."""
    for device in subject.devices:
        protocol = device.connection["protocol"]
        if device.profile is None:
            detail = (
                f"no profile {device.body['profile']!r} in the revision of the profiles that this edge has"
            )
            yield error("E03", f"{device.path}/profile", detail)
        elif protocol not in device.profile.entry["protocols"]:
            detail = f"the profile {device.body['profile']} does not speak {protocol}"
            yield error("E03", f"{device.path}/connection/protocol", detail)


def poll_groups(subject: Subject) -> Iterator[Finding]:
    """E04: polled names are points of the profile, each in one group."""
    for device in subject.devices:
        groups = device.body.get("poll_groups")
        if device.profile is None or not groups:
            continue
        for group, names in groups.items():
            if not device.profile.names.issuperset(names):
                unknown = [name for name in names if name not in device.profile.names]
                detail = f"no readable point of {device.body['profile']}: {', '.join(unknown)}"
                yield error("E04", f"{device.path}/poll_groups/{group}", detail)
        twice = set(groups.get("fast", ())).intersection(groups.get("slow", ()))
        if twice:
            detail = f"in both groups: {', '.join(sorted(twice))}"
            yield error("E04", f"{device.path}/poll_groups", detail)


def addresses(subject: Subject) -> Iterator[Finding]:
    """E05: enabled devices have an address of their own, and one that can be read."""
    owners: dict[tuple[tuple[str, str], int], Device] = {}
    for device in subject.devices:
        if not device.enabled:
            continue
        unit_id = device.connection.get("unit_id", 1)
        path = f"{device.path}/connection/unit_id"
        owner = owners.setdefault((device.bus, unit_id), device)
        if owner is not device:
            where = ":".join(device.bus)
            yield error("E05", path, f"{where} unit {unit_id} is also {owner.body['device_id']}")
        if unit_id == 0:
            yield error("E05", path, "unit 0 is the broadcast address: nothing can be read from it")
        elif unit_id == 255 and device.connection["protocol"] == "rtu":
            yield error("E05", path, "unit 255 exists on TCP only")
        elif 248 <= unit_id <= 254:
            yield warning("E05", path, f"unit {unit_id} is reserved")


def serial_lines(subject: Subject) -> Iterator[Finding]:
    """E06: devices on one serial line use the same baud rate, parity and stop bits."""
    first: dict[str, tuple[Device, JsonObject]] = {}
    for device in subject.devices:
        connection = device.connection
        if not device.enabled or connection["protocol"] != "rtu":
            continue
        settings = {**_SERIAL_DEFAULTS, **connection["serial"]}
        other, theirs = first.setdefault(settings["device"], (device, settings))
        differing = [name for name in _SERIAL_DEFAULTS if settings[name] != theirs[name]]
        if differing:
            detail = f"{settings['device']}: {', '.join(differing)} differ from {other.body['device_id']}"
            yield error("E06", f"{device.path}/connection/serial", detail)


def bus_time(subject: Subject) -> Iterator[Finding]:
    """E10: the fast reads of all devices on one bus fit into a period (up to 3 periods: a warning)."""
    buses: dict[tuple[str, str], list[Device]] = defaultdict(list)
    for device in subject.devices:
        if device.enabled:
            buses[device.bus].append(device)
    for bus, devices in buses.items():
        needed_ms = sum(fast_read_ms(device) for device in devices)
        if needed_ms > subject.period_ms:
            level = error if needed_ms > 3 * subject.period_ms else warning
            detail = f"fast reads on {':'.join(bus)} take about {needed_ms:.0f} ms of {subject.period_ms} ms"
            yield level("E10", f"{devices[0].path}/connection", detail)


def fast_read_ms(device: Device) -> float:
    """Estimated time of a device's fast reads in one cycle. Units: milliseconds."""
    connection = device.connection
    blocks = fast_blocks(device)
    each = _LATENCY_MS[connection["protocol"]] + connection.get("min_request_gap_ms", 0)
    if connection["protocol"] != "rtu":
        return float(len(blocks) * each)
    baud = connection["serial"].get("baud", _SERIAL_DEFAULTS["baud"])
    sent = sum(13 + 2 * min(registers, _MOST_REGISTERS) for registers in blocks)
    return float(len(blocks) * each + sent * _BITS_A_BYTE * 1000 / baud)


def fast_blocks(device: Device) -> list[int]:
    """The reads that a device's fast points need, as registers each: one read a SunSpec model or a run
    of addresses; points that the profile does not know are left out."""
    if device.profile is None:
        return []
    points = device.profile.points
    models: dict[tuple[int, int], int] = {}
    runs: set[tuple[int, int]] = set()
    for name in device.fast:
        point = points.get(name)
        if point is None:
            continue
        place = point.get("sunspec")
        if place is None:
            runs.add((point["fc"], point["address"] // _MOST_REGISTERS))
        else:
            read = (point["fc"], place["model"])
            models[read] = models.get(read, 0) + 2
    return [*models.values(), *[_MOST_REGISTERS] * len(runs)]


def hosts(subject: Subject) -> Iterator[Finding]:
    """W15: in production, devices stand in the site's own network."""
    for device in subject.devices:
        host = device.connection.get("host", "")
        kind = _outside(host)
        if kind:
            yield warning("W15", f"{device.path}/connection/host", f"the host {host} is {kind}")


@lru_cache(maxsize=4096)
def _outside(host: str) -> str:
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return "loopback"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""  # a name, or no host at all
    kinds = {
        "loopback": address.is_loopback,
        "link-local": address.is_link_local,
        "no address of one device": address.is_multicast or address.is_unspecified,
        "public": address.is_global,
    }
    return next((kind for kind, holds in kinds.items() if holds), "")
