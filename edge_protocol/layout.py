"""The one table of the document: its sections, the identity of each keyed list, the default apply mode."""

from dataclasses import dataclass

SCHEMA_ID = "ems-config/1"

# Stand beside the sections in a document and in an example; no layer owns them.
ENVELOPE_MEMBERS = ("version", "timestamp", "edge_id")

APPLY_MODES = ("immediate", "next_cycle", "window", "manual")  # from the laxest barrier to the strictest

LOCK = "$lock"
LOCK_EXCEPT = "$lock_except"
REMOVE = "$remove"


@dataclass(frozen=True, slots=True)
class Section:
    """`lists` maps the path of each keyed list of the section to its identity member."""

    name: str
    required: bool = False
    derived: bool = False
    default_apply: str = "next_cycle"
    lists: tuple[tuple[tuple[str, ...], str], ...] = ()


SECTIONS: dict[str, Section] = {
    section.name: section
    for section in (
        Section("alarms", required=True, default_apply="immediate", lists=((("alarms",), "id"),)),
        Section("core_cycle", required=True),
        Section("extensions"),
        Section("modbus_devices", required=True, lists=((("modbus_devices",), "device_id"),)),
        Section("profiles", derived=True),
        Section("scheduler", required=True, lists=((("scheduler", "controllers"), "id"),)),
        Section("sync", default_apply="immediate"),
    )
}
REQUIRED = tuple(name for name, section in SECTIONS.items() if section.required)
DERIVED = tuple(name for name, section in SECTIONS.items() if section.derived)
LAYERED = tuple(name for name, section in SECTIONS.items() if not section.derived)

KEYED_LISTS: dict[tuple[str, ...], str] = {
    path: key for section in SECTIONS.values() for path, key in section.lists
}


def list_key(path: tuple[str, ...]) -> str | None:
    """The identity member of the items of the list at `path`, or None where lists replace as a whole."""
    return KEYED_LISTS.get(path)
