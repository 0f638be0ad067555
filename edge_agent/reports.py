"""What the agent says about itself: the heartbeat, whole or only what changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.health import Gate
from edge_agent.rows import Floor, Hold
from edge_agent.states import Phase, Reason, State, Version
from edge_protocol.layout import SCHEMA_ID

SCHEMAS = [SCHEMA_ID]
CAPABILITIES = {"delta": True, "events": True, "heartbeat_over_socket": True, "bundle": True}
ALWAYS_SENT = ("running", "boot_id", "seq", "uptime_seconds", "phase")
MOST_LOG = 8 * 1024


@dataclass(frozen=True, slots=True)
class Identity:
    agent_version: str
    boot_id: str
    hardware_id: str | None


@dataclass(slots=True)
class SyncFacts:
    """Counted for the agent's life; `transport` is how news arrives now."""

    polls_scheduled: int = 0
    polls_ok: int = 0
    polls_failed: int = 0
    transport: str = "polling"
    last_sync_at: str | None = None
    problem: str = ""
    offset_ms: float | None = None

    def to_dict(self) -> dict[str, Any]:
        return {
            "polls_scheduled": self.polls_scheduled,
            "polls_ok": self.polls_ok,
            "polls_failed": self.polls_failed,
            "transport": self.transport,
            "last_sync_at": self.last_sync_at,
        }

    def clock(self) -> dict[str, Any]:
        """A clock counts as synced while the server's time is at most two seconds away."""
        offset = self.offset_ms
        return {"synced": offset is not None and abs(offset) <= 2000, "offset_ms": offset}


def running_of(state: State) -> dict[str, Any]:
    """In safe mode no published version runs, so none is claimed."""
    if state.running is None:
        return {"version": 0, "digest": None}
    return {"version": state.running.number, "digest": state.running.digest}


def full_report(
    state: State,
    floor: Floor,
    hold: Hold | None,
    health: Mapping[str, Mapping[str, Any]],
    sync: SyncFacts,
    identity: Identity,
    limits_digest: str | None,
) -> dict[str, Any]:
    """Every member of a heartbeat but `seq` and `uptime_seconds`. Source: protocol.md, Heartbeat."""
    return {
        "boot_id": identity.boot_id,
        "running": running_of(state),
        "highest_seen": floor.version,
        "last_known_good": _number(state.committed),
        "phase": state.shown_phase,
        "staged": _staged(state),
        "last_attempt": last_attempt(state),
        "quarantine": [
            {"version": entry.version, "sections": dict(entry.sections), "code": entry.code}
            for entry in state.quarantine
        ],
        "hold": None if hold is None else {"by": hold.by, "reason": hold.reason, "until": hold.until},
        "health": {name: dict(part) for name, part in health.items()},
        "sync": sync.to_dict(),
        "schemas": SCHEMAS,
        "capabilities": CAPABILITIES,
        "hardware_id": identity.hardware_id,
        "limits_digest": limits_digest,
        "agent_version": identity.agent_version,
        "clock": sync.clock(),
    }


def _number(version: Version | None) -> int | None:
    return None if version is None else version.number


def _staged(state: State) -> dict[str, Any] | None:
    if state.phase is not Phase.STAGED or state.pending is None:
        return None
    return {"version": state.pending.number, "until": state.until}


def last_attempt(state: State) -> dict[str, Any] | None:
    attempt = state.last_attempt
    if attempt is None:
        return None
    return {
        "version": attempt.version,
        "digest": attempt.digest,
        "status": attempt.status,
        "code": attempt.code[:64] or None,
        "detail": attempt.detail[:4000] or None,
        "log": attempt.log[-MOST_LOG:] or None,
        "at": attempt.at,
        "attempts": attempt.attempts,
    }


def what_changed(report: Mapping[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
    """A later heartbeat leaves out what it said before; the first of a boot says everything."""
    if before is None:
        return dict(report)
    return {name: value for name, value in report.items() if name in ALWAYS_SENT or before.get(name) != value}


def health_parts(
    gates: Mapping[str, Gate],
    state: State,
    reason: Reason | None,
    troubles: Mapping[str, str],
    *,
    alive: bool,
) -> dict[str, dict[str, Any]]:
    """Components in people's words: core cycle, controllers, devices, and what troubles the agent itself."""
    parts = {
        "core_cycle": _part([gate for name, gate in gates.items() if name in {"cycle", "overruns"}]),
        "controllers": _part([gate for name, gate in gates.items() if name.startswith("controller:")]),
        "devices": _part([gate for name, gate in gates.items() if name.startswith("device:")]),
    }
    if state.phase is not Phase.EMPTY and not alive:
        parts["core_cycle"] = {"ok": False, "detail": "the runtime is not running"}
    elif reason is not None and parts["core_cycle"]["ok"]:
        parts["core_cycle"] = {"ok": False, "detail": f"{reason.code}: {reason.detail}"[:1000]}
    for name, trouble in troubles.items():
        parts[name] = {"ok": not trouble, "detail": trouble[:1000]}
    return parts


def _part(gates: list[Gate]) -> dict[str, Any]:
    if not gates:
        return {"ok": True, "detail": "nothing reported"}
    bad = [gate.detail or gate.code for gate in gates if not gate.ok]
    return {"ok": not bad, "detail": "; ".join(bad)[:1000]}
