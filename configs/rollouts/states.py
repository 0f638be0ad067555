"""What a rollout is at one moment: policy, waves, targets. Pure; the words are those of lifecycle.md."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Phase(StrEnum):
    """Of the rollout."""

    RUNNING = "running"
    PAUSED = "paused"
    HALTED = "halted"
    ROLLING_BACK = "rolling_back"
    COMPLETED = "completed"
    COMPLETED_WITH_EXCEPTIONS = "completed_with_exceptions"
    ROLLED_BACK = "rolled_back"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


OPEN = frozenset({Phase.RUNNING, Phase.PAUSED, Phase.HALTED, Phase.ROLLING_BACK})
DONE = frozenset({Phase.COMPLETED, Phase.COMPLETED_WITH_EXCEPTIONS})


class WavePhase(StrEnum):
    """Of one wave. `passed` and `failed` are what its gate said; `inconclusive` waits for a person."""

    PENDING = "pending"
    OPENING = "opening"
    SETTLING = "settling"
    BAKING = "baking"
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    RECALLED = "recalled"


class TargetState(StrEnum):
    """Of one edge in the rollout: before the offer, then the edge's own status, then how it ended."""

    PENDING = "pending"
    OFFERED = "offered"
    STAGED = "staged"
    APPLYING = "applying"
    APPLIED = "applied"
    CONFIRMED = "confirmed"
    REJECTED = "rejected"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    CRITICAL = "critical"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    SUPERSEDED = "superseded"
    SKIPPED = "skipped"
    RECALLING = "recalling"
    RECALLED = "recalled"
    GONE = "gone"  # retired, or moved to where the change does not reach, since the rollout began


LIVE = frozenset({TargetState.OFFERED, TargetState.STAGED, TargetState.APPLYING, TargetState.APPLIED})
BAD = frozenset(
    {
        TargetState.REJECTED,
        TargetState.FAILED,
        TargetState.ROLLED_BACK,
        TargetState.CRITICAL,
        TargetState.TIMED_OUT,
    }
)
REFUSED = BAD - {TargetState.TIMED_OUT}  # the edge itself said so: its content stands in quarantine
UNTOUCHED = frozenset({TargetState.OFFERED, TargetState.STAGED})  # nothing of the plant has changed yet


class Kind(StrEnum):
    """What a target counts as in the arithmetic; every target is exactly one."""

    PENDING = "pending"
    LIVE = "live"
    CONFIRMED = "confirmed"
    BAD = "bad"
    UNREACHABLE = "unreachable"
    RECALLING = "recalling"
    PASSED_BY = "passed_by"  # it should have the change, and was left out for a reason
    GONE = "gone"  # it is no more; the arithmetic goes on without it
    OUT = "out"  # it needs nothing: the same content, taken over by somebody else, or recalled


NEEDLESS = frozenset({"same", "hidden"})

_KINDS = {
    TargetState.PENDING: Kind.PENDING,
    TargetState.CONFIRMED: Kind.CONFIRMED,
    TargetState.UNREACHABLE: Kind.UNREACHABLE,
    TargetState.RECALLING: Kind.RECALLING,
    TargetState.GONE: Kind.GONE,
    **dict.fromkeys(LIVE, Kind.LIVE),
    **dict.fromkeys(BAD, Kind.BAD),
}


def kind_of(state: TargetState, why: str, *, is_alarmed: bool) -> Kind:
    """An edge that took the change and has new fault alarms since is bad, whatever it reports."""
    if state == TargetState.SKIPPED:
        return Kind.OUT if why in NEEDLESS else Kind.PASSED_BY
    found = _KINDS.get(state, Kind.OUT)
    return Kind.BAD if is_alarmed and found in (Kind.LIVE, Kind.CONFIRMED) else found


@dataclass(frozen=True, slots=True)
class Policy:
    """Every knob. None where there is no limit; percentages are 0..100 of the attempted edges of a wave.

    `settle_seconds`: how long an edge may take to answer. `maximum_wait_seconds`: how long a wave may stay
    without an answer to its gate. `per_site` and `stragglers_per_site`: most edges under change at a site.
    """

    rate_per_minute: int | None = None
    per_site: int | None = None
    settle_seconds: int = 900
    bake_seconds: int = 600
    bad_limit: int | None = None
    bad_percent: float = 5.0
    minimum_sample: int = 5
    pass_percent: float = 90.0
    minimum_coverage_percent: float = 80.0
    maximum_wait_seconds: int = 6 * 3600
    on_fail: str = "hold"  # hold | roll_back_wave | roll_back_all
    advance: str = "automatic"  # or manual: a person opens each next wave
    stragglers_per_site: int = 1


@dataclass(frozen=True, slots=True)
class Wave:
    """`since`: when its waiting began, anew after each resumption; `baking_since`: when all had answered."""

    name: str
    phase: WavePhase = WavePhase.PENDING
    since: datetime | None = None
    baking_since: datetime | None = None
    said: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """One edge. `is_moved`: its pins are the candidates; `version`: what it was offered, or recalled to.

    `is_retried`: the next offer repeats content that the edge refused. `is_silent` and `is_held_locally` are
    facts of the moment, not kept.
    """

    edge: UUID
    site: UUID
    wave: int
    place: int
    state: TargetState = TargetState.PENDING
    version: int | None = None
    why: str = ""
    is_moved: bool = False
    is_alarmed: bool = False
    is_retried: bool = False
    offered_at: datetime | None = None
    deadline_at: datetime | None = None
    is_silent: bool = False
    is_held_locally: bool = False

    @property
    def kind(self) -> Kind:
        return kind_of(self.state, self.why, is_alarmed=self.is_alarmed)


Others = Mapping[tuple[int, Kind], int]


@dataclass(frozen=True, slots=True)
class Rollout:
    """`targets` are those that this step may need; `others` counts the rest, by wave and kind.

    `is_whole`: there is no rest. Who is recalled, and that nobody is left, is decided only then.
    The last wave holds the stragglers: edges that get their pins only after completion. `credit`: offers
    that the rate allows, counted up to `credit_at`.
    """

    policy: Policy
    waves: tuple[Wave, ...]
    targets: Mapping[UUID, Target]
    others: Others
    phase: Phase
    wave: int
    said: str
    scope: str  # of a roll back: wave | all, else empty
    credit: float
    credit_at: datetime
    is_whole: bool = True

    @property
    def stragglers(self) -> int:
        """The position of the stragglers' wave."""
        return len(self.waves) - 1


@dataclass(frozen=True, slots=True)
class Tally:
    """How the targets of one wave stand."""

    counts: Mapping[Kind, int]

    def __getitem__(self, kind: Kind) -> int:
        return self.counts.get(kind, 0)

    @property
    def attempted(self) -> int:
        """Edges that took the change, whatever came of it: neither passed by, nor withdrawn, nor silent."""
        return self[Kind.LIVE] + self[Kind.CONFIRMED] + self[Kind.BAD]

    @property
    def is_deserted(self) -> bool:
        """Edges have gone, and nobody is left for whom there is anything to wait."""
        return self[Kind.GONE] > 0 and set(+Counter(self.counts)) <= {Kind.GONE, Kind.OUT}

    def to_dict(self) -> dict[str, int]:
        return {"attempted": self.attempted} | {str(kind): self[kind] for kind in Kind}


def tally(targets: Iterable[Target], others: Others, wave: int) -> Tally:
    counts: Counter[Kind] = Counter(one.kind for one in targets if one.wave == wave)
    for (position, kind), number in others.items():
        if position == wave:
            counts[kind] += number
    return Tally(counts)
