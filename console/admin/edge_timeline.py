"""What happened to one edge, newest first: versions, what it ran, events, holds, alerts, people's notes."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import BigIntegerField, DateTimeField, QuerySet, TextField, UUIDField, Value
from django.db.models.functions import Cast
from django.urls import reverse

from configs.models import Hold, Version
from console import journal
from console.admin.links import change_address
from edges.models import Edge, EdgeEvent, RunningChange
from monitoring.models import AlertEdge

A_PAGE = 15
RUNS, ALERT = "runs", "alert"
Happening = dict[str, Any]


class Reported(NamedTuple):
    """A row of what it ran, of its events or of the alerts: they are read together."""

    at: datetime
    what: str
    before: int
    version: int | None
    code: str
    detail: str
    alert: UUID | None
    until: datetime | None


def page(
    edge: Edge, versions: Sequence[Version], holds: Sequence[Hold], *, before: datetime | None
) -> tuple[list[Happening], str]:
    """A page of what happened, and where the older ones begin, if any. `versions`, `holds`: the newest.

    Three queries, two more where `before` is given. What happened at one instant is not torn apart.
    """
    if before is not None:
        versions = list(_until(_versions(edge), "timestamp", before))
        holds = list(_until(Hold.objects.filter(edge=edge), "created_at", before))
    found = [_published(one) for one in versions]
    found += [line for one in holds for line in _held(one)]
    found += [line for one in _reported(edge, before) for line in _line(one)]
    notes = journal.timeline(edge, A_PAGE + 1, before=before)
    found += [_noted(one) for one in notes if not one["corrected_by"]]
    ordered = sorted(
        (one for one in found if before is None or one["at"] < before),
        key=lambda one: one["at"],
        reverse=True,
    )
    shown = ordered[:A_PAGE]
    shown += [one for one in ordered[A_PAGE:] if one["at"] == shown[-1]["at"]]
    return shown, shown[-1]["at"].isoformat() if len(ordered) > len(shown) else ""


def _versions(edge: Edge) -> QuerySet[Version]:
    return Version.objects.filter(edge=edge).select_related("change_set").defer("envelope")


def _until(rows: QuerySet[Any], moment: str, before: datetime | None) -> QuerySet[Any]:
    rows = rows if before is None else rows.filter(**{f"{moment}__lt": before})
    return rows.order_by(f"-{moment}", "-pk")[: A_PAGE + 1]


def _published(version: Version) -> Happening:
    change = version.change_set
    return {
        "at": version.timestamp,
        "what": "published",
        "text": f"version {version.number}: {change.reason}",
        "by": change.author,
        "address": change_address(version.change_set_id),
        "link": f"#{change.number}",
    }


def _held(hold: Hold) -> list[Happening]:
    held = {"at": hold.created_at, "what": "held", "text": hold.reason, "by": hold.by}
    if hold.released_at is None:
        return [held]
    return [held, {"at": hold.released_at, "what": "released", "text": "", "by": hold.released_by}]


def _reported(edge: Edge, before: datetime | None) -> Iterable[Reported]:
    """What it ran, its events and the alerts that reached it: one query for the three."""
    text, number = TextField(), BigIntegerField()
    no_alert = {"alert_uid": Cast(Value(None), UUIDField()), "until": Cast(Value(None), DateTimeField())}
    ran = _until(RunningChange.objects.filter(edge=edge), "at", before).values_list(
        "at", Value(RUNS, text), "from_version", "to_version", "code", Value("", text), *no_alert.values()
    )
    told = _until(EdgeEvent.objects.filter(edge=edge), "at", before).values_list(
        "at", "type", Value(0, number), "version", "code", "detail", *no_alert.values()
    )
    alerts = _until(AlertEdge.objects.filter(edge=edge), "since", before).values_list(
        "since", Value(ALERT, text), Value(0, number), Value(0, number), Value("", text), "alert__what",
        "alert_id", "left_at",
    )  # fmt: skip
    return [Reported(*row) for row in ran.union(told, alerts, all=True)]


def _line(one: Reported) -> list[Happening]:
    if one.alert is not None:
        address = reverse("admin:console_alert", args=[one.alert])
        more = {"text": one.detail, "by": "", "address": address, "link": "the alert"}
        over = [] if one.until is None else [{"at": one.until, "what": "alert over", **more}]
        return [{"at": one.at, "what": "alert", **more}, *over]
    if one.what == RUNS:
        running = f"version {one.version}" if one.version else "nothing"
        after = f" after {one.before}" if one.before else ""
        text = f"{running}{after}{f' ({one.code})' if one.code else ''}"
    else:
        parts = [f"version {one.version}" if one.version else "", one.code, one.detail]
        text = ": ".join(part for part in parts if part)
    return [{"at": one.at, "what": one.what.replace("_", " "), "text": text, "by": ""}]


def _noted(note: Mapping[str, Any]) -> Happening:
    return {"at": note["at"], "what": "note", "text": note["text"], "by": note["by"]}
