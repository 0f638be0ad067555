"""Deltas between two versions: the sections that differ, taken in only against a manifest's digests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from edge_protocol.canonical import JsonValue
from edge_protocol.errors import DeltaBaseError
from edge_protocol.manifest import Manifest, check_contents


@dataclass(frozen=True, slots=True)
class Delta:
    """Names of sections, sorted: those to send and those to drop."""

    changed: tuple[str, ...]
    removed: tuple[str, ...]

    @property
    def touched(self) -> tuple[str, ...]:
        return tuple(sorted(self.changed + self.removed))


def difference(from_sections: Mapping[str, str], to_sections: Mapping[str, str]) -> Delta:
    """What leads from one map of digests to another."""
    changed = (name for name, digest in to_sections.items() if from_sections.get(name) != digest)
    removed = (name for name in from_sections if name not in to_sections)
    return Delta(tuple(sorted(changed)), tuple(sorted(removed)))


def take_in(
    base: Mapping[str, JsonValue],
    changed: Mapping[str, JsonValue],
    removed: Iterable[str],
    manifest: Manifest,
) -> dict[str, JsonValue]:
    """The sections after a delta, exactly those that the manifest names.

    The delta itself is never trusted: whatever the base was and whatever was sent, only a result with
    the manifest's digests comes back. Errors: DeltaBaseError (fetch the full document once).
    """
    dropped = set(removed)
    if dropped & set(changed):
        raise DeltaBaseError("a section is both changed and removed")
    result = {name: value for name, value in base.items() if name not in dropped}
    result.update(changed)
    check_contents(manifest, result)
    return result
