"""One value for many edges: those of a fleet's filter, those that were ticked, or those of one value.

Which edges are meant is settled once and shown by name; each gets a step of its own in the person's draft.
"""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse

from configs import history, valuing
from configs.changes import Operation
from configs.models import Scope
from configs.refusals import Refusal
from console.admin import draft_bar, fleet_page, typed, value_pages, words
from console.admin.scoping import granted
from console.admin.site import desk
from console.admin.transfer_pages import said
from doors.bodies import OPERATOR_BYTES
from edge_protocol.canonical import JsonObject
from edge_protocol.errors import PointerError
from edge_protocol.fields import field_at
from edge_protocol.pointers import MISSING, lookup, split
from edges.models import Edge, Organization, Stage

MOST_PATHS = 500
NO_EDGE = "No edge is chosen: tick some in the Fleet, or filter it, and ask for a new change there."
NO_MATCH = "This matches nothing: no edge that you may change is among them. Widen the filter in the Fleet."
TWO_ORGANIZATIONS = "These edges belong to {names}. A change is of one organization: filter the Fleet by one."


class SelectionForm(forms.Form):
    edges = forms.CharField(required=False, max_length=OPERATOR_BYTES)
    path = forms.CharField(required=False, max_length=500)
    act = forms.ChoiceField(choices=[("set", ""), ("unset", "")], required=False)
    kind = forms.CharField(required=False, max_length=10)
    value = forms.CharField(required=False, strip=False, max_length=OPERATOR_BYTES)


def selection_page(request: HttpRequest) -> HttpResponseBase:
    """First the path, then the value by its schema; both keep the edges that were chosen."""
    form = SelectionForm(request.POST if request.method == "POST" else None)
    given: dict[str, Any] = form.cleaned_data if form.is_bound and form.is_valid() else {}
    pointer = str(given.get("path") or request.GET.get("path", "")).strip()
    context: dict[str, Any] = {"pointer": pointer, "chosen": given.get("act") or "set"}
    try:
        names = str(given["edges"]).replace(",", " ").split() if "edges" in given else _asked(request)
    except (Refusal, PointerError) as refused:
        return _show(request, context | {"refused": [refused.detail]})
    rows = list(_editable(request).filter(edge_id__in=names).select_related("organization", "site"))
    complaint = _complaint(names, rows, is_filter=bool(request.GET))
    if complaint:
        return _show(request, context | {"refused": [complaint], "names": " ".join(names)})
    organization = rows[0].organization
    context |= _of_edges(organization, rows)
    context["refused"] = _field(rows[0], pointer, context) if pointer else []
    if request.method == "POST" and request.POST.get("step") == "put" and not context["refused"]:
        answer = _put(request, organization, context, given)
        if answer is not None:
            return answer
    return _show(request, context)


def _editable(request: HttpRequest) -> QuerySet[Edge]:
    rows = Edge.objects.filter(granted(request, "edit", organization="organization_id", site="site_id"))
    return rows.exclude(stage=Stage.RETIRED).order_by("edge_id")


def _asked(request: HttpRequest) -> list[str]:
    """The edges that the address means. Errors: Unknown, PointerError."""
    ticked = request.GET.getlist("edge")
    if ticked:
        return ticked
    asked = {name: request.GET.get(name, "").strip() for name in fleet_page.FILTERS}
    value = request.GET.get("value", "")
    if value:
        organization = Organization.objects.filter(code=asked["organization"]).first()
        if organization is None:
            return []
        found = valuing.across(organization_id=organization.pk, path=request.GET.get("path", ""), sites=None)
        names = [name for _, name in found.group(value).edges]
    elif "all" in request.GET or any(asked.values()):
        rows = fleet_page.matching(request, asked, request.now)  # type: ignore[attr-defined]
        names = list(rows.values_list("edge_id", flat=True))
    else:
        return []
    return list(_editable(request).filter(edge_id__in=names).values_list("edge_id", flat=True))


def _complaint(names: list[str], rows: list[Edge], *, is_filter: bool) -> str:
    if not names:
        return NO_MATCH if is_filter else NO_EDGE
    absent = sorted(set(names) - {one.edge_id for one in rows})
    if absent:
        return f"Not among the edges that you may change: {words.named(absent)}."
    owners = sorted({one.organization.name for one in rows})
    return TWO_ORGANIZATIONS.format(names=" and ".join(owners)) if len(owners) > 1 else ""


def _of_edges(organization: Organization, rows: list[Edge]) -> dict[str, Any]:
    names = [one.edge_id for one in rows]
    every = Edge.objects.filter(organization=organization).exclude(stage=Stage.RETIRED).count()
    sites = {one.site_id for one in rows}
    return {
        "organization": organization,
        "names": " ".join(names),
        "reach": f"{words.count(len(names), 'edge')} in {words.count(len(sites), 'site')}",
        "sample": words.named(names, most=20),
        "is_every": len(names) == every and every > 1,
        "first": rows[0],
    }


def _field(edge: Edge, pointer: str, context: dict[str, Any]) -> list[str]:
    """The control for the path, as the first edge's document has it; complaints about the path."""
    document: JsonObject = {}
    try:
        steps = split(pointer)
        document = history.effective(edge=edge)["document"]
    except PointerError as bad:
        return [f"This is no path: {bad.detail}."]
    except Refusal:
        pass
    field = field_at(document, steps)
    wrong = value_pages.unknown(steps, known=field is not None)
    if wrong:
        return [wrong]
    context |= {"field": field, "control": typed.control(field, lookup(document, steps))}
    return []


def _put(
    request: HttpRequest, organization: Organization, context: dict[str, Any], given: dict[str, Any]
) -> HttpResponseBase | None:
    op = given.get("act") or "set"
    context["typed"] = given.get("value")
    try:
        is_set = op == "set" and "control" in context
        value = typed.read(context["field"], given["kind"], given["value"]) if is_set else MISSING
        steps = [
            Operation(Scope.EDGE, name, op, context["pointer"], value) for name in context["names"].split()
        ]
        return HttpResponseRedirect(draft_bar.put(request, organization, steps))
    except typed.Mistyped as wrong:
        context["refused"] = [str(wrong)]
    except Refusal as refused:
        context["refused"] = said(refused)
    return None


def _show(request: HttpRequest, context: dict[str, Any]) -> HttpResponseBase:
    organization = context.get("organization")
    shared = {
        **desk.each_context(request),
        "title": "New change for a selection",
        "drafts": draft_bar.bar(request, [organization.pk]) if organization else [],
        "back": reverse("admin:console_fleet"),
    }
    is_first = request.method == "GET" and not context["pointer"]
    status = 422 if context.get("refused") and not is_first else 200
    return TemplateResponse(request, "console/selection.html", shared | context, status=status)


desk.pages.append(path("changes/new/", desk.admin_view(selection_page), name="console_selection"))
