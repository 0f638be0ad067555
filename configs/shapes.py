"""What the rules can tell apart in a section. Pure.

Ten thousand edges may each have hosts of their own: no rule looks at which private address a device has, only
at which devices share one. So private hosts are numbered in the order in which they come, serial numbers are
left out, and documents that are equal then are judged once. The findings that name a host are not shared.
"""

import re

import orjson

from edge_protocol.canonical import JsonObject, JsonValue, digest

NAMING_HOSTS = frozenset({"E05", "E10", "W15"})
DEVICES = "modbus_devices"

_PRIVATE = re.compile(
    r"(?:10|192\.168|172\.(?:1[6-9]|2[0-9]|3[01]))(?:\.(?:0|[1-9][0-9]?|1[0-9]{2}|2[0-4][0-9]|25[0-5])){2,3}"
)


def shape(name: str, value: JsonValue, own_digest: str) -> str:
    """Equal for sections that no rule but those of NAMING_HOSTS tells apart; the digest itself elsewhere."""
    if name != DEVICES:
        return own_digest
    numbers: dict[str, str] = {}
    reduced = [_reduced(device, numbers) for device in value]
    return digest(orjson.dumps(reduced, option=orjson.OPT_SORT_KEYS))


def _reduced(device: JsonObject, numbers: dict[str, str]) -> JsonObject:
    kept = {name: member for name, member in device.items() if name != "expect_serial"}
    connection = device["connection"]
    host = connection.get("host", "")
    if is_private(host):
        kept["connection"] = {**connection, "host": numbers.setdefault(host, f"host {len(numbers)}")}
    return kept


def is_private(host: str) -> bool:
    """Whether a host is an address of a site's own network, written plainly."""
    return host.count(".") == 3 and _PRIVATE.fullmatch(host) is not None
