"""Turns what the drivers report into events for the machine, phase by phase."""

from __future__ import annotations

from collections.abc import Callable

from edge_agent.core import Core
from edge_agent.plant import Observation, Plant
from edge_agent.process import Exited
from edge_agent.settings import DriverSettings
from edge_agent.states import (
    SETTLED,
    Acknowledged,
    ApplyFailed,
    Event,
    HealthFailed,
    HealthHeld,
    Phase,
    Reason,
    Restored,
    RestoreFailed,
)

FAST_S, NEAR_S, STEADY_S = 0.1, 0.25, 1.0
WELL_AGAIN_S = 600.0
SAME_ALARM_S = 3600.0
SAFE_MODE_PATIENCE_S = 30.0
MOST_RESTARTS = 3


class Watcher:
    """Called on a timer by the reducer's thread. Holds only what a new start may forget."""

    def __init__(self, core: Core, plant: Plant, timing: DriverSettings) -> None:
        self._core = core
        self._plant = plant
        self._timing = timing
        self.seen = Observation(False, False, None, {})
        self._restarts = 0
        self._well_since_s: float | None = None
        self._struck_at_s = float("-inf")
        self._told_of, self._told_at_s = "", 0.0
        self._exits_s: list[float] = []

    def phase_changed(self) -> None:
        self._restarts = 0
        self._well_since_s = None

    def pause_s(self) -> float:
        """How long until the next look."""
        if self._core.state.phase is Phase.APPLYING:
            return FAST_S
        return NEAR_S if self._core.state.phase in {Phase.PROBATION, Phase.ROLLING_BACK} else STEADY_S

    def look(self) -> Event | None:
        """Read the reports once and say what follows for the phase."""
        state, at_s = self._core.state, self._core.clock.seconds()
        self.seen = self._plant.observe(at_s)
        if not self.seen.acknowledged:
            self._plant.tell_again(at_s)
        judge = _JUDGES.get(state.phase, Watcher._settled)
        return judge(self, at_s)

    def _applying(self, at_s: float) -> Event | None:
        pending = self._core.state.pending
        if pending is None:
            return None
        if self.seen.acknowledged:
            return Acknowledged(pending)
        if self._plant.waiting_s(at_s) > self._timing.apply_timeout_s:
            detail = f"the runtime did not take the version in within {self._timing.apply_timeout_s:.0f} s"
            return ApplyFailed(pending, Reason("apply_timeout", detail, self._plant.log_tail()))
        return None

    def _probation(self, at_s: float) -> Event | None:
        pending = self._core.state.pending
        if pending is None:
            return None
        failed = self.seen.failed
        if not self.seen.acknowledged and self._plant.waiting_s(at_s) > self._timing.restore_timeout_s:
            failed = Reason("not_acknowledged", "the runtime no longer reports the version")
        if failed is not None:
            return HealthFailed(pending, self._with_log(failed))
        return HealthHeld(pending) if self.seen.held and self._turned_after_the_end() else None

    def _turned_after_the_end(self) -> bool:
        """A cycle that stopped before the probation's end is not alive, even if no watchdog has barked."""
        deadline = self._core.state.deadline
        return deadline is None or self.seen.progress_s >= deadline.seconds

    def _rolling_back(self, at_s: float) -> Event | None:
        committed = self._core.state.committed
        if committed is not None and self.seen.held:
            return Restored(committed)
        failed, waiting_s = self.seen.failed, self._plant.waiting_s(at_s)
        if waiting_s > self._timing.restore_timeout_s or (failed is not None and self._restarts):
            reason = failed or Reason("restore_timeout", f"not healthy again after {waiting_s:.0f} s")
            return RestoreFailed(self._with_log(reason))
        why = self._core.state.reason
        hung = why is not None and why.code == "watchdog"
        stuck = not self.seen.acknowledged and (hung or waiting_s > RESTART_AFTER_S)
        if (failed is not None or stuck) and not self._restarts:
            self._restart(at_s)
        return None

    def _safe_mode(self, at_s: float) -> Event | None:
        stuck = not self.seen.acknowledged and self._plant.waiting_s(at_s) > SAFE_MODE_PATIENCE_S
        if self.seen.failed is None and not stuck:
            return None
        if self._restarts < MOST_RESTARTS:
            self._restart(at_s)
        elif not self._plant.without_devices:
            self._restarts = 0
            self._plant.run_safe({}, at_s, without_devices=True)
        return None

    def _settled(self, at_s: float) -> Event | None:
        state = self._core.state
        if state.phase not in SETTLED or state.committed is None:
            return None
        if self.seen.failed is None:
            return self._well(at_s)
        self._well_since_s = None
        pause_s = min(max(state.committed.probation_s, 2), 60)
        if at_s - self._struck_at_s < pause_s:
            return None
        is_news = self._is_news(self.seen.failed, at_s)
        self._struck_at_s = at_s
        if self.seen.failed.code in {"watchdog", "runtime_restarted"} or not self.seen.gates["cycle"].ok:
            self._restart(at_s)
        return HealthFailed(state.committed, self._with_log(self.seen.failed)) if is_news else None

    def _is_news(self, failed: Reason, at_s: float) -> bool:
        """Under guard every failure is a strike; afterwards the same alarm is told once an hour."""
        state = self._core.state
        guarded = state.guard is not None and not state.guard.passed(self._core.clock.moment())
        same = self._told_of == failed.code and at_s - self._told_at_s < SAME_ALARM_S
        is_news = (guarded and state.previous is not None) or not same
        if is_news:
            self._told_of, self._told_at_s = failed.code, at_s
        return is_news

    def _well(self, at_s: float) -> Event | None:
        self._well_since_s = at_s if self._well_since_s is None else self._well_since_s
        if at_s - self._well_since_s < WELL_AGAIN_S or self._core.state.committed is None:
            return None
        return HealthHeld(self._core.state.committed)

    def _restart(self, at_s: float) -> None:
        self._restarts += 1
        self._plant.start_over(at_s)

    def restart_pause_s(self) -> float:
        """At once the first time, then slower: exits of the last ten minutes count."""
        now_s = self._core.clock.seconds()
        self._exits_s = [at_s for at_s in self._exits_s if now_s - at_s < WELL_AGAIN_S]
        if self._core.state.phase is Phase.ROLLING_BACK:
            return NEAR_S
        return 0.0 if len(self._exits_s) < 2 else min(60.0, 2.0 ** (len(self._exits_s) - 2))

    def _with_log(self, reason: Reason) -> Reason:
        return Reason(reason.code, reason.detail, self._plant.log_tail())

    def exited(self, exited: Exited) -> Event | None:
        """The program ended by itself: what that means depends on what is under way."""
        state = self._core.state
        status = "" if exited.status is None else f" with status {exited.status}"
        reason = self._with_log(Reason("process_exited", f"the runtime ended{status}"))
        if state.phase is Phase.APPLYING and state.pending is not None:
            return ApplyFailed(state.pending, reason)
        if state.phase is Phase.PROBATION and state.pending is not None:
            return HealthFailed(state.pending, reason)
        self._restarts += 1
        self._exits_s.append(self._core.clock.seconds())
        if state.phase is Phase.ROLLING_BACK and self._restarts > MOST_RESTARTS:
            return RestoreFailed(reason)
        if state.phase in SETTLED and state.committed is not None:
            return HealthFailed(state.committed, reason)
        return None


RESTART_AFTER_S = 6.0
_JUDGES: dict[Phase, Callable[[Watcher, float], Event | None]] = {
    Phase.APPLYING: Watcher._applying,
    Phase.PROBATION: Watcher._probation,
    Phase.ROLLING_BACK: Watcher._rolling_back,
    Phase.SAFE_MODE: Watcher._safe_mode,
}
