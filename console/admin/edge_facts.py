"""One edge as its page shows it: the words, the three facts, versions, keys, and what may be done."""

from datetime import datetime, timedelta
from typing import Any

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince

from configs.models import Hold, Version
from console.admin import edge_story, hold_pages
from console.admin.acts import ACTS
from console.admin.links import layer_address
from console.api import reach
from edge_protocol.instants import parse_instant
from edges import keys, words
from edges.credentials import OperatorPrincipal
from edges.models import Edge

TONES = {
    "in_sync": "good",
    "updating": "wait",
    "behind": "wait",
    "held": "wait",
    "never": "wait",
    "safe_mode": "bad",
    "failed": "bad",
    "drifted": "bad",
    "offline": "bad",
}
SHOWN_VERSIONS = 10


def badge(word: str) -> SafeString:
    return format_html(
        '<span class="ems-word" data-tone="{}">{}</span>', TONES.get(word, ""), word.replace("_", " ")
    )


def age(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    return "just now" if now - at < timedelta(minutes=1) else f"{timesince(at, now).split(',')[0]} ago"


def link_and_age(edge: Edge, now: datetime) -> str:
    word = words.describe(edge, now=now).link
    status = getattr(edge, "status", None)
    return word if word == "never" else f"{word}, heard {age(status and status.last_heartbeat_at, now)}"


def runs(edge: Edge) -> str:
    head, status = getattr(edge, "head", None), getattr(edge, "status", None)
    running = status.running_version if status and status.running_version else "nothing"
    return f"{running} → {head.version if head else 'nothing'}"


def attempt(edge: Edge) -> str:
    """What the edge last tried, in one line."""
    found = getattr(getattr(edge, "status", None), "last_attempt", None)
    if not found:
        return "–"
    because = f" ({found['code']})" if found.get("code") else ""
    return f"{found.get('version')} {str(found.get('status')).replace('_', ' ')}{because}"


def attempt_age(edge: Edge, now: datetime) -> str:
    """How long ago that was, by the edge's own clock; empty where it did not say."""
    found = getattr(getattr(edge, "status", None), "last_attempt", None) or {}
    try:
        return age(parse_instant(found.get("at") or ""), now)
    except ValueError:
        return ""


def facts(edge: Edge) -> list[dict[str, str]]:
    """The three facts, apart."""
    status = getattr(edge, "status", None)
    head = getattr(edge, "head", None)
    seen = status and status.highest_seen
    return [
        {"name": "It runs", "value": f"version {status.running_version}" if status and status.running_version
         else "nothing yet"},
        {"name": "It has seen", "value": f"version {seen}" if seen else "nothing yet"},
        {"name": "It last tried", "value": attempt(edge)},
        {"name": "It should run", "value": f"version {head.version}" if head else "nothing yet"},
    ]  # fmt: skip


def gap(edge: Edge) -> dict[str, int] | None:
    """The versions that it runs and should run, where they are two."""
    head, status = getattr(edge, "head", None), getattr(edge, "status", None)
    if head is None or status is None or status.running_version in (0, head.version):
        return None
    return {"running": status.running_version, "desired": head.version}


def context(edge: Edge, who: OperatorPrincipal, now: datetime) -> dict[str, Any]:
    said = words.describe(edge, now=now)
    status = getattr(edge, "status", None)
    hold = Hold.objects.filter(edge=edge, released_at=None).first()
    newest = versions(edge)
    return {
        "edge": edge,
        "edge_words": [badge(said.headline), *(badge(flag) for flag in said.flags if flag != said.headline)],
        "edge_link": link_and_age(edge, now),
        "edge_configuration": said.configuration.replace("_", " "),
        "edge_facts": facts(edge),
        "edge_log": (getattr(status, "last_attempt", None) or {}).get("log"),
        "edge_hold": hold and hold_pages.line(hold, now),
        "edge_next": next_step(edge, said),
        "edge_versions": newest,
        "edge_gap": gap(edge),
        "edge_time": edge_story.local_time(edge, now),
        "edge_why": edge_story.why(edge, said, newest),
        "edge_parts": edge_story.parts(edge),
        "edge_timeline": edge_story.timeline(edge, newest),
        "edge_may_edit": reach.may(who, "edit", edge.organization_id, edge.site_id),
        "edge_keys": [
            {"key": key, "state": key_state(key, now), "revoke": _revoke(edge, key, who)}
            for key in keys.listed(edge)
        ],
        "edge_acts": acts(edge, who, held=hold is not None),
        "edge_layer": layer_address(edge.organization.code, "edge", edge.edge_id),
    }


def versions(edge: Edge) -> list[Version]:
    rows = Version.objects.filter(edge=edge).select_related("change_set").defer("envelope")
    return list(rows.order_by("-number")[:SHOWN_VERSIONS])


def _revoke(edge: Edge, key: Any, who: OperatorPrincipal) -> str | None:
    if key.revoked_at or not reach.may(who, "manage_keys", edge.organization_id, edge.site_id):
        return None
    return reverse("admin:console_revoke", args=[edge.pk, key.key_id])


def acts(edge: Edge, who: OperatorPrincipal, *, held: bool) -> list[dict[str, str]]:
    """The acts that the role allows and the state makes sense of."""
    absent = {"release", "review"} if not held else {"hold"}
    return [
        {
            "name": act.label,
            "address": reverse("admin:console_act", args=[edge.pk, name]),
            "kind": "hardware" if act.act == "manage_keys" else "configuration",
        }
        for name, act in ACTS.items()
        if name not in absent and reach.may(who, act.act, edge.organization_id, edge.site_id)
    ]


def next_step(edge: Edge, said: words.Words) -> str:
    """What a person would do next, when there is something."""
    if getattr(edge, "head", None) is None:
        return "No valid document yet: complete the layers of its organization, its site or its own."
    if said.link == "never":
        return "It has never called: issue an enrollment token and paste the command on the device."
    if said.configuration == "failed":
        return "It refused or rolled back the desired version: correct the layer, or retry the same content."
    if said.link == "offline":
        return "It is silent: its network or power needs a look on site. It keeps running what it has."
    return ""


def key_state(key: Any, now: datetime) -> str:
    if key.revoked_at:
        return f"revoked {age(key.revoked_at, now)}"
    if key.expires_at and key.expires_at <= now:
        return "expired"
    if key.pending:
        return "candidate, not used yet"
    return f"live, used {age(key.last_used_at, now)}"
