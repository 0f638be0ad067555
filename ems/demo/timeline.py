"""What happens on the demo's edges, a line each, as the operator interface tells it."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ems.demo.operator import Operator

LOOK_SECONDS = 0.25


def clock(now: datetime) -> str:
    """12:00:01.2"""
    return now.strftime("%H:%M:%S.") + str(now.microsecond // 100_000)


def differences(edge_id: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Lines for what changed between two status answers of one edge."""
    lines = []
    wanted, runs = after["desired"]["version"], after["running"]["version"]
    if wanted != before["desired"]["version"]:
        lines.append(f"{edge_id}: version {wanted} published")
    if runs != before["running"]["version"]:
        lines.append(f"{edge_id}: version {runs} applied")
    if after["phase"] != before["phase"] and after["phase"] == "committed" and runs == wanted:
        lines.append(f"{edge_id}: version {runs} confirmed")
    attempt = after["last_attempt"] or {}
    news = attempt.get("status") in {"rejected", "failed", "rolled_back", "critical"}
    if news and attempt != before["last_attempt"]:
        why = f"{attempt['code']}: {attempt['detail']}"
        lines.append(f"{edge_id}: version {attempt['version']} {attempt['status']}: {why}")
    if after["link"] != before["link"]:
        lines.append(f"{edge_id}: link {after['link']}")
    return lines


def follow(operator: Operator, edges: list[str], say: Callable[[str], None], stop: threading.Event) -> None:
    """Say what changes until `stop` is set."""
    seen = {edge: operator.status(edge) for edge in edges}
    while not stop.wait(LOOK_SECONDS):
        for edge in edges:
            status = operator.status(edge)
            for line in differences(edge, seen[edge], status):
                say(f"{clock(datetime.now(UTC))}  {line}")
            seen[edge] = status
