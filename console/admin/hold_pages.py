"""Holds on the desk: which edges are held, by whom, since when, why, and which are overdue for a look."""

from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from configs.models import Hold
from console.admin.links import edge_address
from console.admin.scoping import granted
from console.admin.site import desk, person
from console.api import reach
from edges.credentials import OperatorPrincipal
from edges.models import Organization

MOST = 50
FILTERS = ("organization", "owner", "only")
LONGEST = 200


def line(hold: Hold, now: datetime) -> dict[str, Any]:
    """One hold in words."""
    is_overdue = hold.review_at is not None and hold.review_at <= now
    day = "no review date" if hold.review_at is None else f"{hold.review_at:%Y-%m-%d}"
    return {
        "owner": hold.by,
        "since": hold.created_at,
        "reason": hold.reason,
        "review": f"overdue for review since {day}" if is_overdue else day if hold.review_at is None
        else f"review on {day}",
        "tone": "bad" if is_overdue else "",
    }  # fmt: skip


@require_safe
def holds_page(request: HttpRequest) -> HttpResponseBase:
    now: datetime = request.now  # type: ignore[attr-defined]
    asked = {name: request.GET.get(name, "").strip()[:LONGEST] for name in FILTERS}
    rows, number = _found(request, asked, now), _number(request)
    # Overdue first: by the day of the review, and those without one last.
    ordered = rows.order_by(F("review_at").asc(nulls_last=True), "created_at", "pk")
    found = list(ordered[(number - 1) * MOST : number * MOST + 1])
    who = person(request)
    context = {
        **desk.each_context(request),
        "title": "Holds",
        "asked": asked,
        "is_filtered": any(asked.values()),
        "organizations": list(Organization.objects.order_by("name")),
        "holds": [_row(one, who, now) for one in found[:MOST]],
        "newer": _address(asked, number - 1) if number > 1 else "",
        "older": _address(asked, number + 1) if len(found) > MOST else "",
    }
    return TemplateResponse(request, "console/holds.html", context)


def _found(request: HttpRequest, asked: dict[str, str], now: datetime) -> QuerySet[Hold]:
    mine = granted(request, "read", organization="organization_id", site="edge__site_id")
    rows: QuerySet[Hold] = Hold.objects.filter(mine, released_at=None)
    if asked["organization"]:
        rows = rows.filter(organization__code=asked["organization"])
    if asked["owner"]:
        rows = rows.filter(by__icontains=asked["owner"])
    if asked["only"] == "overdue":
        rows = rows.filter(review_at__lte=now)
    return rows.select_related("organization", "edge__site")


def _number(request: HttpRequest) -> int:
    given = request.GET.get("page", "")
    return max(int(given), 1) if given.isascii() and given.isdigit() and len(given) < 7 else 1


def _row(hold: Hold, who: OperatorPrincipal, now: datetime) -> dict[str, Any]:
    edge = hold.edge
    may = reach.may(who, "rollback", edge.organization_id, edge.site_id)
    return {
        **line(hold, now),
        "edge": edge.edge_id,
        "address": edge_address(edge.pk),
        "site": edge.site.name,
        "organization": hold.organization.name,
        "acts": [
            {"name": name, "address": reverse("admin:console_act", args=[edge.pk, verb])}
            for verb, name in (("review", "Set a review date"), ("release", "Release"))
            if may
        ],
    }


def _address(asked: dict[str, str], number: int) -> str:
    return f"?{urlencode({**asked, 'page': f'{number}'})}"


desk.pages += [path("holds/", desk.admin_view(holds_page), name="console_holds")]
