"""What a person may do to one edge from its page: each with its reach in words before it happens."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from configs import holding, retrying, rolling_back, signing
from configs.changes import Actor
from edges import asking, enrollment
from edges.models import Edge
from edges.roles import Act

NOON = time(12)


@dataclass(frozen=True)
class Deed:
    """One confirmed act: by whom, why, when, and what else the form said."""

    edge: Edge
    actor: Actor
    reason: str
    now: datetime
    values: dict[str, Any]


@dataclass(frozen=True)
class EdgeAct:
    label: str
    act: Act
    says: str
    does: Callable[[Deed], Any]
    is_destructive: bool = False
    asks: str = ""


def _roll_back(deed: Deed) -> Any:
    return rolling_back.rollback(
        edge=deed.edge,
        to_version=deed.values.get("to_version"),
        reason=deed.reason,
        actor=deed.actor,
        now=deed.now,
        signer=signing.signer(),
    )


def _retry(deed: Deed) -> Any:
    return retrying.retry(
        edge=deed.edge, reason=deed.reason, actor=deed.actor, now=deed.now, signer=signing.signer()
    )


def _hold(deed: Deed) -> Any:
    review_on = deed.values.get("review_on")
    until = None if review_on is None else _noon(review_on)
    return holding.hold(edge=deed.edge, until=until, reason=deed.reason, actor=deed.actor, now=deed.now)


def _review(deed: Deed) -> Any:
    until = _noon(deed.values["review_on"])
    return holding.review(edge=deed.edge, until=until, reason=deed.reason, actor=deed.actor, now=deed.now)


def _noon(day: date) -> datetime:
    return datetime.combine(day, NOON, UTC)


def _release(deed: Deed) -> Any:
    return holding.release(
        edge=deed.edge,
        reason=deed.reason,
        actor=deed.actor,
        now=deed.now,
        signer=signing.signer(),
        preview_digest=deed.values.get("preview_digest") or None,
    )


def _apply(deed: Deed) -> Any:
    payload = {"by": deed.actor.name, "reason": deed.reason}
    return asking.ask(edge=deed.edge, kind="apply", payload=payload, now=deed.now)


def _token(deed: Deed) -> Any:
    return enrollment.issue_token(
        edge=deed.edge, by=deed.actor.name, now=deed.now, random_bytes=secrets.token_bytes
    )


ACTS: dict[str, EdgeAct] = {
    "rollback": EdgeAct(
        "Roll back",
        "rollback",
        "A new version with the content of an earlier one is published for this one edge, and the edge is "
        "held: changes of its site and organization pass by until it is released.",
        _roll_back,
        is_destructive=True,
        asks="to_version",
    ),
    "retry": EdgeAct(
        "Retry refused content",
        "rollback",
        "The content that this edge refused is offered to it once more. It tries it, and goes back by itself "
        "if it fails again.",
        _retry,
    ),
    "apply": EdgeAct(
        "Apply what is staged",
        "publish",
        "The edge is asked to apply a staged version now instead of waiting for its maintenance window.",
        _apply,
    ),
    "hold": EdgeAct(
        "Hold",
        "rollback",
        "Changes of its site and organization pass by this one edge until it is released. What it runs goes "
        "on. You own the hold; from the day of its review on it stands among the alerts.",
        _hold,
        asks="review_on",
    ),
    "review": EdgeAct(
        "Set a review date",
        "rollback",
        "The hold stays, and stays its owner's. It is to be looked at on another day; until then it is no "
        "alert.",
        _review,
        asks="new_review_on",
    ),
    "release": EdgeAct(
        "Release",
        "rollback",
        "The edge takes up at once everything that its site and organization changed while it was held.",
        _release,
        asks="preview",
    ),
    "token": EdgeAct(
        "Enrollment token",
        "manage_keys",
        "A token for one enrollment within 24 hours. On an edge that is enrolled already this replaces the "
        "hardware: the old key ends when the new one is first used.",
        _token,
    ),
}
