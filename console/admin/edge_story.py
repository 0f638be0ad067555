"""What one edge has to tell: why it failed, how its parts are, what happened to it lately."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from configs import history
from configs.models import Version
from configs.refusals import Refusal
from console import journal
from console.admin import clocks
from console.admin.forecast_words import value
from console.admin.links import change_address
from edge_protocol.pointers import MISSING
from edges.models import Edge, RunningChange
from edges.words import BAD, Words

MOST_EVENTS = 15
MOST_DIFFERENT = 12
PARTS = {"core_cycle": "Cycle and overruns", "controllers": "Controllers", "devices": "Devices"}
ENDED = {
    "rejected": "refused it before anything changed",
    "failed": "could not run it",
    "rolled_back": "ran it, and went back by itself",
    "critical": "could run neither it nor the one before, and is in safe mode",
}


def local_time(edge: Edge, now: datetime) -> str:
    """The clock on the wall of its site."""
    zone = clocks.of(edge.site.time_zone)
    return f"{now:%H:%M} UTC" if zone is UTC else f"{now.astimezone(zone):%H:%M} local time ({zone})"


def parts(edge: Edge) -> list[dict[str, Any]]:
    """Cycle, controllers, devices and what else the agent reported, as of the last heartbeat."""
    health: Mapping[str, Any] = getattr(getattr(edge, "status", None), "health", None) or {}
    named = [*(name for name in PARTS if name in health), *sorted(set(health) - set(PARTS))]
    return [
        {
            "name": PARTS.get(name, name.replace("_", " ")),
            "word": "well" if health[name].get("ok") else "trouble",
            "tone": "good" if health[name].get("ok") else "bad",
            "detail": health[name].get("detail") or "",
        }
        for name in named
        if isinstance(health[name], dict)
    ]


def why(edge: Edge, said: Words, versions: Sequence[Version]) -> dict[str, Any] | None:
    """One sentence, the log's tail and the values that did it; None where nothing failed.

    Three queries where something failed, else none.
    """
    status = getattr(edge, "status", None)
    tried: Mapping[str, Any] = getattr(status, "last_attempt", None) or {}
    is_failed = said.configuration == "failed" or "safe_mode" in said.flags
    if not is_failed or status is None or tried.get("status") not in BAD:
        return None
    number = tried.get("version")
    brought = next((one for one in versions if one.number == number), None)
    different = _different(edge, status.running_version, number)
    return {
        "sentence": _sentence(tried, brought),
        "change": brought and {"number": brought.change_set.number, "by": brought.change_set.author,
                               "address": change_address(brought.change_set_id)},
        "log": tried.get("log"),
        "running": status.running_version,
        "version": number,
        "different": different[:MOST_DIFFERENT],
        "more": max(0, len(different) - MOST_DIFFERENT),
    }  # fmt: skip


def _sentence(tried: Mapping[str, Any], brought: Version | None) -> str:
    ended = ENDED.get(str(tried.get("status")), "did not keep it")
    because = ": ".join(str(tried[name]) for name in ("code", "detail") if tried.get(name))
    reason = f" (“{brought.change_set.reason}”)" if brought and brought.change_set.reason else ""
    return f"It {ended}: version {tried.get('version')}{reason}. {because or 'It did not say why.'}"


def _different(edge: Edge, running: int, tried: Any) -> list[dict[str, str]]:
    if not running or not isinstance(tried, int) or running == tried:
        return []
    try:
        return told(history.difference(edge=edge, one=running, other=tried)["leaves"])
    except Refusal:
        return []


def told(leaves: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Differences as lines of a page."""
    return [
        {
            "path": one["path"],
            "before": value(one.get("before", MISSING)),
            "after": value(one.get("after", MISSING)),
        }
        for one in leaves
    ]


def timeline(edge: Edge, versions: Sequence[Version]) -> list[dict[str, Any]]:
    """What was published, what it ran, what people noted, newest first. Three queries."""
    events = [_published(one) for one in versions]
    changes = RunningChange.objects.filter(edge=edge).order_by("-at", "-id")[:MOST_EVENTS]
    events += [_ran(one) for one in changes]
    events += [_noted(one) for one in journal.timeline(edge, MOST_EVENTS) if not one["corrected_by"]]
    return sorted(events, key=lambda one: one["at"], reverse=True)[:MOST_EVENTS]


def _published(version: Version) -> dict[str, Any]:
    change = version.change_set
    return {
        "at": version.timestamp,
        "what": "published",
        "text": f"version {version.number}: {change.reason}",
        "by": change.author,
        "address": change_address(version.change_set_id),
        "link": f"#{change.number}",
    }


def _ran(change: RunningChange) -> dict[str, Any]:
    before = f" after {change.from_version}" if change.from_version else ""
    because = f" ({change.code})" if change.code else ""
    running = f"version {change.to_version}" if change.to_version else "nothing"
    return {"at": change.at, "what": "runs", "text": f"{running}{before}{because}", "by": ""}


def _noted(note: Mapping[str, Any]) -> dict[str, Any]:
    return {"at": note["at"], "what": "note", "text": note["text"], "by": note["by"]}
