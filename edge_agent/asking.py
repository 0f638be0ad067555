"""What people on site and the cloud may ask of the running agent, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from edge_agent import inquiry
from edge_agent.bundles import take_bundle
from edge_agent.clocks import stamp
from edge_agent.control import Asked
from edge_agent.listener import SocketDown
from edge_agent.rows import Hold
from edge_agent.states import SETTLED, Deadline, LocalRetry, LocalRollback, Phase, Reason
from edge_protocol.errors import ProtocolError
from edge_protocol.messages import Request

if TYPE_CHECKING:
    from edge_agent.runner import Agent

DEFAULT_HOLD_S = 24 * 3600.0
LONGEST_HOLD_S = 30 * 24 * 3600.0

Answer = dict[str, Any]


def _refused(detail: str) -> Answer:
    return {"error": "refused", "detail": detail}


class Desk:
    """Lives in the reducer's thread: every answer is the state at one moment."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._socket_problem = ""
        self._commands: dict[str, Callable[[Mapping[str, Any]], Answer]] = {
            "status": self._status,
            "show": self._show,
            "diff": self._diff,
            "history": self._history,
            "apply": self._apply,
            "bundle": self._bundle,
            "retry": self._retry,
            "rollback": self._rollback,
            "hold": self._hold,
            "release": self._release,
            "sync": self._sync,
            "storage": self._storage,
            "ping": self._ping,
            "debug": self._debug,
        }

    def answer(self, asked: Asked) -> None:
        act = self._commands.get(asked.command)
        try:
            found = _refused(f"{asked.command} is not known") if act is None else act(asked.arguments)
        except inquiry.NotHeldError as error:
            found = {"error": "not_held", "detail": str(error)}
        except (TypeError, ValueError) as error:
            found = {"error": "usage", "detail": f"{asked.command}: {error}"}
        asked.reply.put(found)

    def note_socket(self, down: SocketDown) -> None:
        self._socket_problem = down.detail

    # --- looking

    def live(self) -> dict[str, Any]:
        """What only a running agent knows."""
        agent = self._agent
        return {
            "health": agent.health(),
            "sync": agent.sync.facts.to_dict(),
            "sync_problem": agent.sync.facts.problem,
            "socket_problem": "" if agent.sync.socket_up else self._socket_problem,
            "nothing_published": agent.sync.nothing_published,
            "clock": agent.sync.facts.clock(),
            "next_poll_in_s": agent.timers.left_s("poll"),
            "next_heartbeat_in_s": agent.timers.left_s("heartbeat"),
            "gates": {
                name: {"ok": gate.ok, "detail": gate.detail}
                for name, gate in agent.watcher.seen.gates.items()
            },
            "boot_id": agent.identity.boot_id,
            "agent_version": agent.identity.agent_version,
        }

    def _status(self, _: Mapping[str, Any]) -> Answer:
        agent = self._agent
        core = agent.core
        return inquiry.status(agent.settings, core.store, core.state, core.floor, self.live())

    def _show(self, arguments: Mapping[str, Any]) -> Answer:
        core = self._agent.core
        version = inquiry.find(core.store, core.state, arguments.get("version"))
        return {"version": version.number, "document": inquiry.document(core.store, version)}

    def _diff(self, arguments: Mapping[str, Any]) -> Answer:
        core = self._agent.core
        return inquiry.diff(core.store, core.state, arguments)

    def _history(self, arguments: Mapping[str, Any]) -> Answer:
        return {"events": self._agent.core.store.history(int(arguments.get("limit", 20)))}

    def _storage(self, _: Mapping[str, Any]) -> Answer:
        return inquiry.storage(self._agent.settings, self._agent.core.store)

    def _ping(self, _: Mapping[str, Any]) -> Answer:
        """Ask the cloud now; the command line looks at `sync` afterwards."""
        self._agent.sync.beat()
        return {"asked": True, "last_sync_at": self._agent.sync.facts.last_sync_at}

    def _debug(self, _: Mapping[str, Any]) -> Answer:
        agent = self._agent
        return {
            "status": self._status({}),
            "history": agent.core.store.history(100),
            "storage": self._storage({}),
            "runtime": agent.plant.reports(),
            "log": agent.plant.log_tail(),
        }

    # --- acting

    def _sync(self, _: Mapping[str, Any]) -> Answer:
        facts = self._agent.sync.facts
        before = {"polls_ok": facts.polls_ok, "polls_failed": facts.polls_failed}
        self._agent.sync.soon()
        return {"asked": True, **before}

    def _apply(self, _: Mapping[str, Any]) -> Answer:
        waiting = self._agent.mover.waiting()
        refusal = self._agent.mover.release()
        return _refused(refusal) if refusal else {"version": inquiry.number_of(waiting)}

    def _bundle(self, arguments: Mapping[str, Any]) -> Answer:
        """`ems-agent apply --bundle`: the same checks and the same floor as over the network."""
        try:
            version = take_bundle(self._agent.core, self._agent.mover.intake, arguments.get("bundle"))
        except ProtocolError as error:
            return {"error": "rejected", "code": error.code, "detail": error.detail}
        return {"version": version}

    def _retry(self, _: Mapping[str, Any]) -> Answer:
        core = self._agent.core
        attempt = core.state.last_attempt
        if attempt is None or attempt.status not in {"rejected", "rolled_back", "failed", "critical"}:
            return _refused("no version was refused")
        if attempt.version in core.state.lifted:
            return _refused(f"version {attempt.version} was already tried again once: publish a retry")
        version = inquiry.find(core.store, core.state, attempt.version)
        self._agent.mover.advance(LocalRetry(version))
        return {"version": version.number}

    def _rollback(self, arguments: Mapping[str, Any]) -> Answer:
        agent = self._agent
        state = agent.core.state
        possible = state.phase in {Phase.APPLYING, Phase.PROBATION}
        possible = possible or (state.phase in SETTLED and state.previous is not None)
        if not possible:
            return _refused("there is no earlier version to go back to")
        why = str(arguments.get("reason") or "rolled back on site")
        if not self._set_hold(DEFAULT_HOLD_S, why):
            return _refused(agent.core.troubles.storage)
        agent.mover.advance(LocalRollback(Reason("operator_rollback", why, "")))
        return {"to": inquiry.number_of(agent.core.state.committed)}

    def _hold(self, arguments: Mapping[str, Any]) -> Answer:
        seconds = float(arguments.get("seconds") or DEFAULT_HOLD_S)
        if not 0 < seconds <= LONGEST_HOLD_S:
            return _refused("a hold lasts at most 30 days")
        if not self._set_hold(seconds, str(arguments.get("reason") or "no reason given")):
            return _refused(self._agent.core.troubles.storage)
        self._agent.sync.beat()
        return {"until": self._agent.core.hold.until if self._agent.core.hold else None}

    def _set_hold(self, seconds: float, reason: str) -> bool:
        core = self._agent.core
        at = core.clock.moment()
        until = stamp(core.clock.wall() + timedelta(seconds=seconds))
        left = Deadline(at.os_boot, at.seconds + seconds, seconds)
        return core.set_hold(Hold("local", reason[:500], until, left))

    def _release(self, _: Mapping[str, Any]) -> Answer:
        if self._agent.core.hold is None:
            return _refused("the edge is not held")
        self._agent.core.set_hold(None)
        self._agent.sync.beat()
        self._agent.mover.look_at_barrier()
        return {"released": True}

    # --- what the cloud asks

    def cloud_asks(self, request: Request) -> None:
        """Done once; the cloud repeats a request until it has the event `request_done`."""
        core = self._agent.core
        if core.store.request_is_done(request.id):
            return
        acts: dict[str, Callable[[], Answer]] = {
            "sync": lambda: self._sync({}),
            "apply": lambda: self._apply({}),
            "bundle": lambda: _cut(self._debug({})),
            "restart_runtime": self._restart_runtime,
        }
        act = acts.get(request.kind)
        outcome = _refused(f"this agent does not know {request.kind}") if act is None else act()
        core.finish_request(request.id, request.kind, outcome)

    def _restart_runtime(self) -> Answer:
        self._agent.plant.start_over(self._agent.core.clock.seconds())
        return {"restarted": True}


def _cut(debug: Answer) -> Answer:
    """An event carries at most a few ten kilobytes: the newest history and the end of the log."""
    return {**debug, "history": debug["history"][:20], "log": debug["log"][-8000:]}
