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
from edge_agent.intake import Judged
from edge_agent.keyring import Keyring
from edge_agent.listener import REPLACED, Heard, Listener, SocketDown, SocketUp
from edge_agent.mover import Mover
from edge_agent.plant import Plant
from edge_agent.process import Exited
from edge_agent.reports import Identity, full_report, health_parts
from edge_agent.road import Road
from edge_agent.settings import AgentSettings
from edge_agent.states import Booted, GuardTicked, Lost, Phase
from edge_agent.syncing import Sync
from edge_agent.telling import Teller
from edge_agent.tempo import DEFAULT_HEARTBEAT_S, DEFAULT_POLL_S, Uniform
from edge_agent.timers import Timers
from edge_agent.version import VERSION
from edge_agent.workbench import CLOUD_ERRORS, Crashed, Done, Workbench
from edge_protocol.errors import ProtocolError
from edge_protocol.notices import ConfigUpdated, HeartbeatOk, Hello, KeyRotate, RequestNotice, TrustUpdated

log = logging.getLogger(__name__)

HOUSEKEEPING_S = 60.0
GUARD_NOTE_S = 1800.0
LONGEST_WAIT_S = 300.0
MOST_VERSIONS = 8


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
        self._driver_bench = Workbench("driver", post, (OSError,))
        self.mover = Mover(
            core,
            self.plant,
            settings,
            self.timers,
            report=self._beat,
            phase_changed=self._adopt_tempo,
            validate=self._ask_drivers,
        )
        self.watcher = self.mover.watcher
        core.outbox_grew = self._events_soon
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
        self.desk = Desk(self)
        self.sync = Sync(
            core=core,
            cloud=Cloud(road, keyring, settings.edge_id),
            bench=self._cloud_bench,
            intake=self.mover.intake,
            timers=self.timers,
            socket=self.listener,
            uniform=uniform,
            edge_id=settings.edge_id,
            root_sha256=settings.root_sha256,
            report=self.report,
            on_request=self.desk.cloud_asks,
        )
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
        self.mover.intake.note_limits()
        actions = self.core.advance(Booted())
        self._adopt_tempo()
        self._cloud_bench.start()
        self._driver_bench.start()
        self.mover.perform(actions)
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
            if not self.mover.intake.is_sound(version) and not self.core.repair(
                version, self.mover.intake.is_sound
            ):
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

    # --- messages

    def _due(self, name: str) -> None:
        if name == "watch":
            self._watch()
        elif name == "housekeeping":
            self._keep_house()
        elif name == "guard":
            self.timers.later("guard", GUARD_NOTE_S)
            self.mover.advance(GuardTicked())
        elif name == "verify":
            self.mover.verify_again()
        elif name == "rerun":
            self.mover.drive_again()
        elif name == "restart":
            self.plant.ensure_running(self.core.clock.seconds())
        else:
            self.sync.due(name)

    def _watch(self) -> None:
        self.mover.undo_drift()
        if self.core.expire_hold():
            self.sync.beat()
        event = self.watcher.look()
        if self.teller.tell():
            self.sync.events_soon()
        if event is not None:
            self.mover.advance(event)
        self.mover.look_at_barrier()
        self.timers.later("watch", self.watcher.pause_s())

    def _keep_house(self) -> None:
        self.timers.later("housekeeping", HOUSEKEEPING_S)
        self.core.save_again()
        if len(self.core.store.versions()) > MOST_VERSIONS:
            self.core.prune()
        self.plant.tidy()

    def _done(self, done: Done) -> None:
        if done.name != "validate":
            self.sync.done(done)
        elif done.error is not None:
            log.error("the validator could not be asked: %s", done.error)
            self.timers.later("verify", 10.0)
        else:
            self.mover.validated(*done.result)

    def _beat(self) -> None:
        self.sync.beat()

    def _events_soon(self) -> None:
        self.sync.events_soon()

    def _ask_drivers(self, judged: Judged) -> None:
        self._driver_bench.submit("validate", lambda: (judged, self.plant.validate(judged.document)))

    def _crashed(self, crashed: Crashed) -> None:
        raise crashed.error

    def _exited(self, exited: Exited) -> None:
        by_itself = self.plant.exited(exited)
        log.info("the runtime ended (%s)", exited.status)
        event = self.watcher.exited(exited) if by_itself else None
        if event is not None:
            self.mover.advance(event)
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
            self.mover.intake.limits_digest,
        )
