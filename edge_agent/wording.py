"""What the command line prints for people: one screen, tables that line up, no colour unless asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_COLOURS = {"ok": "32", "degraded": "31", "stopped": "33"}


def coloured(text: str, level: str) -> str:
    """Only on a terminal, and never where NO_COLOR is set."""
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_COLOURS.get(level, '0')}m{text}\x1b[0m"


def table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> str:
    """Columns that line up; an empty table is an empty text."""
    lines = [tuple(head), *map(tuple, rows)] if head and rows else list(map(tuple, rows))
    if not lines:
        return ""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(widths[i]) for i, cell in enumerate(line)).rstrip() for line in lines
    )


def status_text(status: Mapping[str, Any]) -> str:
    """The verdict first, then identity, versions, link, health. Fits one screen."""
    verdict = status["verdict"]
    lines = [coloured(verdict["writing"], verdict["level"]), verdict["next_change"], ""]
    lines.append(table([*_identity(status), *_versions(status), *_link(status.get("live"))]))
    troubles = _troubles(status.get("live"))
    if troubles:
        lines += ["", *troubles]
    return "\n".join(lines)


def _identity(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [("edge", status["edge_id"]), ("server", status["server_url"])]


def _versions(status: Mapping[str, Any]) -> list[tuple[str, str]]:
    running = status["running"]
    shown = str(running["version"]) if running["version"] else "nothing published"
    if running["digest"]:
        shown += f" ({running['digest'][:12]})"
    rows = [("runs", shown), ("seen", f"{status['highest_seen']} (epoch {status['epoch']})")]
    rows.append(("phase", status["phase"].replace("_", " ")))
    attempt = status["last_attempt"]
    if attempt is not None:
        why = f": {attempt['code']}: {attempt['detail']}" if attempt["code"] else ""
        rows.append(
            ("last attempt", f"version {attempt['version']} {attempt['status']} at {attempt['at']}{why}")
        )
    if status["quarantine"]:
        rows.append(
            ("quarantine", ", ".join(f"{one['version']} ({one['code']})" for one in status["quarantine"]))
        )
    return rows


def _link(live: Mapping[str, Any] | None) -> list[tuple[str, str]]:
    if live is None:
        return [("agent", "stopped")]
    sync = live["sync"]
    rows = [("link", f"{sync['transport']}, last sync {sync['last_sync_at'] or 'never'}")]
    if live["next_poll_in_s"] is not None:
        rows.append(("next poll", f"in {live['next_poll_in_s']:.0f} s"))
    bad = sorted(name for name, part in live["health"].items() if not part["ok"])
    rows.append(("health", f"trouble with {', '.join(bad)}" if bad else "all well"))
    offset = live["clock"]["offset_ms"]
    if offset is not None and not live["clock"]["synced"]:
        rows.append(("clock", f"{offset / 1000:+.0f} s away from the server's: set the time"))
    return rows


def _troubles(live: Mapping[str, Any] | None) -> list[str]:
    if live is None:
        return []
    found = [f"{name}: {part['detail']}" for name, part in sorted(live["health"].items()) if not part["ok"]]
    return found + [live[name] for name in ("sync_problem", "socket_problem") if live[name]]


def history_text(events: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        (
            event["at"],
            event["type"],
            str(event.get("version", "")),
            (event.get("data") or {}).get("status") or event.get("code", ""),
            event.get("detail", "")[:100],
        )
        for event in events
    ]
    return table(rows, ("when", "what", "version", "status", "detail")) or "Nothing has happened yet."


def diff_text(diff: Mapping[str, Any]) -> str:
    if not diff["changes"]:
        return f"Versions {diff['before']} and {diff['after']} have the same content."
    lines = [f"from version {diff['before'] or 'nothing'} to version {diff['after']}"]
    for change in diff["changes"]:
        before, after = change.get("before", "-"), change.get("after", "-")
        lines.append(f"  {change['path']}: {before} -> {after}")
    return "\n".join(lines)


def storage_text(storage: Mapping[str, Any]) -> str:
    rows = [(name, str(count)) for name, count in storage["database"].items()]
    rows += [(name, f"{size} bytes") for name, size in storage["files"].items()]
    return f"{storage['folder']}\n{table(rows)}"
