"""What can happen to a rollout, and what it asks of the world. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from configs.rollouts.states import Rollout, TargetState

Resumption = Literal["continue", "retry_failed", "skip_failed", "restart_wave"]
Scope = Literal["wave", "all"]


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is known of one edge now.

    `state`: its status under the version that it is desired to run; `is_ours` False: its pins are no longer
    the candidates, somebody else moved them. `until`: the end of what it is staged for. `is_back`: it runs
    what it was recalled to. `gone`: why the change is no longer for it: retired | moved, else empty.
    """

    state: TargetState
    version: int
    code: str = ""
    is_ours: bool = True
    is_back: bool = False
    is_silent: bool = False
    is_held_locally: bool = False
    is_alarmed: bool = False
    gone: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an offer or a recall: a version, or the reason why there is none."""

    version: int | None
    why: str = ""
    is_moved: bool = True


@dataclass(frozen=True, slots=True)
class Offered:
    fates: Mapping[UUID, Fate]


@dataclass(frozen=True, slots=True)
class Returned:
    fates: Mapping[UUID, Fate]


@dataclass(frozen=True, slots=True)
class Pause:
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    by: str
    reason: str
    how: Resumption = "continue"


@dataclass(frozen=True, slots=True)
class RollBack:
    by: str
    reason: str
    scope: Scope = "all"


@dataclass(frozen=True, slots=True)
class Cancel:
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Advance:
    """A person says what the gate did not, or that the bake is over."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Supersede:
    by: str
    reason: str


Command = Pause | Resume | RollBack | Cancel | Advance | Supersede


@dataclass(frozen=True, slots=True)
class Seen:
    """Edges reported, or time passed: what is known of the targets that may matter.

    With a command, which is obeyed before anything follows from what was seen: a pause offers nothing more.
    """

    sightings: Mapping[UUID, Sighting] = field(default_factory=dict)
    command: Command | None = None


Event = Seen | Offered | Returned


@dataclass(frozen=True, slots=True)
class Offer:
    """Check these edges again and move their pins to the candidates; `retried` ones lift a quarantine."""

    edges: tuple[UUID, ...]
    retried: frozenset[UUID]
    are_stragglers: bool = False


@dataclass(frozen=True, slots=True)
class Return:
    """Move the pins of these edges back to the baselines."""

    edges: tuple[UUID, ...]


Act = Offer | Return


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the audit: what changed, by whom, why, and on what evidence."""

    what: str
    by: str
    reason: str
    wave: int | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """`acts` must be done, and their outcome told, before anything else happens to the rollout."""

    rollout: Rollout
    acts: Sequence[Act]
    entries: Sequence[Entry]


class NotPossibleError(Exception):
    """A command that does not fit the rollout's phase; the text is for people."""
