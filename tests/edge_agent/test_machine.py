"""The resume table, case by case: where the process died, and what the next start does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edge_agent.machine import MOST_TRANSITIONS, step
from edge_agent.states import (
    Acknowledged,
    Apply,
    Barrier,
    BarrierMoved,
    Booted,
    Deadline,
    EnterSafeMode,
    Fetched,
    GuardTicked,
    HealthFailed,
    HealthHeld,
    LocalRetry,
    Lost,
    Moment,
    Offered,
    Phase,
    Quarantined,
    Reason,
    Restored,
    RestoreFailed,
    Run,
    State,
    Verified,
    Verify,
    Version,
)

NOW = Moment("boot-1", 1000.0, "2026-11-21T00:00:00.000Z")
LATER_BOOT = Moment("boot-2", 7.0, "2026-11-21T00:05:00.000Z")


def version(number: int, **sections: str) -> Version:
    parts = {"alarms": "1", "scheduler": str(number), **sections}
    return Version(1, number, "publish", None, f"digest-{number}", parts, probation_s=10)


A, B, C = version(1), version(2), version(3)
RUNS_A = State(phase=Phase.COMMITTED, committed=A, running=A)
APPLIES_B = replace(RUNS_A, phase=Phase.APPLYING, pending=B, attempt=1)
TRIES_B = replace(
    APPLIES_B, phase=Phase.PROBATION, running=B, deadline=Deadline("boot-1", 1005.0, 10.0), attempt=1
)
LEAVES_B = replace(TRIES_B, phase=Phase.ROLLING_BACK, reason=Reason("watchdog"), deadline=None)
SAFE = State(phase=Phase.SAFE_MODE, committed=A, safe_tried="boot-1")


@pytest.mark.parametrize(
    ("state", "at", "phase", "drives"),
    [
        (State(), NOW, Phase.EMPTY, []),
        (RUNS_A, NOW, Phase.COMMITTED, [Run(A)]),
        (replace(RUNS_A, phase=Phase.STAGED, pending=B), NOW, Phase.STAGED, [Run(A)]),
        (replace(RUNS_A, phase=Phase.ROLLED_BACK), NOW, Phase.ROLLED_BACK, [Run(A)]),
        # Applying was not applied: run A, try B once more, then no more.
        (APPLIES_B, NOW, Phase.APPLYING, [Run(A), Apply(B)]),
        (replace(APPLIES_B, attempt=2), NOW, Phase.ROLLING_BACK, [Run(A)]),
        (replace(APPLIES_B, committed=None, running=None), NOW, Phase.APPLYING, [Apply(B)]),
        (replace(APPLIES_B, boots_in_phase=3), NOW, Phase.SAFE_MODE, [EnterSafeMode(A)]),
        # Two starts continue the probation, a third rolls back.
        (TRIES_B, NOW, Phase.PROBATION, [Run(B)]),
        (replace(TRIES_B, boots_in_phase=1), NOW, Phase.PROBATION, [Run(B)]),
        (replace(TRIES_B, boots_in_phase=2), NOW, Phase.ROLLING_BACK, [Run(A)]),
        # Rolling back is repeated until A runs, but not for ever.
        (LEAVES_B, NOW, Phase.ROLLING_BACK, [Run(A)]),
        (replace(LEAVES_B, boots_in_phase=3), NOW, Phase.SAFE_MODE, [EnterSafeMode(A)]),
        (replace(LEAVES_B, committed=None), NOW, Phase.SAFE_MODE, [EnterSafeMode(None)]),
        # Safe mode tries A once per boot of the operating system.
        (SAFE, NOW, Phase.SAFE_MODE, [EnterSafeMode(A)]),
        (SAFE, LATER_BOOT, Phase.ROLLING_BACK, [Run(A)]),
        (replace(SAFE, committed=None), LATER_BOOT, Phase.SAFE_MODE, [EnterSafeMode(None)]),
    ],
)
def test_every_phase_has_a_way_on(state: State, at: Moment, phase: Phase, drives: list) -> None:
    new, actions = step(state, Booted(), at)
    assert new.phase is phase
    assert [action for action in actions if isinstance(action, Apply | Run | EnterSafeMode)] == drives


def test_what_was_taken_in_is_verified_again_at_every_start() -> None:
    _, actions = step(replace(RUNS_A, next=B, next_phase="verified"), Booted(), NOW)
    assert Verify(B) in actions


def test_a_probation_keeps_its_end_in_the_same_boot_and_starts_anew_in_another() -> None:
    same, _ = step(TRIES_B, Booted(), NOW)
    other, _ = step(TRIES_B, Booted(), LATER_BOOT)
    assert same.deadline == TRIES_B.deadline
    assert other.deadline == Deadline("boot-2", 17.0, 10.0)


def test_health_confirms_only_after_the_probation() -> None:
    early, _ = step(TRIES_B, HealthHeld(B), NOW)
    assert early is TRIES_B
    confirmed, _ = step(TRIES_B, HealthHeld(B), replace(NOW, seconds=1005.0))
    assert (confirmed.phase, confirmed.committed, confirmed.previous) == (Phase.COMMITTED, B, A)


def test_safe_mode_ends_when_the_one_try_works() -> None:
    trying, _ = step(SAFE, Booted(), LATER_BOOT)
    again, _ = step(trying, Restored(A), LATER_BOOT)
    assert (again.phase, again.running) == (Phase.ROLLED_BACK, A)
    failed, actions = step(trying, RestoreFailed(Reason("watchdog")), LATER_BOOT)
    assert failed.phase is Phase.SAFE_MODE
    once_more, _ = step(failed, Booted(), LATER_BOOT)
    assert once_more.phase is Phase.SAFE_MODE
    assert EnterSafeMode(A) in actions


def test_a_version_that_fails_where_the_old_one_just_failed_goes_to_safe_mode() -> None:
    applying, _ = step(replace(SAFE, next=B, next_phase="fetched"), Verified(B, Barrier()), NOW)
    probation, _ = step(applying, Acknowledged(B), NOW)
    failed, _ = step(probation, HealthFailed(B, Reason("watchdog")), NOW)
    assert failed.phase is Phase.SAFE_MODE


def test_too_many_transitions_end_in_safe_mode() -> None:
    state = replace(APPLIES_B, transitions=MOST_TRANSITIONS)
    new, actions = step(state, Acknowledged(B), NOW)
    assert new.phase is Phase.SAFE_MODE
    assert EnterSafeMode(A) in actions


def test_the_guard_goes_on_in_another_boot_and_ends() -> None:
    state = replace(RUNS_A, guard=Deadline("boot-1", 1060.0, 600.0))
    ticked, _ = step(state, GuardTicked(), NOW)
    assert ticked.guard is not None
    assert ticked.guard.left_s == 60.0
    moved, _ = step(ticked, Booted(), LATER_BOOT)
    assert moved.guard == Deadline("boot-2", 67.0, 60.0)
    over, _ = step(moved, GuardTicked(), replace(LATER_BOOT, seconds=68.0))
    assert over.guard is None


def test_three_strikes_under_guard_roll_back_and_without_guard_none_do() -> None:
    guarded = replace(RUNS_A, committed=B, previous=A, running=B, guard=Deadline("boot-1", 9999.0, 9.0))
    event = HealthFailed(B, Reason("device_silent", "bms"))
    one, _ = step(guarded, event, NOW)
    two, _ = step(one, event, NOW)
    three, _ = step(two, event, NOW)
    assert [state.phase for state in (one, two, three)] == [Phase.COMMITTED] * 2 + [Phase.ROLLING_BACK]
    assert three.reason == Reason("late_failure", "device_silent: bms", "")
    unguarded = replace(guarded, guard=None)
    assert step(unguarded, event, NOW)[0] is unguarded


def test_quarantine_names_what_changed_and_lets_other_content_through() -> None:
    failed, _ = step(TRIES_B, HealthFailed(B, Reason("watchdog")), NOW)
    assert failed.quarantine == (Quarantined(1, 2, {"scheduler": "2"}, "watchdog"),)
    same_crash = version(3, scheduler="2", alarms="9")
    refused, _ = step(failed, Offered(same_crash), NOW)
    assert refused.last_attempt is not None
    assert refused.last_attempt.code == "quarantined"
    assert step(failed, Offered(C), NOW) == (failed, ())


def test_a_removed_section_is_quarantined_as_removed() -> None:
    without = Version(1, 2, "publish", None, "d", {"alarms": "1"}, 10)
    state = replace(TRIES_B, pending=without, running=without)
    failed, _ = step(state, HealthFailed(without, Reason("watchdog")), NOW)
    assert dict(failed.quarantine[0].sections) == {"scheduler": None}


def test_a_first_version_is_quarantined_whole() -> None:
    state = replace(TRIES_B, committed=None)
    failed, _ = step(state, HealthFailed(B, Reason("watchdog")), NOW)
    assert failed.phase is Phase.SAFE_MODE
    assert dict(failed.quarantine[0].sections) == dict(B.sections)


def test_a_retry_on_site_counts_once() -> None:
    refused = replace(RUNS_A, quarantine=(Quarantined(1, 2, {"scheduler": "2"}, "watchdog"),))
    lifted, actions = step(refused, LocalRetry(B), NOW)
    assert lifted.quarantine == ()
    assert Verify(B) in actions
    assert step(replace(lifted, next=None, next_phase=""), LocalRetry(B), NOW)[1] == ()


def test_a_staged_version_gives_way_to_a_newer_one() -> None:
    staged = replace(RUNS_A, phase=Phase.STAGED, pending=B)
    behind, _ = step(staged, Fetched(C), NOW)
    assert behind.pending == B
    moved, _ = step(behind, Verified(C, Barrier("window", open=False, until="x")), NOW)
    assert (moved.phase, moved.pending, moved.until) == (Phase.STAGED, C, "x")
    applied, _ = step(moved, BarrierMoved(C, Barrier("window")), NOW)
    assert applied.phase is Phase.APPLYING


def test_lost_content_is_replaced_by_what_was_confirmed_before() -> None:
    state = replace(RUNS_A, committed=B, previous=A, running=B)
    lost, _ = step(state, Lost(B), NOW)
    assert (lost.phase, lost.committed, lost.previous) == (Phase.ROLLED_BACK, A, None)
    nothing, _ = step(RUNS_A, Lost(A), NOW)
    assert nothing.phase is Phase.EMPTY


def test_news_about_something_over_changes_nothing() -> None:
    for event in (
        Acknowledged(C),
        HealthHeld(C),
        HealthFailed(C, Reason("x")),
        Restored(C),
        Verified(C, Barrier()),
    ):
        assert step(TRIES_B, event, NOW) == (TRIES_B, ())
