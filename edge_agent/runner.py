"""The running agent: one queue, one reducer. Threads only bring messages; everything is decided here."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from typing import Any

from edge_agent.asking import Desk
from edge_agent.cloud import Cloud
from edge_agent.control import Asked
from edge_agent.core import Core
from edge_agent.driver import ProcessDriver
from edge_agent.gatekeeper import Gatekeeper
from edge_agent.intake import Intake, Judged
from edge_agent.keyring import Keyring
from edge_agent.listener import REPLACED, Heard, Listener, SocketDown, SocketUp
from edge_agent.plant import Plant
from edge_agent.process import Exited
from edge_agent.reports import Identity, full_report, health_parts
from edge_agent.road import Road
from edge_agent.settings import AgentSettings
from edge_agent.states import (
    SETTLED,
    VERIFIED,
    Action,
    Apply,
    ApplyFailed,
    Barrier,
    BarrierMoved,
    Booted,
    Confirm,
    Emit,
    EnterSafeMode,
    Event,
    GuardTicked,
    Lost,
    Phase,
    Reason,
    Report,
    Run,
    Verified,
    Verify,
    Version,
)
from edge_agent.syncing import Sync
from edge_agent.telling import Teller
from edge_agent.tempo import DEFAULT_HEARTBEAT_S, DEFAULT_POLL_S, Uniform
from edge_agent.timers import Timers
from edge_agent.version import VERSION
from edge_agent.watcher import Watcher
from edge_agent.workbench import CLOUD_ERRORS, Crashed, Done, Workbench
from edge_protocol.errors import ProtocolError
from edge_protocol.notices import ConfigUpdated, HeartbeatOk, Hello, KeyRotate, RequestNotice, TrustUpdated

log = logging.getLogger(__name__)

HOUSEKEEPING_S = 60.0
GUARD_NOTE_S = 1800.0
VERIFY_PATIENCE_S = 10.0
LONGEST_WAIT_S = 300.0


class Stop:
    """Asks the agent to end in good order."""


class Agent:
    """Wires the parts together and runs the loop until `Stop`."""

    def __init__(self, settings: AgentSettings, core: Core, *, uniform: Uniform, identity: Identity) -> None:
        self.settings = settings
        self.core = core
        self.identity = identity
        self.messages: queue.SimpleQueue[object] = queue.SimpleQueue()
        self.timers = Timers(core.clock.seconds)
        post = self.messages.put
        drivers = [ProcessDriver(one, post) for one in settings.drivers]
        self.plant = Plant(drivers, settings.edge_id)
        self.intake = Intake(core, settings, self.advance)
        self.gatekeeper = Gatekeeper(core, self.plant, self.intake)
        self.watcher = Watcher(core, self.plant, settings.drivers[0])
        self.teller = Teller(core, self.plant)
        keyring = Keyring(settings.key_file)
        road = Road(
            settings.server_url,
            user_agent=f"ems-agent/{VERSION}",
            ca_file=settings.ca_file,
            proxy=settings.proxy,
        )
        self.listener = Listener(settings, keyring, post, uniform)
        self._cloud_bench = Workbench("cloud", post, CLOUD_ERRORS)
        self._driver_bench = Workbench("driver", post, (OSError,))
        self.desk = Desk(self)
        self.sync = Sync(
            core=core,
            cloud=Cloud(road, keyring, settings.edge_id),
            bench=self._cloud_bench,
            intake=self.intake,
            timers=self.timers,
            socket=self.listener,
            uniform=uniform,
            edge_id=settings.edge_id,
            root_sha256=settings.root_sha256,
            report=self.report,
            on_request=self.desk.cloud_asks,
        )
        self._uniform = uniform
        self._rerun: Action | None = None
        self._receivers: dict[type, Callable[[Any], None]] = {
            Done: self._done,
            Crashed: self._crashed,
            Exited: self._exited,
            SocketUp: lambda _: self.sync.connected(),
            SocketDown: self._socket_down,
            Heard: self._heard,
            Asked: self.desk.answer,
        }
        self._notices: dict[type, Callable[[Any], None]] = {
            HeartbeatOk: self.sync.socket_answered,
            Hello: lambda notice: self._version_announced(notice.version),
            ConfigUpdated: lambda notice: self._version_announced(
                notice.version, float(notice.spread_seconds)
            ),
            TrustUpdated: self._root_announced,
            KeyRotate: lambda _: self.sync.rotate_key(),
            RequestNotice: self.desk.cloud_asks,
        }

    # --- life

    def run(self) -> None:
        """Boot from what is stored, with or without cloud, then live until asked to stop.

        An error that nobody anticipated leaves the runtime in control of the plant: the next agent takes
        it over.
        """
        self._check_stored()
        self.intake.note_limits()
        actions = self.core.advance(Booted())
        self._adopt_tempo()
        self._cloud_bench.start()
        self._driver_bench.start()
        self.perform(actions)
        self.sync.start()
        self.listener.start()
        self.timers.later("watch", 0.0)
        self.timers.later("housekeeping", HOUSEKEEPING_S)
        self.timers.later("guard", GUARD_NOTE_S)
        self._loop()
        self._end()

    def _loop(self) -> None:
        while True:
            try:
                message = self.messages.get(timeout=self.timers.wait_s(LONGEST_WAIT_S))
            except queue.Empty:
                message = None
            if isinstance(message, Stop):
                return
            if message is not None:
                self._receivers[type(message)](message)
            for name in self.timers.due():
                self._due(name)

    def _end(self) -> None:
        """Asked to stop: the plant is left in its safe state: the runtime ends before its supervisor does."""
        self.listener.stop()
        self.plant.stop()
        self.timers.later("kill", self.settings.drivers[0].stop_timeout_s)
        while self.plant.alive:
            try:
                message = self.messages.get(timeout=self.timers.wait_s(1.0))
            except queue.Empty:
                message = None
            if isinstance(message, Exited):
                self.plant.exited(message)
            if "kill" in self.timers.due():
                self.plant.kill()
        self._cloud_bench.stop()
        self._driver_bench.stop()
        self.core.store.close()

    def _check_stored(self) -> None:
        """Before anything runs: what does not match its digests or signature is not there (rule 10)."""
        state = self.core.state
        held = {
            v.ref: v for v in (state.committed, state.previous, state.pending, state.next) if v is not None
        }
        for version in held.values():
            if not self.intake.is_sound(version) and not self.core.repair(version, self.intake.is_sound):
                log.error("version %d is damaged on disk", version.number)
                self.core.emit("alarm", "content_lost", f"version {version.number} is damaged on disk")
                self.core.advance(Lost(version))

    def _adopt_tempo(self) -> None:
        running = self.core.state.running
        if running is None:
            return
        try:
            sync = self.core.document(running).get("sync", {})
        except (KeyError, ProtocolError):
            return
        self.sync.poll_s = float(sync.get("sync_interval_s", DEFAULT_POLL_S))
        self.sync.heartbeat_s = float(sync.get("heartbeat_interval_s", DEFAULT_HEARTBEAT_S))

    # --- moving

    def advance(
        self, event: Event, *, also: Callable[[], None] | None = None, decided: bool = False
    ) -> tuple[Action, ...]:
        """One event through the machine, and its actions; see `Core.advance`."""
        phase = self.core.state.phase
        actions = self.core.advance(event, also=also, decided=decided)
        if self.core.state.phase is not phase:
            log.info("%s -> %s", phase.value, self.core.state.phase.value)
            self.watcher.phase_changed()
            self._adopt_tempo()
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
                self._verify(action.version)
            elif isinstance(action, Confirm):
                self.core.confirm(action.version)
            elif isinstance(action, Report):
                self.sync.beat()
            elif isinstance(action, Emit):
                self.sync.events_soon()
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
            self.timers.later("rerun", 5.0)

    def _verify(self, version: Version) -> None:
        """Our checks here, the driver's validator beside; both before anything is staged."""
        if not self._knows_what_works():
            self.timers.later("verify", 0.2)
            return
        judged = self.intake.judge(version)
        if judged is not None:
            self._driver_bench.submit("validate", lambda: (judged, self.plant.validate(judged.document)))

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

    # --- messages

    def _due(self, name: str) -> None:
        if name == "watch":
            self._watch()
        elif name == "housekeeping":
            self._keep_house()
        elif name == "guard":
            self.timers.later("guard", GUARD_NOTE_S)
            self.advance(GuardTicked())
        elif name == "verify" and self.core.state.next is not None:
            self._verify(self.core.state.next)
        elif name == "rerun" and self._rerun is not None:
            self.perform((self._rerun,))
        elif name == "restart":
            self.plant.ensure_running(self.core.clock.seconds())
        else:
            self.sync.due(name)

    def _watch(self) -> None:
        self._undo_drift()
        if self.core.expire_hold():
            self.sync.beat()
        event = self.watcher.look()
        if self.teller.tell():
            self.sync.events_soon()
        if event is not None:
            self.advance(event)
        self.look_at_barrier()
        self.timers.later("watch", self.watcher.pause_s())

    def _undo_drift(self) -> None:
        running = self.core.state.running
        if running is None or not self.plant.touched():
            return
        detail = "document.json was changed by somebody else and is put back"
        self.core.emit("drift", "document_changed", detail, version=running.number)
        self.perform((Run(running), Report(), Emit("drift", running.number, "document_changed")))

    def _keep_house(self) -> None:
        self.timers.later("housekeeping", HOUSEKEEPING_S)
        self.core.save_again()
        self.plant.tidy()

    def _done(self, done: Done) -> None:
        if done.name != "validate":
            self.sync.done(done)
        elif done.error is not None:
            log.error("the validator could not be asked: %s", done.error)
            self.timers.later("verify", 10.0)
        else:
            self.validated(*done.result)

    def _crashed(self, crashed: Crashed) -> None:
        raise crashed.error

    def _exited(self, exited: Exited) -> None:
        by_itself = self.plant.exited(exited)
        log.info("the runtime ended (%s)", exited.status)
        event = self.watcher.exited(exited) if by_itself else None
        if event is not None:
            self.advance(event)
        if not self.plant.alive and self.core.state.phase is not Phase.EMPTY:
            self.timers.sooner("restart", self.watcher.restart_pause_s() if by_itself else 0.0)

    def _socket_down(self, down: SocketDown) -> None:
        self.sync.disconnected()
        self.desk.note_socket(down)
        if down.code == REPLACED:
            self.core.emit_once("security", "replaced", "another agent is connected with this edge's key")

    def _heard(self, heard: Heard) -> None:
        if heard.notice is None:
            log.warning("the server did not accept what was sent: %s", (heard.error or {}).get("detail"))
            return
        act = self._notices.get(type(heard.notice))
        if act is not None:
            act(heard.notice)

    def _version_announced(self, version: int, spread_s: float = 0.0) -> None:
        """A hint: what was fetched already is dropped."""
        if version > self.core.floor.version:
            self.sync.soon(spread_s)

    def _root_announced(self, notice: TrustUpdated) -> None:
        if notice.root_version > max(self.core.roots, default=0):
            self.sync.next_root()

    # --- reports

    def health(self) -> dict[str, dict[str, Any]]:
        troubles = {
            "storage": self.core.troubles.storage,
            "trust": self.core.troubles.trust,
            "local_limits": self.core.troubles.limits,
        }
        alive = self.plant.alive or all(one.start is None for one in self.settings.drivers)
        seen = self.watcher.seen
        return health_parts(seen.gates, self.core.state, seen.failed, troubles, alive=alive)

    def report(self) -> dict[str, Any]:
        return full_report(
            self.core.state,
            self.core.floor,
            self.core.hold,
            self.health(),
            self.sync.facts,
            self.identity,
            self.intake.limits_digest,
        )
