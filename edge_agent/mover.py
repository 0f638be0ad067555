"""Moves the agent: events through the machine, and its actions out to the plant, the checks and the cloud."""

from __future__ import annotations

import logging
from collections.abc import Callable

from edge_agent.core import Core
from edge_agent.gatekeeper import Gatekeeper
from edge_agent.intake import Intake, Judged
from edge_agent.plant import Plant
from edge_agent.settings import AgentSettings
from edge_agent.states import (
    SETTLED,
    VERIFIED,
    Action,
    Apply,
    ApplyFailed,
    Barrier,
    BarrierMoved,
    Confirm,
    EnterSafeMode,
    Event,
    Phase,
    Reason,
    Report,
    Run,
    Verified,
    Verify,
    Version,
)
from edge_agent.timers import Timers
from edge_agent.watcher import Watcher
from edge_protocol.errors import ProtocolError
from edge_protocol.manifest import Manifest

log = logging.getLogger(__name__)

VERIFY_PATIENCE_S = 10.0
DRIVE_AGAIN_S = 5.0


class Mover:
    """Lives in the reducer's thread. `validate` asks the drivers beside it and comes back by `validated`."""

    def __init__(
        self,
        core: Core,
        plant: Plant,
        settings: AgentSettings,
        timers: Timers,
        *,
        report: Callable[[], None],
        phase_changed: Callable[[], None],
        validate: Callable[[Judged], None],
    ) -> None:
        self.core = core
        self.plant = plant
        self.timers = timers
        self.intake = Intake(core, settings, self.advance)
        self.gatekeeper = Gatekeeper(core, plant, self.intake)
        self.watcher = Watcher(core, plant, settings.drivers[0])
        self._report = report
        self._phase_changed, self._validate = phase_changed, validate
        self._rerun: Action | None = None

    def advance(
        self,
        event: Event,
        *,
        also: Callable[[], None] | None = None,
        seen: Manifest | None = None,
        decided: bool = False,
    ) -> tuple[Action, ...]:
        """One event through the machine, and its actions; see `Core.advance`."""
        phase = self.core.state.phase
        actions = self.core.advance(event, also=also, seen=seen, decided=decided)
        if self.core.state.phase is not phase:
            log.info("%s -> %s", phase.value, self.core.state.phase.value)
            self.watcher.phase_changed()
            self._phase_changed()
            if self.core.state.phase is Phase.COMMITTED:
                self.plant.settle()
        self.perform(actions)
        return actions

    def perform(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            log.debug("action %s", action)
            if isinstance(action, Apply | Run | EnterSafeMode):
                self._drive(action)
            elif isinstance(action, Verify):
                self.verify(action.version)
            elif isinstance(action, Confirm):
                self.core.confirm(action.version)
            elif isinstance(action, Report):
                self._report()
        self.timers.sooner("watch", 0.0)

    def _drive(self, action: Apply | Run | EnterSafeMode) -> None:
        self.watcher.phase_changed()
        self._rerun = None
        try:
            if isinstance(action, EnterSafeMode):
                base = {} if action.base is None else self.core.document(action.base)
                self.plant.run_safe(base, self.core.clock.seconds())
            else:
                self._put(action.version)
        except (OSError, KeyError, ProtocolError) as error:
            self._not_driven(action, error)

    def _put(self, version: Version) -> None:
        state = self.core.state
        ran = state.running.sections if state.running else {}
        changed = {name for name in {*ran, *version.sections} if ran.get(name) != version.sections.get(name)}
        before = self.core.document(state.committed) if state.committed else {}
        self.plant.run(
            version,
            self.core.document(version),
            changed,
            before=before,
            baseline=state.baseline,
            at_s=self.core.clock.seconds(),
        )

    def _not_driven(self, action: Apply | Run | EnterSafeMode, error: Exception) -> None:
        log.error("the driver could not be served: %s", error)
        self.core.troubles.storage = f"the runtime's files cannot be written: {error}"
        if isinstance(action, Apply):
            self.advance(ApplyFailed(action.version, Reason("driver", str(error))))
        else:
            self._rerun = action
            self.timers.later("rerun", DRIVE_AGAIN_S)

    def verify(self, version: Version) -> None:
        """Our checks here, the driver's validator beside; both before anything is staged."""
        if not self._knows_what_works():
            self.timers.later("verify", 0.2)
            return
        judged = self.intake.judge(version)
        if judged is not None:
            self._validate(judged)

    def _knows_what_works(self) -> bool:
        """Which gates hold before a change is only known once the runtime has reported."""
        state = self.core.state
        if state.phase not in SETTLED or state.running is None or self.watcher.seen.gates:
            return True
        return self.plant.waiting_s(self.core.clock.seconds()) > VERIFY_PATIENCE_S

    def validated(self, judged: Judged, reason: Reason | None) -> None:
        if reason is not None:
            self.intake.reject(judged.version, reason)
            return
        self.advance(Verified(judged.version, self.gatekeeper.barrier(judged.version), self.gates()))

    def gates(self) -> dict[str, bool]:
        """What works now: the baseline for whatever is applied next."""
        if self.core.state.phase not in SETTLED:
            return {}
        return {name: gate.ok for name, gate in self.watcher.seen.gates.items()}

    def waiting(self) -> Version | None:
        """The verified version that only waits for its barrier."""
        state = self.core.state
        if state.phase is Phase.STAGED:
            return state.pending
        behind = state.phase in {Phase.PROBATION, Phase.SAFE_MODE} and state.next_phase == VERIFIED
        return state.next if behind else None

    def look_at_barrier(self) -> None:
        waiting = self.waiting()
        if waiting is None:
            return
        barrier = self.gatekeeper.barrier(waiting)
        shown = (self.core.state.barrier, self.core.state.until)
        if barrier.open or (self.core.state.phase is Phase.STAGED and shown != (barrier.mode, barrier.until)):
            self.advance(BarrierMoved(waiting, barrier, self.gates()))

    def release(self) -> str:
        """Apply what waits now, whatever its window. Returns why not, empty when it is done."""
        waiting = self.waiting()
        if waiting is None:
            return "nothing is staged"
        mode = self.gatekeeper.barrier(waiting).mode
        if mode == "hold":
            return "the edge is held: `ems-agent release` first"
        if mode == "trust_stale":
            return "its manifest has expired: the cloud has to issue it again first"
        self.advance(BarrierMoved(waiting, Barrier("released"), self.gates()))
        return ""

    def undo_drift(self) -> None:
        running = self.core.state.running
        if running is None or not self.plant.touched():
            return
        detail = "document.json was changed by somebody else and is put back"
        self.core.emit("drift", "document_changed", detail, version=running.number)
        self.perform((Run(running), Report()))

    def drive_again(self) -> None:
        """After trouble with the runtime's files: once more."""
        if self._rerun is not None:
            self.perform((self._rerun,))

    def verify_again(self) -> None:
        if self.core.state.next is not None:
            self.verify(self.core.state.next)
