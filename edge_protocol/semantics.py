"""What a document says as a whole: rules across sections, E.. (blocks) and W.. (warns)."""

from collections.abc import Callable, Iterator, Mapping

import orjson

from edge_protocol import rules_alarms, rules_controllers, rules_devices, rules_limits, rules_relays
from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.errors import SemanticsRejected
from edge_protocol.layout import KEYED_LISTS
from edge_protocol.pointers import join, lookup
from edge_protocol.subject import Finding, Subject, error, warning

__all__ = ["Finding", "check", "check_or_raise"]

MOST_BYTES = 256 * 1024
MOST_DEVICES = 64
MOST_POLLED_POINTS = 2000


def check(
    document: Mapping[str, JsonValue], *, profiles: Mapping[str, JsonObject], production: bool = False
) -> list[Finding]:
    """Every finding of a document that its schema accepts, by rule, then by place in the document.

    Shape: sections, other members are ignored; `profiles` is the registry, or the document's own derived
    section. `production` adds W15 (device hosts outside the site's network).
    Errors: none; a document that `schema.check` refuses may raise anything.
    Source: configuration document, "Semantic rules".
    """
    body = dict(document)
    duplicates = list(_identities(body))
    if duplicates:
        return duplicates  # every other rule finds devices and controllers by identity
    subject = Subject(body, profiles)
    found = [finding for rule in _RULES for finding in rule(subject)]
    if production:
        found += rules_devices.hosts(subject)
    return sorted(found, key=lambda finding: finding.rule)


def check_or_raise(
    document: Mapping[str, JsonValue], *, profiles: Mapping[str, JsonObject], production: bool = False
) -> list[Finding]:
    """The warnings of a document. Errors: SemanticsRejected with every finding that blocks."""
    found = check(document, profiles=profiles, production=production)
    errors = [finding for finding in found if finding.severity == "error"]
    if errors:
        raise SemanticsRejected(errors)
    return found


def _identities(document: JsonObject) -> Iterator[Finding]:
    """E01: identities are unique within each list, and between controllers and devices."""
    owners: dict[str, str] = {}
    for path, key in KEYED_LISTS.items():
        items = lookup(document, path)
        seen: set[str] = set()
        for item in items if isinstance(items, list) else ():
            identity = item[key]
            other = owners.get(identity)
            if identity in seen:
                yield error("E01", join((*path, identity)), f"{key} {identity} stands twice")
            elif path != ("alarms",) and other:
                detail = f"{identity} is also one of {other}: channels would be ambiguous"
                yield error("E01", join((*path, identity)), detail)
            seen.add(identity)
        if path != ("alarms",):
            owners.update(dict.fromkeys(seen, path[-1]))


def _size(subject: Subject) -> Iterator[Finding]:
    """W14: what an edge of the usual size can still carry."""
    size = len(orjson.dumps(subject.document))
    if size > MOST_BYTES:
        yield warning("W14", "", f"the document has {size // 1024} KiB, more than {MOST_BYTES // 1024}")
    enabled = [device for device in subject.devices if device.enabled]
    if len(enabled) > MOST_DEVICES:
        yield warning("W14", "/modbus_devices", f"{len(enabled)} devices, more than {MOST_DEVICES}")
    polled = sum(len(device.fast) + len(device.slow) for device in enabled)
    if polled > MOST_POLLED_POINTS:
        yield warning("W14", "/modbus_devices", f"{polled} polled points, more than {MOST_POLLED_POINTS}")


_RULES: tuple[Callable[[Subject], Iterator[Finding]], ...] = (
    rules_controllers.execution_orders,
    rules_devices.profiles,
    rules_devices.poll_groups,
    rules_devices.addresses,
    rules_devices.serial_lines,
    rules_alarms.channels,
    rules_relays.followed_channels,
    rules_controllers.named_devices,
    rules_relays.outputs,
    rules_controllers.parameters,
    rules_relays.thresholds,
    rules_controllers.maintenance_window,
    rules_devices.bus_time,
    rules_controllers.periods,
    rules_controllers.equality_first,
    rules_controllers.unguarded_storage,
    rules_limits.nothing_left,
    rules_limits.beyond_limits,
    _size,
    rules_controllers.idle_controllers,
    rules_alarms.senders,
)
