"""Alerts on the desk: what, reach, since, cause, owner, next step; one with its edges; the acts on it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Count, Max, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from configs.changes import Actor
from configs.refusals import Refusal
from console import fleet
from console.admin import cloud
from console.admin.links import edge_address
from console.admin.scoping import as_page, granted
from console.admin.site import desk, person
from console.admin.words import count
from console.api.alerts import found_alert
from doors.problems import Refused
from edges import roles
from edges.models import Edge, EdgeStatus, Organization
from edges.roles import Act
from edges.words import LATE_AFTER_HEARTBEATS
from monitoring import acts, telling
from monitoring.models import Alert

MOST, MOST_EDGES = 50, 500
HOURS = {"1": "an hour", "4": "4 hours", "24": "a day", "168": "a week", "720": "30 days"}
ACTS = {
    "acknowledge": ("Acknowledge", "You own this alert from now on; others see your name."),
    "mute": (
        "Mute",
        "Nobody is told of this alert until then, whatever becomes of it. It stays listed.",
    ),
    "unmute": ("Unmute", "People are told of this alert again."),
}


class ActForm(forms.Form):
    reason = forms.CharField(max_length=500, required=False)


class MuteForm(forms.Form):
    reason = forms.CharField(max_length=500)
    hours = forms.ChoiceField(choices=list(HOURS.items()))


def visible(request: HttpRequest) -> QuerySet[Alert]:
    """Alerts of the person's organizations; a role in sites alone sees those that reach them."""
    grants = person(request).grants
    sites = [one.site_id for one in grants if one.site_id and roles.allows(one.role, "read")]
    own = granted(request, "read", organization="organization_id", site="")
    in_sites = telling.within(Alert.objects.all(), sites).values("pk")
    rows: QuerySet[Alert] = Alert.objects.filter(own | Q(pk__in=in_sites) if sites else own)
    return rows.select_related("organization", "change_set")


def _edges(request: HttpRequest) -> Q:
    return granted(request, "read", organization="organization_id", site="edge__site_id")


def _line(alert: Alert, reach: int, now: datetime) -> dict[str, Any]:
    return {
        **telling.brief(alert, reach, now=now),
        "organization": alert.organization.name,
        "reaches": count(reach, "edge"),
        "number": alert.change_set.number if alert.change_set is not None else None,
        "address": reverse("admin:console_alert", args=[alert.pk]),
    }


@require_safe
def alerts_page(request: HttpRequest) -> HttpResponseBase:
    now: datetime = request.now  # type: ignore[attr-defined]
    state = request.GET.get("state", "open")
    state = state if state in telling.STATES else "open"
    chosen = request.GET.get("organization", "")
    rows = telling.in_state(visible(request), state)
    if chosen:
        rows = rows.filter(organization__code=chosen)
    given = request.GET.get("page", "")
    number = int(given) if given.isascii() and given.isdigit() and 0 < len(given) < 7 else 1
    begin = (max(number, 1) - 1) * MOST
    found = list(rows.order_by("-opened_at", "-id")[begin : begin + MOST + 1])
    counts = telling.reach_of([one.pk for one in found], _edges(request))
    context = {
        **desk.each_context(request),
        "title": "Alerts",
        "cloud": cloud.troubles(request),
        "states": telling.STATES,
        "state": state,
        "organizations": list(Organization.objects.order_by("name")),
        "chosen": chosen,
        "alerts": [_line(one, counts[one.pk], now) for one in found[:MOST]],
        "quiet": "" if found or state != "open" else _quiet(request, chosen, now),
        "newer": number - 1,
        "older": number + 1 if len(found) > MOST else 0,
    }
    return TemplateResponse(request, "console/alerts.html", context)


def _quiet(request: HttpRequest, organization: str, now: datetime) -> str:
    """No alert is good news only where edges are heard of: so it says of how many, and when. One query."""
    rows = EdgeStatus.objects.filter(
        granted(request, "read", organization="organization_id", site="edge__site_id"),
        edge__stage__in=sorted(fleet.COUNTED),
    )
    if organization:
        rows = rows.filter(organization__code=organization)
    longest = LATE_AFTER_HEARTBEATS * timedelta(seconds=60)
    told = rows.aggregate(
        all=Count("pk"),
        online=Count("pk", Q(last_heartbeat_at__gt=now - longest)),
        last=Max("last_heartbeat_at"),
    )
    last = told["last"]
    if last is None:
        return f"Quiet. 0 of {told['all']:,} online; no edge has been heard of yet"
    return f"Quiet. {told['online']:,} of {told['all']:,} online, last heartbeat {_ago(now - last)} ago"


def _ago(since: timedelta) -> str:
    seconds = max(0, int(since.total_seconds()))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _found(request: HttpRequest, pk: UUID, act: Act) -> tuple[Alert, Q]:
    """Raises: Http404, PermissionDenied."""
    try:
        return found_alert(person(request), pk, act)
    except Refused as refused:
        raise as_page(refused) from refused


def _may_act(request: HttpRequest, pk: UUID) -> bool:
    try:
        found_alert(person(request), pk, "edit")
    except Refused:
        return False
    return True


@require_safe
def alert_page(request: HttpRequest, alert: UUID) -> HttpResponseBase:
    row, seen = _found(request, alert, "read")
    now: datetime = request.now  # type: ignore[attr-defined]
    reach = telling.reach_of([row.pk], seen)[row.pk]
    told = _line(row, reach, now)
    names = [] if row.resolved_at or not _may_act(request, row.pk) else list(ACTS)
    names = [name for name in names if name != ("mute" if told["muted_until"] else "unmute")]
    context = {
        **desk.each_context(request),
        "title": row.what,
        "zone": row.organization.time_zone,
        "alert": told,
        "edges": [_edge(one.edge, one.since) for one in _first(telling.reached(row.pk, seen))],
        "more": max(0, reach - MOST_EDGES),
        "history": telling.history(row.pk),
        "acts": [
            {
                "label": ACTS[name][0],
                "says": ACTS[name][1],
                "address": reverse("admin:console_alert_act", args=[row.pk, name]),
            }
            for name in names
        ],
    }
    return TemplateResponse(request, "console/alert.html", context)


def _first(rows: QuerySet[Any]) -> QuerySet[Any]:
    return rows.order_by("edge__edge_id")[:MOST_EDGES]


def _edge(edge: Edge, since: datetime) -> dict[str, Any]:
    return {"name": edge.edge_id, "site": edge.site.name, "since": since, "address": edge_address(edge.pk)}


def alert_act_page(request: HttpRequest, alert: UUID, verb: str) -> HttpResponseBase:
    if verb not in ACTS:
        raise Http404
    row, seen = _found(request, alert, "edit")
    kind = MuteForm if verb == "mute" else ActForm
    form = kind(request.POST if request.method == "POST" else None)
    refused = ""
    if request.method == "POST" and form.is_valid():
        try:
            _act(request, row, verb, form.cleaned_data)
        except Refusal as no:
            refused = no.detail
        else:
            messages.success(request, f"Done: {ACTS[verb][0].lower()}.")
            return HttpResponseRedirect(reverse("admin:console_alert", args=[row.pk]))
    label, says = ACTS[verb]
    context = {
        **desk.each_context(request),
        "title": f"{label}: {row.what}",
        "label": label,
        "says": says,
        "reaches": count(telling.reach_of([row.pk], seen)[row.pk], "edge"),
        "form": form,
        "hours": HOURS.items() if verb == "mute" else (),
        "refused": refused,
        "back": reverse("admin:console_alert", args=[row.pk]),
    }
    wrong = refused or (form.is_bound and not form.is_valid())
    return TemplateResponse(request, "console/alert_act.html", context, status=422 if wrong else 200)


def _act(request: HttpRequest, row: Alert, name: str, values: dict[str, Any]) -> None:
    now: datetime = request.now  # type: ignore[attr-defined]
    who = person(request)
    more: dict[str, Any] = {"reason": values["reason"]}
    if name == "mute":
        more["until"] = now + timedelta(hours=int(values["hours"]))
    getattr(acts, name)(
        organization_id=row.organization_id,
        alert_id=row.pk,
        actor=Actor(who.username, who.user_id),
        now=now,
        **more,
    )


desk.pages += [
    path("alerts/", desk.admin_view(alerts_page), name="console_alerts"),
    path("alerts/<uuid:alert>/", desk.admin_view(alert_page), name="console_alert"),
    path("alerts/<uuid:alert>/act/<str:verb>/", desk.admin_view(alert_act_page), name="console_alert_act"),
]
