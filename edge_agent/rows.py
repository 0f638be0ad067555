"""The state row and what stands beside it, as columns and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from edge_agent.states import Attempt, Deadline, Phase, Quarantined, Reason, State, Version

Row = Mapping[str, Any]

STATE_COLUMNS = tuple(field.name for field in fields(State) if field.name != "quarantine")
_POINTERS = ("committed", "previous", "pending", "next", "running")
_DEADLINES = ("deadline", "guard")


@dataclass(frozen=True, slots=True)
class Floor:
    """What may only rise: the highest (epoch, version) seen, and the newest verified `issued_at`.

    `undecided` says that the version was seen and nothing was decided about it yet: the next fetch must
    not ask "anything newer?". `expires_at` is the newest manifest's: it only ever stops what is new.
    """

    epoch: int = 0
    version: int = 0
    digest: str | None = None
    issued_at: str = ""
    expires_at: str = ""
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """Nothing new is applied until it ends. `left` runs on the monotonic clock, `until` is for people."""

    by: str
    reason: str
    until: str
    left: Deadline


@dataclass(frozen=True, slots=True)
class StoredVersion:
    """A version's facts with the envelope that proves them and the root under which it was verified."""

    version: Version
    schema: str
    timestamp: str
    envelope: str
    root_version: int
    received_at: str


def ref_text(version: Version | None) -> str | None:
    return None if version is None else f"{version.epoch}.{version.number}"


def ref_from(text: str) -> tuple[int, int]:
    epoch, _, number = text.partition(".")
    return int(epoch), int(number)


def state_to_row(state: State) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(state, name) for name in STATE_COLUMNS}
    row.update({name: ref_text(row[name]) for name in _POINTERS})
    row.update({name: _json(row[name]) for name in (*_DEADLINES, "reason", "last_attempt")})
    row.update(phase=state.phase.value, baseline=json.dumps(dict(state.baseline), sort_keys=True))
    row.update(lifted=json.dumps(state.lifted))
    return row


def state_from_row(
    row: Row, version_of: Callable[[tuple[int, int]], Version], quarantine: tuple[Quarantined, ...]
) -> State:
    """Errors: KeyError when a pointer leads nowhere (the caller treats it as corruption)."""
    values = {name: row[name] for name in STATE_COLUMNS}
    for name in _POINTERS:
        values[name] = None if values[name] is None else version_of(ref_from(values[name]))
    for name in _DEADLINES:
        values[name] = _maybe(Deadline, values[name])
    values["reason"] = _maybe(Reason, values["reason"])
    values["last_attempt"] = _maybe(Attempt, values["last_attempt"])
    values["phase"] = Phase(values["phase"])
    values["baseline"] = json.loads(values["baseline"])
    values["lifted"] = tuple(json.loads(values["lifted"]))
    return State(**values, quarantine=quarantine)


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(asdict(value), sort_keys=True)


def _maybe(kind: Callable[..., Any], text: str | None) -> Any:
    return None if text is None else kind(**json.loads(text))


def quarantine_to_dict(entry: Quarantined) -> dict[str, Any]:
    return {
        "epoch": entry.epoch,
        "version": entry.version,
        "sections": dict(entry.sections),
        "code": entry.code,
    }


def hold_to_dict(hold: Hold | None) -> dict[str, Any] | None:
    return None if hold is None else asdict(hold)


def hold_from_dict(value: Row | None) -> Hold | None:
    if value is None:
        return None
    return Hold(value["by"], value["reason"], value["until"], Deadline(**value["left"]))
