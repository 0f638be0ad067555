"""A fleet in memory, simple enough to be believed, and a shell around the engine that checks every step."""

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from configs.rollouts import deadlines, rows
from configs.rollouts.engine import step
from configs.rollouts.events import Command, Event, Fate, Offer, Offered, Return, Returned, Seen
from configs.rollouts.sightings import Facts, sight
from configs.rollouts.states import (
    BAD,
    DONE,
    LIVE,
    OPEN,
    Kind,
    Phase,
    Policy,
    Rollout,
    Target,
    TargetState,
    Wave,
    WavePhase,
    kind_of,
)

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
GOOD, BAD_AT_RUN, REJECTING, STAGING, MUTE = "good", "bad", "rejecting", "staging", "mute"
OLD, NEW = "old", "new"


@dataclass
class ModelEdge:
    """What an edge really is; the engine learns of it only by sightings."""

    uid: UUID
    site: UUID
    wave: int
    behaviour: str = GOOD
    is_online: bool = True
    is_held: bool = False
    was_taken: bool = False  # back by an operator, for itself
    is_held_locally: bool = False
    pins: str = OLD  # of the rollout's layers: the baseline, the candidate, or another's
    contents: list[str] = field(default_factory=lambda: [OLD])  # of versions 1, 2, ...
    running: int = 1
    phase: str = "committed"
    attempt: dict[str, Any] = field(default_factory=dict)
    staged: dict[str, Any] = field(default_factory=dict)
    has_refused: bool = False  # the new content stands in quarantine
    is_alarmed: bool = False
    heard_at: datetime = BEGIN
    gone: str = ""  # retired, or moved to where the change does not reach
    is_told: bool = False  # the rollout was woken for it since

    @property
    def desired(self) -> int:
        return len(self.contents)

    @property
    def is_on_new(self) -> bool:
        return self.contents[self.running - 1] == NEW

    def leave(self, why: str) -> None:
        """Retired: nobody hears of it again. Moved: it runs what its new site has."""
        self.gone = self.gone or why
        if self.gone == "moved":
            self.pins = "elsewhere"
            self.publish(OLD)
        else:
            self.is_online = False

    def publish(self, content: str) -> int:
        self.contents.append(content)
        return self.desired

    def progress(self, now: datetime) -> None:
        """One step of an edge that is connected; afterwards it says so."""
        if not self.is_online:
            return
        self.heard_at = now
        version, content = self.desired, self.contents[-1]
        if self.running == version and self.phase == "committed":
            return
        if self.attempt.get("version") == version and self.attempt["status"] in ("rolled_back", "rejected"):
            return
        if content == self.contents[self.running - 1] and self.running != version:
            self._confirm(version)
        elif content == OLD or self.behaviour == GOOD:
            self._advance(version)
        else:
            self._misbehave(version, now)

    def _advance(self, version: int) -> None:
        if self.running == version:
            self._confirm(version)
        elif self.attempt.get("version") == version:
            self.running, self.phase = version, "probation"
            self.attempt = {"version": version, "status": "applied"}
        else:
            self.phase, self.attempt = "applying", {"version": version, "status": "applying"}

    def _confirm(self, version: int) -> None:
        self.running, self.phase, self.staged = version, "committed", {}
        self.attempt = {"version": version, "status": "confirmed"}

    def _misbehave(self, version: int, now: datetime) -> None:
        if self.behaviour == BAD_AT_RUN:
            self.phase, self.has_refused = "committed", True
            self.attempt = {"version": version, "status": "rolled_back", "code": "watchdog"}
        elif self.behaviour == REJECTING:
            self.has_refused = True
            self.attempt = {"version": version, "status": "rejected", "code": "schema"}
        elif self.behaviour == STAGING and self.staged.get("version") != version:
            until = (now + timedelta(minutes=20)).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.staged = {"version": version, "until": until}
        elif self.behaviour == STAGING:
            self.staged = {}
            self._advance(version)

    def news(self) -> object:
        """What a heartbeat must differ in to wake the rollout."""
        return (self.running, self.phase, dict(self.attempt), dict(self.staged), self.is_held_locally)

    def facts(self) -> Facts:
        return Facts(
            desired=self.desired,
            is_ours=self.pins == NEW,
            running=self.running,
            phase=self.phase,
            attempt=self.attempt,
            staged=self.staged,
            local_hold={"by": "site"} if self.is_held_locally else None,
            heard_at=self.heard_at,
            heartbeat_seconds=60,
            is_alarmed=self.is_alarmed,
            gone=self.gone,
        )


@dataclass
class World:
    """The fleet, the rollout, and what must hold after every step."""

    edges: dict[UUID, ModelEdge]
    rollout: Rollout
    is_partial: bool  # load only what a step may need, as the real shell does
    now: datetime = BEGIN
    due_at: datetime | None = BEGIN
    said: list[str] = field(default_factory=list)
    offers: list[datetime] = field(default_factory=list)

    # -- the shell --------------------------------------------------------------------------------------

    def look(self, *reported: UUID, command: Command | None = None) -> None:
        """What running.run does: load, step until nothing is asked for, keep, note the next deadline."""
        whole = self.rollout
        for uid in reported:
            self.edges[uid].is_told = bool(self.edges[uid].gone)
        before = self._load(reported, is_whole=command is not None)
        after = self._steps(before, Seen(self._sightings(before), command))
        self.rollout = replace(after, targets={**whole.targets, **after.targets}, others={}, is_whole=True)
        begins = after.phase != before.phase and after.phase in DONE | {Phase.ROLLING_BACK}
        is_unfinished = begins or after.wave != before.wave
        self.due_at = deadlines.due_at(after, self.now, is_unfinished=is_unfinished)
        self.check(whole)

    def _load(self, reported: tuple[UUID, ...], *, is_whole: bool) -> Rollout:
        if not self.is_partial or is_whole or self.rollout.phase == Phase.ROLLING_BACK:
            return self.rollout
        wave = len(self.rollout.waves) if self.rollout.phase in DONE else self.rollout.wave
        needed = {
            edge: one
            for edge, one in self.rollout.targets.items()
            if edge in reported
            or one.state in rows.UNSETTLED
            or one.is_alarmed
            or (one.state == TargetState.PENDING and (one.is_moved or one.wave <= wave))
        }
        others: Counter[tuple[int, Kind]] = Counter()
        for edge, one in self.rollout.targets.items():
            if edge not in needed:
                others[one.wave, kind_of(one.state, one.why, is_alarmed=False)] += 1
        return replace(self.rollout, targets=needed, others=others, is_whole=False)

    def _sightings(self, rollout: Rollout) -> dict[UUID, Any]:
        return {
            edge: sight(self.edges[edge].facts(), target, self.now)
            for edge, target in rollout.targets.items()
        }

    def _steps(self, rollout: Rollout, event: Event) -> Rollout:
        events: list[Event] = [event]
        while events:
            before = rollout
            done = step(rollout, events.pop(0), self.now)
            rollout = done.rollout
            self.said += [entry.what for entry in done.entries]
            self._check_entries(before, rollout, [entry.what for entry in done.entries])
            for act in done.acts:
                if isinstance(act, Offer):
                    self._check_offer(act, rollout)
                    events.append(self._offer(act))
                else:
                    events.append(self._take_back(act))
        return rollout

    def _offer(self, act: Offer) -> Offered:
        fates = {}
        for uid in act.edges:
            edge = self.edges[uid]
            assert not edge.gone, "nothing is offered to who has gone"
            if edge.is_held:
                fates[uid] = Fate(None, "held", is_moved=False)
                continue
            edge.pins = NEW
            if edge.has_refused and uid not in act.retried:
                fates[uid] = Fate(None, "quarantined")
            elif edge.contents[-1] == NEW and uid not in act.retried:
                fates[uid] = Fate(None, "same")
            else:
                edge.has_refused = False
                fates[uid] = Fate(edge.publish(NEW))
                self.offers.append(self.now)
        return Offered(fates)

    def _take_back(self, act: Return) -> Returned:
        fates = {}
        for uid in act.edges:
            edge = self.edges[uid]
            assert not edge.gone, "nothing is taken back from who has gone"
            if edge.pins != NEW:
                fates[uid] = Fate(None, "superseded", is_moved=False)
            elif edge.is_held:
                fates[uid] = Fate(None, "held")
            else:
                edge.pins = OLD
                fates[uid] = Fate(None, "same") if edge.contents[-1] == OLD else Fate(edge.publish(OLD))
        return Returned(fates)

    # -- what must hold ---------------------------------------------------------------------------------

    def _check_offer(self, act: Offer, rollout: Rollout) -> None:
        """No edge gets a wave early, none beyond a limit, none while the rollout does not run."""
        assert rollout.phase == Phase.RUNNING or (act.are_stragglers and rollout.phase in DONE)
        targets = [rollout.targets[uid] for uid in act.edges]
        if not act.are_stragglers:
            for target in targets:
                assert target.wave <= rollout.wave
                assert {one.phase for one in rollout.waves[: target.wave]} <= {WavePhase.PASSED}
        limit = rollout.policy.stragglers_per_site if act.are_stragglers else rollout.policy.per_site
        if limit is not None:
            busy = Counter(one.site for one in rollout.targets.values() if one.state in LIVE)
            fresh = Counter(one.site for one in targets)
            assert all(busy[site] + number <= limit for site, number in fresh.items())
        assert all(not one.is_silent and not one.is_held_locally for one in targets)

    def _check_entries(self, before: Rollout, after: Rollout, said: list[str]) -> None:
        """Every transition of the rollout is told."""
        if after.phase != before.phase:
            assert str(after.phase) in said

    def check(self, before: Rollout) -> None:
        rollout = self.rollout
        assert set(rollout.targets) == set(self.edges)
        for edge in self.edges.values():
            target = rollout.targets[edge.uid]
            self._check_silence(edge, before.targets[edge.uid], target)
            if edge.gone:
                self._check_gone(edge, before.targets[edge.uid], target)
            elif rollout.phase in OPEN and not edge.was_taken:
                assert (edge.pins == NEW) == target.is_moved or edge.is_held
        if rollout.phase == Phase.HALTED and rollout.policy.on_fail == "hold":
            self._check_halted(rollout)
        if rollout.phase == Phase.ROLLED_BACK:
            assert all(one.pins != NEW or one.is_held or one.gone for one in self.edges.values())
            assert not any(one.is_moved for one in rollout.targets.values() if not self.edges[one.edge].gone)
        if rollout.phase == Phase.CANCELLED:
            assert all(one.pins != NEW or one.gone for one in self.edges.values())
        if rollout.phase in DONE and before.phase not in DONE:
            self._check_completed(rollout)
        if rollout.phase == Phase.RUNNING:
            left = [one for one in rollout.targets.values() if one.wave >= rollout.wave]
            assert any(one.state != TargetState.GONE for one in left), "it waits for nobody"
        self._check_gates(before, rollout)
        self._check_rate()

    def _check_gone(self, edge: ModelEdge, before: Target, after: Target) -> None:
        """It is a state of its own as soon as the rollout hears of it, and never one that counts."""
        counting = BAD | LIVE | {TargetState.UNREACHABLE, TargetState.CONFIRMED, TargetState.RECALLING}
        assert after.state == before.state or after.state not in counting
        if edge.is_told:
            assert after.state == TargetState.GONE
            assert after.why == edge.gone
            assert not after.is_moved

    def _check_silence(self, edge: ModelEdge, before: Target, after: Target) -> None:
        """Only who is silent is unreachable, and only who was given the time is late."""
        if after.state == TargetState.UNREACHABLE != before.state:
            assert self.now - edge.heard_at > timedelta(minutes=3)
        if after.state == TargetState.TIMED_OUT != before.state:
            assert before.deadline_at is None or before.deadline_at <= self.now

    def _check_halted(self, rollout: Rollout) -> None:
        """Nothing untouched keeps the candidate."""
        for target in rollout.targets.values():
            if target.state == TargetState.PENDING and not target.is_retried:
                assert not target.is_moved

    def _check_completed(self, rollout: Rollout) -> None:
        assert {one.phase for one in rollout.waves[:-1]} == {WavePhase.PASSED}
        for target in rollout.targets.values():
            assert target.state != TargetState.PENDING or target.wave == rollout.stragglers

    def _check_gates(self, before: Rollout, after: Rollout) -> None:
        """The arithmetic again, by counting alone."""
        for position, (old, new) in enumerate(zip(before.waves, after.waves, strict=True)):
            by_gate = not new.said.startswith("passed by") and old.phase != WavePhase.FAILED
            if new.phase == WavePhase.PASSED != old.phase and by_gate:
                self._check_passed(after, position)
            if new.phase == WavePhase.FAILED != old.phase and after.phase == Phase.HALTED:
                assert self._bad(after, position) > 0

    def _bad(self, rollout: Rollout, position: int) -> int:
        return sum(
            1
            for one in rollout.targets.values()
            if one.wave == position
            and (one.state in BAD or (one.is_alarmed and one.state in (*LIVE, TargetState.CONFIRMED)))
        )

    def _check_passed(self, rollout: Rollout, position: int) -> None:
        policy = rollout.policy
        here = [one for one in rollout.targets.values() if one.wave == position]
        bad = self._bad(rollout, position)
        confirmed = sum(1 for one in here if one.state == TargetState.CONFIRMED and not one.is_alarmed)
        live = sum(1 for one in here if one.state in LIVE and not one.is_alarmed)
        attempted = bad + confirmed + live
        assert confirmed * 100 >= policy.pass_percent * attempted
        if attempted >= policy.minimum_sample and bad:
            assert bad * 100 < policy.bad_percent * attempted
        assert policy.bad_limit is None or bad < policy.bad_limit
        if {one.kind for one in here} <= {Kind.GONE, Kind.OUT}:
            return  # nobody is left whose bake there is to await
        since = rollout.waves[position].baking_since
        assert since is not None
        assert (self.now - since).total_seconds() >= policy.bake_seconds

    def _check_rate(self) -> None:
        rate = self.rollout.policy.rate_per_minute
        if rate is None or not self.offers:
            return
        for begin in (self.offers[0], self.offers[len(self.offers) // 2]):
            number = sum(1 for one in self.offers if one >= begin)
            elapsed = (self.now - begin).total_seconds()
            assert number <= max(1.0, rate / 6) + elapsed * rate / 60 + 1

    def drain(self) -> None:
        """Time passes and nobody says anything: the rollout must come to rest, and not by itself go on."""
        looks = 0
        while self.due_at is not None:
            self.now = max(self.now, self.due_at)
            self.look()
            looks += 1
            assert looks < 1000, f"never at rest: {self.rollout.said}"
        assert self.rollout.phase not in (Phase.RUNNING, Phase.ROLLING_BACK), self.rollout.said


def make_world(
    sizes: list[int], *, sites: int, behaviours: list[str], policy: Policy, is_partial: bool
) -> World:
    edges, targets = {}, {}
    number = 0
    for wave, size in enumerate(sizes):
        for place in range(size):
            uid, site = UUID(int=number + 1), UUID(int=10_000 + number % sites)
            edges[uid] = ModelEdge(uid, site, wave, behaviours[number % len(behaviours)])
            targets[uid] = Target(uid, site, wave, place)
            number += 1
    waves = (*(Wave(f"wave {position}") for position in range(len(sizes))), Wave("stragglers"))
    rollout = Rollout(
        policy=policy,
        waves=waves,
        targets=targets,
        others={},
        phase=Phase.RUNNING,
        wave=0,
        said="",
        scope="",
        credit=1,
        credit_at=BEGIN,
    )
    return World(edges, rollout, is_partial)
