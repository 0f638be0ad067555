"""What waits for an approval in all of a person's organizations, the longest wait first."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_safe

from configs.changes import Actor
from configs.models import ChangeSet, Operation, Scope, State
from configs.timed import approving
from configs.timed.models import Approval, Decision
from console.admin import words
from console.admin.change_set_acts import act_address
from console.admin.history_page import visible
from console.admin.links import change_address
from console.admin.site import desk, person
from edges.models import Organization

MOST = 100
SCOPES = {
    Scope.ORGANIZATION: "the defaults of all edges",
    Scope.SITE: "the defaults of {}",
    Scope.EDGE: "own values of {}",
}


@require_safe
def waiting_page(request: HttpRequest) -> HttpResponseBase:
    """Six queries for any number of organizations and changes."""
    asked = request.GET.get("organization", "").strip()
    rows = _waiting(visible(request))
    if asked:
        rows = rows.filter(change_set__organization__code=asked)
    found = list(rows[: MOST + 1])
    context = {
        **desk.each_context(request),
        "title": "Waiting for approval",
        "organizations": Organization.objects.order_by("name"),
        "asked": asked,
        "waiting": _lines(request, found[:MOST]),
        "has_more": len(found) > MOST,
        "most": MOST,
    }
    return TemplateResponse(request, "console/waiting.html", context)


def number(request: HttpRequest) -> int:
    """How many wait for this person's word. One query."""
    who = person(request)
    own = Q(change_set__author=who.username) | Q(asked_by=who.username)
    if who.user_id is not None:
        own |= Q(change_set__author_user_id=who.user_id) | Q(asked_by_user_id=who.user_id)
    return _waiting(_approvable(request)).exclude(own).count()


def _waiting(rows: QuerySet[ChangeSet]) -> QuerySet[Approval]:
    awaiting = rows.filter(state=State.AWAITING_APPROVAL).order_by()
    asked = Approval.objects.filter(decision=Decision.WAITING, change_set__in=awaiting.values("pk"))
    return asked.select_related("change_set__organization").order_by("asked_at", "pk")


def _approvable(request: HttpRequest) -> QuerySet[ChangeSet]:
    """What the person's role may approve; as `reach.change_set`, retiring takes the role that edges take."""
    retires = Operation.objects.filter(change_set=OuterRef("pk"), op="retire")
    may_retire = visible(request, "manage_edges").values("pk")
    return visible(request, "approve").filter(~Exists(retires) | Q(pk__in=may_retire))


def _lines(request: HttpRequest, found: Collection[Approval]) -> list[dict[str, Any]]:
    who, keys = person(request), [one.change_set_id for one in found]
    may = set(_approvable(request).filter(pk__in=keys).values_list("pk", flat=True))
    places = _places(keys)
    return [
        {
            "asked": one,
            "change": one.change_set,
            "address": change_address(one.change_set_id),
            "is_own": approving.is_own(one.change_set, one, Actor(who.username, who.user_id)),
            "approve": act_address(one.change_set_id, "approve") if one.change_set_id in may else "",
            "reach": ", ".join(_place(*place) for place in places.get(one.change_set_id, {}).items()),
        }
        for one in found
    ]


def _places(keys: Collection[UUID]) -> Mapping[UUID, Mapping[str, int]]:
    """How many layers of each kind the steps are written to. One query."""
    found: dict[UUID, dict[str, int]] = {}
    rows = Operation.objects.filter(change_set__in=keys).order_by().values("change_set", "scope")
    for row in rows.annotate(layers=Count("target", distinct=True)):
        found.setdefault(row["change_set"], {})[row["scope"]] = row["layers"]
    return found


def _place(scope: str, layers: int) -> str:
    return SCOPES[Scope(scope)].format(words.count(layers, scope))


desk.pages.append(path("approvals/", desk.admin_view(waiting_page), name="console_waiting"))
