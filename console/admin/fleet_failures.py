"""Failures on the fleet page: after which change, since when, by which causes, and what to do now."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.urls import reverse

from configs import failing
from configs.failing import Blamed, Failed
from configs.models import State
from configs.rollouts.states import DONE, Phase
from console.admin.links import change_address, edge_address
from edge_protocol.instants import parse_instant
from edges import roles
from edges.alike import Group
from edges.credentials import OperatorPrincipal
from edges.roles import Act

MOST_CHANGES, MOST_CAUSES = 5, 10
SAMPLE = 5
STEERED = (Phase.RUNNING, Phase.PAUSED, Phase.HALTED)
Cause = tuple[str, str]
Address = Callable[..., str]


def digest(cause: Cause) -> str:
    """Names a cause in an address: what an edge says of it can be long."""
    return hashlib.sha256("\0".join(cause).encode()).hexdigest()[:16]


def by_change(groups: Sequence[Group], who: OperatorPrincipal, *, address: Address) -> list[dict[str, Any]]:
    """Change by change for the page, the one that failed last first. One query where there are any.

    `groups`: of edges that failed; `address`: of the fleet, filtered.
    """
    causes = list({group.cause: None for group in groups})
    edges = {uid: causes.index(group.cause) for group in groups for _, uid in group.refused}
    changes: dict[UUID, list[Failed]] = {}
    for one in failing.after_changes(edges) if edges else ():
        changes.setdefault(one.change.pk, []).append(one)
    ordered = sorted(
        changes.values(),
        key=lambda own: (max(one.newest for one in own), sum(one.number for one in own)),
        reverse=True,
    )
    return [_told(own, causes, who, address) for own in ordered[:MOST_CHANGES]]


def _told(
    own: Sequence[Failed],
    causes: Sequence[Cause],
    who: OperatorPrincipal,
    address: Address,
) -> dict[str, Any]:
    change = own[0].change
    key = str(change.pk)
    number, safe = sum(one.number for one in own), sum(one.safe for one in own)
    most = max(own, key=lambda one: (one.number, one.newest))
    code, detail = causes[most.cause]
    return {
        "count": f"{number:,}",
        "address": address(change=key),
        "since": _since(min((one.since for one in own if one.since), default="")),
        "change": change,
        "change_address": change_address(change.pk),
        "same": ""
        if number == 1
        else "all the same"
        if most.number == number
        else f"{most.number:,} the same",
        "code": code or "no code",
        "same_address": address(cause=digest((code, detail)), change=key),
        "stands": _stands(own, number, safe),
        "acts": _acts(change, who),
        "safe": f"{safe:,}" if safe else "",
        "safe_address": address(word="safe_mode", change=key),
    }


def by_cause(groups: Iterable[Group], *, address: Address) -> list[dict[str, Any]]:
    """Edges that failed, by what they said of it; the cause that was seen last comes first."""
    failed: dict[Cause, list[Group]] = {}
    for group in groups:
        failed.setdefault(group.cause, []).append(group)
    told = [
        (max(one.newest for one in found), sum(one.number for one in found), cause, found)
        for cause, found in failed.items()
    ]
    told.sort(key=lambda one: one[:2], reverse=True)
    return [
        {
            "code": cause[0] or "no code",
            "detail": cause[1],
            "count": f"{number:,}",
            "address": address(cause=digest(cause)),
            "edges": [{"name": name, "address": edge_address(uid)} for name, uid in _sample(found)],
            "more": f"{number - SAMPLE:,}" if number > SAMPLE else "",
        }
        for _, number, cause, found in told[:MOST_CAUSES]
    ]


def _sample(groups: Iterable[Group]) -> list[tuple[str, UUID]]:
    return sorted(one for group in groups for one in group.refused[:SAMPLE])[:SAMPLE]


def _since(written: str) -> datetime | None:
    """By the edges' own clocks; None where none wrote a time that can be read."""
    try:
        return parse_instant(written)
    except ValueError:
        return None


def _stands(own: Sequence[Failed], number: int, safe: int) -> str:
    """Where its edges are now: "all back on version 42", or each part with its number."""
    back = sum(one.back for one in own)
    versions = {version for one in own for version in one.versions}
    to = f"version {min(versions)}" if len(versions) == 1 else "what ran before"
    if back == number:
        return f"back on {to}" if number == 1 else f"all back on {to}"
    parts = [(back, f"back on {to}"), (safe, "in safe mode"), (number - back - safe, "not back")]
    return ", ".join(f"{of_part:,} {words}" for of_part, words in parts if of_part)


def _acts(change: Blamed, who: OperatorPrincipal) -> list[dict[str, str]]:
    """Stop what is still let out, and take it back: by its rollout, or by a revert of what is published."""
    rollout, phase = change.rollout, change.phase
    acts = []
    if phase == Phase.RUNNING and _may(who, change, "publish"):
        acts.append(("Stop", reverse("admin:console_rollout_act", args=[rollout, "pause"])))
    is_half_way = phase == Phase.ROLLING_BACK and change.scope == "wave"
    if (phase in STEERED or is_half_way) and _may(who, change, "rollback"):
        address = reverse("admin:console_rollout_act", args=[rollout, "rollback_all"])
        acts.append((f"Roll back #{change.number}", address))
    is_published = change.state == State.PUBLISHED and phase in (None, *DONE)
    if is_published and _may(who, change, "publish"):
        acts.append((f"Roll back #{change.number}", reverse("admin:console_revert", args=[change.pk])))
    return [{"label": label, "address": address} for label, address in acts]


def _may(who: OperatorPrincipal, change: Blamed, act: Act) -> bool:
    """In the whole organization; who may in some sites alone finds the acts on the change's own page."""
    return any(
        one.organization_id == change.organization_id and one.site_id is None and roles.allows(one.role, act)
        for one in who.grants
    )
