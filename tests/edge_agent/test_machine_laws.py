"""The machine against a model: whatever crashes when, it ends with A healthy, B healthy, or in safe mode."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.machine import step
from edge_agent.moves import quarantined
from edge_agent.states import (
    RESTING,
    VERIFIED,
    Acknowledged,
    Action,
    Apply,
    ApplyFailed,
    Barrier,
    BarrierMoved,
    Booted,
    EnterSafeMode,
    Event,
    Fetched,
    HealthFailed,
    HealthHeld,
    LocalRetry,
    LocalRollback,
    Moment,
    Offered,
    Phase,
    Reason,
    Rejected,
    Restored,
    RestoreFailed,
    Run,
    State,
    Verified,
    Verify,
    Version,
)

SAFE = "safe mode"


@dataclass
class Content:
    """What the world knows about a content, and the edge does not."""

    valid: bool = True
    applies: bool = True
    healthy: bool = True


@dataclass
class Edge:
    """A shell as small as one can be: durable state, a plant, and actions that a crash forgets."""

    state: State = field(default_factory=State)
    plant: Version | str | None = None
    todo: list[Action] = field(default_factory=list)
    seconds: float = 0.0
    os_boot: int = 1
    applied: list[Version] = field(default_factory=list)

    def send(self, event: Event) -> None:
        at = Moment(str(self.os_boot), self.seconds, "2026-11-20T00:00:00Z")
        self.state, actions = step(self.state, event, at)
        self.todo += actions


class Lifecycle(RuleBasedStateMachine):
    @initialize()
    def start(self) -> None:
        self.edge = Edge()
        self.contents: dict[str, Content] = {}
        self.numbers = 0
        self.published: dict[int, Version] = {}
        self.barrier_open = True
        self.lifted_by_hand: set[int] = set()
        self.edge.send(Booted())

    # --- the world

    def content(self, version: Version) -> Content:
        return self.contents[version.digest]

    def new_version(self, parts: dict[str, str], kind: str = "publish") -> Version:
        self.numbers += 1
        digest = "|".join(f"{name}={value}" for name, value in sorted(parts.items()))
        version = Version(1, self.numbers, kind, None, digest, parts, probation_s=10)
        self.published[self.numbers] = version
        return version

    def offer(self, version: Version) -> None:
        before = self.edge.state
        self.edge.send(Offered(version))
        refused = self.edge.state.last_attempt is not before.last_attempt
        if not refused:
            self.edge.send(Fetched(version))

    @rule(
        name=st.sampled_from("abc"),
        value=st.integers(0, 3),
        kind=st.sampled_from(["good", "good", "good", "invalid", "deaf", "bad", "bad"]),
    )
    def publish(self, name: str, value: int, kind: str) -> None:
        newest = self.published.get(self.numbers)
        version = self.new_version({**(newest.sections if newest else {}), name: str(value)})
        self.contents.setdefault(version.digest, Content(kind != "invalid", kind != "deaf", kind != "bad"))
        self.offer(version)

    @precondition(lambda self: self.numbers > 0)
    @rule()
    def retry_from_the_cloud(self) -> None:
        newest = self.published[self.numbers]
        self.offer(self.new_version(dict(newest.sections), "retry"))

    @precondition(lambda self: self.edge.state.last_attempt is not None)
    @rule()
    def retry_on_site(self) -> None:
        attempt = self.edge.state.last_attempt
        assert attempt is not None
        self.lifted_by_hand.add(attempt.version)
        self.edge.send(LocalRetry(self.published[attempt.version]))

    @rule()
    def roll_back_on_site(self) -> None:
        self.edge.send(LocalRollback(Reason("operator_rollback")))

    @rule(open_now=st.booleans())
    def move_the_barrier(self, open_now: bool) -> None:
        self.barrier_open = open_now

    @rule(digest=st.data())
    def a_content_turns_bad(self, digest: st.DataObject) -> None:
        if self.contents:
            self.contents[digest.draw(st.sampled_from(sorted(self.contents)))].healthy = False

    @rule(seconds=st.sampled_from([1.0, 11.0, 90000.0]))
    def time_passes(self, seconds: float) -> None:
        self.edge.seconds += seconds

    # --- crashes

    @rule()
    def the_agent_dies(self) -> None:
        self.edge.todo.clear()
        self.edge.send(Booted())

    @rule()
    def the_power_fails(self) -> None:
        self.edge.os_boot += 1
        self.edge.seconds = 5.0
        self.edge.todo.clear()
        self.edge.send(Booted())

    # --- the shell

    @rule(steps=st.integers(1, 8), seconds=st.sampled_from([0.0, 11.0]))
    def go_on(self, steps: int, seconds: float) -> None:
        for _ in range(steps):
            self.edge.seconds += seconds
            if self.edge.todo:
                self.act()
            else:
                self.look()
                self.look_at_what_runs()

    def act(self) -> None:
        action = self.edge.todo.pop(0)
        if isinstance(action, Verify):
            self.verify(action.version)
        elif isinstance(action, Apply | Run):
            if isinstance(action, Apply):
                self.edge.applied.append(action.version)
                if self.edge.state.phase is Phase.APPLYING and action.version == self.edge.state.pending:
                    assert quarantined(self.edge.state, action.version) is None
            self.edge.plant = action.version
        elif isinstance(action, EnterSafeMode):
            self.edge.plant = SAFE

    def verify(self, version: Version) -> None:
        if self.content(version).valid:
            barrier = Barrier("window", open=self.barrier_open)
            self.edge.send(Verified(version, barrier, {"cycle": True}))
        else:
            self.edge.send(Rejected(version, Reason("schema")))

    def look(self) -> None:
        state, reason = self.edge.state, Reason("told_so")
        target = state.committed if state.phase is Phase.ROLLING_BACK else state.pending
        if state.phase is Phase.STAGED and state.pending is not None:
            self.edge.send(BarrierMoved(state.pending, Barrier("window", open=self.barrier_open)))
        elif state.next is not None and state.next_phase == VERIFIED:
            self.edge.send(BarrierMoved(state.next, Barrier("window", open=self.barrier_open)))
        if self.edge.state is not state or target is None or self.edge.plant != target:
            return
        content = self.content(target)
        if state.phase is Phase.APPLYING:
            self.edge.send(Acknowledged(target) if content.applies else ApplyFailed(target, reason))
        elif state.phase is Phase.PROBATION:
            self.edge.send(HealthHeld(target) if content.healthy else HealthFailed(target, reason))
        elif state.phase is Phase.ROLLING_BACK:
            self.edge.send(Restored(target) if content.healthy else RestoreFailed(reason))

    def look_at_what_runs(self) -> None:
        committed, phase = self.edge.state.committed, self.edge.state.phase
        if phase is Phase.COMMITTED and committed is not None and not self.content(committed).healthy:
            self.edge.send(HealthFailed(committed, Reason("told_so")))

    # --- what must hold

    @invariant()
    def the_pointers_fit_the_phase(self) -> None:
        state = self.edge.state
        pending = {Phase.STAGED, Phase.APPLYING, Phase.PROBATION}
        assert (state.pending is not None) == (state.phase in pending) or state.phase is Phase.ROLLING_BACK
        if state.phase in {Phase.COMMITTED, Phase.ROLLED_BACK, Phase.ROLLING_BACK}:
            assert state.committed is not None
        if state.phase is Phase.EMPTY:
            assert state.committed is None
        if state.phase is Phase.SAFE_MODE:
            assert state.running is None
        if state.phase is Phase.PROBATION:
            assert state.running == state.pending

    @invariant()
    def nothing_invalid_is_ever_applied(self) -> None:
        assert all(self.content(version).valid for version in self.edge.applied)

    @invariant()
    def quarantine_is_never_empty_content(self) -> None:
        assert all(entry.sections for entry in self.edge.state.quarantine)

    @invariant()
    def numbers_of_transitions_are_bounded(self) -> None:
        assert self.edge.state.transitions <= 40

    @rule()
    def it_settles(self) -> None:
        """Left alone for long enough, with every barrier open, it ends in one of the three."""
        self.barrier_open = True
        for _ in range(200):
            while self.edge.todo:
                self.act()
            self.edge.seconds += 20.0
            before = self.edge.state
            self.look()
            if self.edge.state is before and not self.edge.todo:
                break
        state = self.edge.state
        assert state.phase in RESTING | {Phase.SAFE_MODE}
        assert state.next is None
        if state.phase is Phase.SAFE_MODE:
            assert self.edge.plant == SAFE
        elif state.phase is not Phase.EMPTY:
            # After a change without any changed section the plant keeps the equal content of before.
            assert isinstance(self.edge.plant, Version)
            assert state.running is not None
            assert self.edge.plant.sections == state.running.sections


Lifecycle.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestLifecycle = Lifecycle.TestCase
