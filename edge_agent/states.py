"""What the machine knows, hears and asks for: values only, no rule stands here.

Versions are named by (epoch, number). `Moment` carries the three clocks a rule may need: the operating
system's boot id and its monotonic seconds (timers), and the wall time as text (reports only).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Phase(StrEnum):
    """The rows of lifecycle.md. `empty` is an edge that was never configured."""

    EMPTY = "empty"
    COMMITTED = "committed"
    STAGED = "staged"
    APPLYING = "applying"
    PROBATION = "probation"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    SAFE_MODE = "safe_mode"


RESTING = frozenset({Phase.EMPTY, Phase.COMMITTED, Phase.ROLLED_BACK})
SETTLED = frozenset({Phase.COMMITTED, Phase.STAGED, Phase.ROLLED_BACK})
BUSY = frozenset({Phase.APPLYING, Phase.PROBATION, Phase.ROLLING_BACK})

FETCHED, VERIFIED = "fetched", "verified"


@dataclass(frozen=True, slots=True)
class Moment:
    os_boot: str
    seconds: float
    wall: str


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point on one boot's monotonic clock; in another boot only `left_s` is worth anything."""

    os_boot: str
    seconds: float
    left_s: float

    def passed(self, at: Moment) -> bool:
        return self.remaining_s(at) <= 0

    def remaining_s(self, at: Moment) -> float:
        return self.seconds - at.seconds if at.os_boot == self.os_boot else self.left_s


@dataclass(frozen=True, slots=True)
class Version:
    """The facts of a signed manifest that rules need; `sections` maps a section to its digest."""

    epoch: int
    number: int
    kind: str
    content_of: int | None
    digest: str
    sections: Mapping[str, str]
    probation_s: int = 60

    @property
    def ref(self) -> tuple[int, int]:
        return self.epoch, self.number

    @property
    def is_retry(self) -> bool:
        return self.kind == "retry"

    @property
    def ignores_windows(self) -> bool:
        """Rollback and retry ignore windows; a re-issued rollback still names its content (rule 1)."""
        return self.kind in {"rollback", "retry"} or self.content_of is not None


@dataclass(frozen=True, slots=True)
class Barrier:
    """What a verified version waits for. `until` is a time for people, null when a person decides."""

    mode: str = "immediate"
    open: bool = True
    until: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    detail: str = ""
    log: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """The heartbeat's `last_attempt`."""

    epoch: int
    version: int
    digest: str
    status: str
    at: str
    code: str = ""
    detail: str = ""
    log: str = ""
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Quarantined:
    """Content by what changed: section -> digest, null where the failed version removed the section."""

    epoch: int
    version: int
    sections: Mapping[str, str | None]
    code: str

    def matches(self, sections: Mapping[str, str]) -> bool:
        return all(sections.get(name) == digest for name, digest in self.sections.items())


@dataclass(frozen=True, slots=True)
class State:
    """The one state row: `pending` is what the phase is about, `next` was taken in behind it."""

    phase: Phase = Phase.EMPTY
    committed: Version | None = None
    previous: Version | None = None
    pending: Version | None = None
    next: Version | None = None
    next_phase: str = ""
    running: Version | None = None
    attempt: int = 0
    transitions: int = 0
    boots_in_phase: int = 0
    deadline: Deadline | None = None
    until: str | None = None
    barrier: str = ""
    reason: Reason | None = None
    guard: Deadline | None = None
    strikes: int = 0
    baseline: Mapping[str, bool] = field(default_factory=dict)
    safe_tried: str = ""
    last_attempt: Attempt | None = None
    quarantine: tuple[Quarantined, ...] = ()
    lifted: tuple[int, ...] = ()

    @property
    def shown_phase(self) -> str:
        """The phase a report names: what is being taken in shows only while nothing else is under way."""
        return self.next_phase if self.next_phase and self.phase in RESTING else self.phase.value


# --- events: what happened ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Booted:
    """The agent process started; stored content was checked before this is sent."""


@dataclass(frozen=True, slots=True)
class Offered:
    """A manifest was verified and `highest_seen` moved; sections are not here yet."""

    version: Version


@dataclass(frozen=True, slots=True)
class Fetched:
    version: Version


@dataclass(frozen=True, slots=True)
class Verified:
    """Every check passed. `gates` are those that hold now: the baseline if the version is applied at once."""

    version: Version
    barrier: Barrier
    gates: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    version: Version
    reason: Reason


@dataclass(frozen=True, slots=True)
class BarrierMoved:
    """The barrier of what waits was looked at again: it opened, or opens at another time."""

    version: Version
    barrier: Barrier
    gates: Mapping[str, bool] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Acknowledged:
    version: Version


@dataclass(frozen=True, slots=True)
class ApplyFailed:
    version: Version
    reason: Reason


@dataclass(frozen=True, slots=True)
class HealthHeld:
    """Every gate that counts held up to now."""

    version: Version


@dataclass(frozen=True, slots=True)
class HealthFailed:
    version: Version
    reason: Reason


@dataclass(frozen=True, slots=True)
class Restored:
    version: Version


@dataclass(frozen=True, slots=True)
class RestoreFailed:
    reason: Reason


@dataclass(frozen=True, slots=True)
class LocalRollback:
    reason: Reason


@dataclass(frozen=True, slots=True)
class LocalRetry:
    version: Version


@dataclass(frozen=True, slots=True)
class Lost:
    """Stored content of a version no longer matches its digests or signature."""

    version: Version


@dataclass(frozen=True, slots=True)
class GuardTicked:
    """Time under guard is written down now and then, so that a new operating-system boot can go on."""


Event = (
    Booted
    | Offered
    | Fetched
    | Verified
    | Rejected
    | BarrierMoved
    | Acknowledged
    | ApplyFailed
    | HealthHeld
    | HealthFailed
    | Restored
    | RestoreFailed
    | LocalRollback
    | LocalRetry
    | Lost
    | GuardTicked
)


# --- actions: what the shell does after the new state is on disk ---------------------------------------


@dataclass(frozen=True, slots=True)
class Verify:
    """Check stored content again and send `Verified` or `Rejected`."""

    version: Version


@dataclass(frozen=True, slots=True)
class Apply:
    version: Version


@dataclass(frozen=True, slots=True)
class Run:
    """Make the driver run this version; nothing happens where it already does."""

    version: Version


@dataclass(frozen=True, slots=True)
class EnterSafeMode:
    """Safe state to every device, then no controller; devices and alarms are those of `base`."""

    base: Version | None


@dataclass(frozen=True, slots=True)
class Confirm:
    """A version was confirmed: write the second copy, drop what nothing points to any more."""

    version: Version


@dataclass(frozen=True, slots=True)
class Report:
    """A heartbeat at once."""


@dataclass(frozen=True, slots=True)
class Emit:
    """An event for the outbox, written in the same transaction as the state."""

    type: str
    version: int | None
    code: str
    detail: str = ""
    status: str = ""


Action = Verify | Apply | Run | EnterSafeMode | Confirm | Report | Emit
