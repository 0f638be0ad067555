"""Answers about what is stored: the same whether the agent runs (it asks itself) or is stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edge_agent.reports import last_attempt, running_of
from edge_agent.rows import Floor, Hold
from edge_agent.settings import AgentSettings
from edge_agent.states import BUSY, Phase, State, Version
from edge_agent.store import Store
from edge_protocol.canonical import parse

MOST_BYTES = 4 * 1024 * 1024


class NotHeldError(Exception):
    """The version asked for is not stored here; the message names those that are."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """For the technician: `level` is ok, degraded or stopped."""

    level: str
    writing: str
    next_change: str


def verdict(state: State, hold: Hold | None, health: Mapping[str, Mapping[str, Any]] | None) -> Verdict:
    """Are controllers writing, and when can the next change come. `health` None: the agent is stopped."""
    level, writing = _writing(state, health)
    return Verdict(level, writing, _next_change(state, hold))


def _writing(state: State, health: Mapping[str, Mapping[str, Any]] | None) -> tuple[str, str]:
    if state.phase is Phase.EMPTY:
        return "ok", "No controller is writing: enrolled, and nothing has been published for this edge yet."
    if state.phase is Phase.SAFE_MODE:
        why = f"{state.reason.code}: {state.reason.detail}" if state.reason else "see history"
        return "degraded", f"Controllers are NOT writing: safe mode ({why})."
    if health is None:
        return (
            "stopped",
            "The agent is not running: nobody supervises the runtime. Start it with `ems-agent run`.",
        )
    number = state.running.number if state.running else "none"
    core, controllers = health.get("core_cycle", {}), health.get("controllers", {})
    if not core.get("ok", False):
        return (
            "degraded",
            f"Controllers are NOT writing: {core.get('detail') or 'the core cycle stands still'}.",
        )
    if not controllers.get("ok", True):
        return "degraded", f"Some controllers are not writing: {controllers.get('detail')}."
    if state.phase in BUSY:
        return (
            "ok",
            f"Controllers are writing, version {number}; a change is under way ({state.phase.value}).",
        )
    return "ok", f"Controllers are writing, version {number}."


def _next_change(state: State, hold: Hold | None) -> str:
    if hold is not None:
        return (
            f"No change before {hold.until}: held by {hold.by} ({hold.reason}). `ems-agent release` ends it."
        )
    if state.phase is Phase.STAGED and state.pending is not None:
        until = f"at {state.until}" if state.until else "when somebody releases it"
        return (
            f"Version {state.pending.number} is staged and comes {until}. `ems-agent apply` applies it now."
        )
    if state.phase in BUSY:
        return "A change is being made right now."
    return "The next change can come at any time."


def status(
    settings: AgentSettings, store: Store, state: State, floor: Floor, live: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Shape: what `ems-agent status --json` prints. `live` is what only a running agent knows."""
    hold = store.hold()
    health = None if live is None else live["health"]
    return {
        "verdict": asdict(verdict(state, hold, health)),
        "agent_running": live is not None,
        "edge_id": settings.edge_id,
        "server_url": settings.server_url,
        "running": running_of(state),
        "highest_seen": floor.version,
        "desired_decided": not floor.undecided,
        "phase": state.shown_phase,
        "committed": number_of(state.committed),
        "previous": number_of(state.previous),
        "pending": number_of(state.pending),
        "staged_until": state.until if state.phase is Phase.STAGED else None,
        "last_attempt": last_attempt(state),
        "quarantine": [{"version": one.version, "code": one.code} for one in state.quarantine],
        "hold": None if hold is None else {"by": hold.by, "reason": hold.reason, "until": hold.until},
        "epoch": floor.epoch,
        "manifest_expires_at": floor.expires_at or None,
        "live": None if live is None else dict(live),
    }


def number_of(version: Version | None) -> int | None:
    return None if version is None else version.number


def find(store: Store, state: State, number: int | None) -> Version:
    """A held version by number; without one, what runs. Errors: NotHeldError."""
    if number is None:
        if state.running is None:
            raise NotHeldError("no published version is running")
        return state.running
    held = store.versions()
    for stored in reversed(held):
        if stored.version.number == number:
            return stored.version
    known = ", ".join(str(stored.version.number) for stored in held) or "none"
    raise NotHeldError(f"version {number} is not held here (held: {known})")


def document(store: Store, version: Version) -> dict[str, Any]:
    bodies = store.bodies(version)
    return {name: parse(data, max_bytes=MOST_BYTES) for name, data in sorted(bodies.items())}


def difference(before: Any, after: Any, path: str = "") -> list[dict[str, Any]]:
    """Leaf by leaf: {"path", "before", "after"}; a member that is missing on one side is left out there."""
    if isinstance(before, dict) and isinstance(after, dict):
        found: list[dict[str, Any]] = []
        for name in sorted({*before, *after}):
            place = f"{path}/{name}"
            if name not in after:
                found.append({"path": place, "before": before[name]})
            elif name not in before:
                found.append({"path": place, "after": after[name]})
            else:
                found += difference(before[name], after[name], place)
        return found
    if _is_keyed(before) and _is_keyed(after):
        return difference(_by_identity(before), _by_identity(after), path)
    return [] if before == after else [{"path": path, "before": before, "after": after}]


def _is_keyed(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) and _identity(one) for one in value)


def _identity(item: Mapping[str, Any]) -> str | None:
    return item.get("id") or item.get("device_id")


def _by_identity(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {str(_identity(item)): item for item in items}


def storage(settings: AgentSettings, store: Store) -> dict[str, Any]:
    files = {path.name: path.stat().st_size for path in sorted(settings.data.iterdir()) if path.is_file()}
    return {"folder": str(settings.data), "database": store.size(), "files": files}


def diff(store: Store, state: State, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Between two held versions; by default from what ran before to what runs."""
    after = find(store, state, arguments.get("after"))
    earlier = arguments.get("before")
    if earlier is None and state.previous is not None:
        earlier = state.previous.number
    before = find(store, state, earlier) if earlier is not None else None
    return {
        "before": number_of(before),
        "after": after.number,
        "changes": difference(document(store, before) if before else {}, document(store, after)),
    }
