"""The second copy, outside the database: the floor and the last good version (rule 10).

If the database is lost, flipped or cut, these two files let the edge run what it ran, keep refusing what is
older than what it has seen, and keep refusing what it has in quarantine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_agent.durable import write_durably
from edge_agent.rows import Floor, Hold, StoredVersion, hold_from_dict, hold_to_dict, quarantine_to_dict
from edge_agent.states import Quarantined, Version

# Event numbers are promised in blocks, so that the file is not written for each event.
SEQ_BLOCK = 1000


@dataclass(frozen=True, slots=True)
class FloorCopy:
    floor: Floor
    roots: Mapping[int, str]
    quarantine: tuple[Quarantined, ...]
    lifted: tuple[int, ...]
    hold: Hold | None
    seq_promised: int


class SecondCopy:
    """Two files under `<data>/second`. Every write is durable. Errors: OSError on writing."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._floor = folder / "floor.json"
        self._version = folder / "version.json"
        self._last: FloorCopy | None = None

    def keep_floor(self, copy: FloorCopy) -> None:
        """Written only when it says something else than before."""
        if copy == self._last:
            return
        body = {
            "floor": asdict(copy.floor),
            "roots": {str(number): envelope for number, envelope in copy.roots.items()},
            "quarantine": [quarantine_to_dict(entry) for entry in copy.quarantine],
            "lifted": list(copy.lifted),
            "hold": hold_to_dict(copy.hold),
            "seq_promised": copy.seq_promised,
        }
        write_durably(self._floor, json.dumps(body).encode(), point="second_floor")
        self._last = copy

    def read_floor(self) -> FloorCopy | None:
        """None where there is none, or none that can be read."""
        body = _read(self._floor)
        try:
            if body is None:
                return None
            quarantine = tuple(Quarantined(**entry) for entry in body["quarantine"])
            return FloorCopy(
                Floor(**body["floor"]),
                {int(number): envelope for number, envelope in body["roots"].items()},
                quarantine,
                tuple(body["lifted"]),
                hold_from_dict(body["hold"]),
                int(body["seq_promised"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None

    def keep_version(self, stored: StoredVersion, bodies: Mapping[str, bytes]) -> None:
        """`bodies` maps section -> canonical bytes."""
        body = {**asdict(stored), "bodies": {name: data.decode() for name, data in bodies.items()}}
        write_durably(self._version, json.dumps(body).encode(), point="second_version")

    def read_version(self) -> tuple[StoredVersion, dict[str, bytes]] | None:
        """None where there is none, or none that can be read; the caller checks digests and signature."""
        body = _read(self._version)
        try:
            if body is None:
                return None
            bodies = {name: str(text).encode() for name, text in body.pop("bodies").items()}
            return StoredVersion(version=Version(**body.pop("version")), **body), bodies
        except (KeyError, TypeError, ValueError, AttributeError):
            return None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        body = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return body if isinstance(body, dict) else None
