"""An edge in people's words: link, configuration, flags and one headline. Pure over rows that are loaded.

Source: lifecycle.md, "An edge in people's words".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from edge_protocol.instants import parse_instant
from edges.models import Edge, EdgeHead, EdgeStatus

Link = Literal["online", "late", "offline", "never"]
Configuration = Literal["in_sync", "updating", "behind", "failed", "drifted", "none"]
Flag = Literal["safe_mode", "held", "staged", "invalid", "clock", "trust_stale"]
Headline = Literal[
    "safe_mode", "failed", "drifted", "never", "offline", "held", "updating", "behind", "in_sync"
]
HEADLINES: Final[tuple[Headline, ...]] = (
    "safe_mode",
    "failed",
    "drifted",
    "never",
    "offline",
    "held",
    "updating",
    "behind",
    "in_sync",
)
LATE_AFTER_HEARTBEATS: Final = 3
OFFLINE_AFTER: Final = timedelta(minutes=30)
# Two poll intervals: until then an edge that has not answered is on its way, not behind.
UPDATING_FOR: Final = timedelta(minutes=10)
CLOCK_OFF_MS: Final = 60_000
BAD: Final = frozenset({"rejected", "failed", "rolled_back", "critical"})
MOVING: Final = frozenset({"fetched", "verified", "staged", "applying", "probation", "rolling_back"})


@dataclass(frozen=True, slots=True)
class Words:
    link: Link
    configuration: Configuration
    flags: tuple[Flag, ...]
    headline: Headline


def describe(edge: Edge, *, now: datetime, invalid: bool = False) -> Words:
    """Purpose: the words for one edge; load it with select_related("head", "status") to spare queries.

    Shape: `invalid` = its published content breaks a rule by now, which `configs` knows. Errors: none.
    """
    head: EdgeHead | None = getattr(edge, "head", None)
    status: EdgeStatus | None = getattr(edge, "status", None)
    link = link_word(status, now)
    configuration = configuration_word(head, status, now)
    flags = flag_words(head, status, now, invalid=invalid)
    return Words(link, configuration, flags, headline_word(link, configuration, flags))


def link_word(status: EdgeStatus | None, now: datetime) -> Link:
    if status is None or status.last_heartbeat_at is None:
        return "never"
    silence = now - status.last_heartbeat_at
    if silence >= OFFLINE_AFTER:
        return "offline"
    return (
        "late" if silence > LATE_AFTER_HEARTBEATS * timedelta(seconds=status.heartbeat_seconds) else "online"
    )


def configuration_word(head: EdgeHead | None, status: EdgeStatus | None, now: datetime) -> Configuration:
    """What runs against what is desired."""
    if head is None:
        return "none"
    if status is not None:
        if status.drifted:
            return "drifted"
        if _refused(head, status):
            return "failed"
        if status.running_version == head.version and status.phase not in MOVING:
            return "in_sync"
        if status.staged is not None or status.phase in MOVING:
            return "updating"
    return "updating" if now - head.published_at < UPDATING_FOR else "behind"


def _refused(head: EdgeHead, status: EdgeStatus) -> bool:
    """The edge has tried what is desired, and runs something else or nothing."""
    if status.phase == "safe_mode":
        return True
    attempt: Mapping[str, Any] = status.last_attempt or {}
    return attempt.get("version") == head.version and attempt.get("status") in BAD


def flag_words(
    head: EdgeHead | None, status: EdgeStatus | None, now: datetime, *, invalid: bool = False
) -> tuple[Flag, ...]:
    """Every flag that is up, in a fixed order."""
    held = head is not None and head.held
    up: dict[Flag, bool] = {"held": held, "invalid": invalid}
    if status is not None:
        attempt: Mapping[str, Any] = status.last_attempt or {}
        up |= {
            "safe_mode": status.phase == "safe_mode",
            "held": held or _holds(status.local_hold, now),
            "staged": status.staged is not None or status.phase == "staged",
            "clock": _clock_is_off(status.clock),
            "trust_stale": attempt.get("code") == "trust_stale",
        }
    order: tuple[Flag, ...] = ("safe_mode", "held", "staged", "invalid", "clock", "trust_stale")
    return tuple(flag for flag in order if up.get(flag))


TROUBLES: Final[frozenset[str]] = frozenset({"safe_mode", "clock", "trust_stale", "failed", "drifted"})


def troubles(head: EdgeHead | None, status: EdgeStatus, now: datetime) -> frozenset[str]:
    """What an alert could be about, and whether a hold of the site mutes it."""
    said = {*flag_words(None, status, now), configuration_word(head, status, now)}
    return frozenset(said & (TROUBLES | {"held"}))


def _holds(hold: Mapping[str, Any] | None, now: datetime) -> bool:
    """Is the hold that the site set still on? An end that cannot be read is no end."""
    if hold is None:
        return False
    try:
        return parse_instant(hold["until"]) > now
    except (KeyError, ValueError):
        return True


def _clock_is_off(clock: Mapping[str, Any]) -> bool:
    return clock.get("synced") is False or abs(clock.get("offset_ms") or 0) > CLOCK_OFF_MS


def headline_word(link: Link, configuration: Configuration, flags: tuple[Flag, ...]) -> Headline:
    """The first that applies, so that the counts add up to the fleet. Nothing desired is nothing missed."""
    applies: dict[Headline, bool] = {
        "safe_mode": "safe_mode" in flags,
        "failed": configuration == "failed",
        "drifted": configuration == "drifted",
        "never": link == "never",
        "offline": link == "offline",
        "held": "held" in flags,
        "updating": configuration == "updating",
        "behind": configuration == "behind",
    }
    return next((word for word in HEADLINES if applies.get(word)), "in_sync")
