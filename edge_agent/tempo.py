"""When to speak to the cloud: poll phase, backoff, the server's tempo. Pure; randomness is handed in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

BACKOFF_BASE_S = 1.0
DEFAULT_POLL_S = 300.0
DEFAULT_HEARTBEAT_S = 60.0
SHORTEST_POLL_S = 5.0
LONGEST_POLL_S = 86400.0

Uniform = Callable[[float, float], float]


def poll_phase_s(edge_id: str, interval_s: float) -> float:
    """Every edge has its own place inside the interval, so that a fleet spreads by itself."""
    number = int.from_bytes(hashlib.sha256(edge_id.encode()).digest()[:8])
    return (number % 1_000_000) / 1_000_000 * interval_s


def next_poll_in_s(edge_id: str, interval_s: float, wall_s: float) -> float:
    """Seconds to the edge's next place, at least half an interval away from a poll just made."""
    ahead = (poll_phase_s(edge_id, interval_s) - wall_s) % interval_s
    return ahead if ahead >= interval_s / 2 else ahead + interval_s / 2


def backoff_s(failures: int, cap_s: float, uniform: Uniform, retry_after_s: float = 0.0) -> float:
    """`min(cap, base * 2^n)`, full jitter after the cap; what the server asks for is a floor below it."""
    capped = min(cap_s, BACKOFF_BASE_S * 2.0 ** min(failures, 32))
    return retry_after_s + uniform(0.0, capped)


def poll_interval_s(document_s: float, server_s: float | None, *, socket_answers: bool) -> float:
    """The server sets the tempo; it may stretch polling only while the socket answers pings."""
    if server_s is None:
        return document_s
    asked = min(max(server_s, SHORTEST_POLL_S), LONGEST_POLL_S)
    return asked if socket_answers else min(asked, document_s)
