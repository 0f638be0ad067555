"""An edge goes to another site, or out of service for ever: a step in the person's draft, like any other."""

from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path

from configs.changes import Operation
from configs.models import Scope
from configs.refusals import Refusal
from console.admin import draft_bar, edge_pages
from console.admin.links import edge_address
from console.admin.site import desk, person
from console.admin.transfer_pages import said
from console.api import reach
from edge_protocol.pointers import MISSING
from edges.models import Edge, Site, Stage

MOVE, RETIRE = "move", "retire"


class PlaceForm(forms.Form):
    act = forms.ChoiceField(choices=[(MOVE, MOVE), (RETIRE, RETIRE)])
    site = forms.CharField(required=False, max_length=64)


def place_page(request: HttpRequest, edge_uid: UUID) -> HttpResponseBase:
    edge = edge_pages.found(request, edge_uid, "edit")
    sites = _sites(request, edge)
    refused: list[str] = []
    if request.method == "POST":
        form = PlaceForm(request.POST)
        codes = {one.code for one in sites}
        if not form.is_valid() or (
            form.cleaned_data["act"] == MOVE and form.cleaned_data["site"] not in codes
        ):
            refused = ["Choose a site to move it to, or retire it."]
        else:
            try:
                return HttpResponseRedirect(_put(request, edge, form.cleaned_data))
            except Refusal as no:
                refused = said(no)
    context: dict[str, Any] = {
        **desk.each_context(request),
        "title": f"{edge.edge_id}: move or retire",
        "edge": edge,
        "is_retired": edge.stage == Stage.RETIRED,
        "sites": sites,
        "chosen": request.POST.get("site", ""),
        "may_retire": reach.may(person(request), "manage_edges", edge.organization_id, edge.site_id),
        "refused": refused,
        "back": edge_address(edge.pk),
    }
    return TemplateResponse(request, "console/place.html", context, status=422 if refused else 200)


def _sites(request: HttpRequest, edge: Edge) -> list[Site]:
    """Where the person may take it: other sites of the organization that their role reaches."""
    others = Site.objects.filter(organization=edge.organization).exclude(pk=edge.site_id).order_by("name")
    who = person(request)
    return [one for one in others if reach.may(who, "edit", edge.organization_id, one.pk)]


def _put(request: HttpRequest, edge: Edge, given: dict[str, str]) -> str:
    value = given["site"] if given["act"] == MOVE else MISSING
    return draft_bar.put(
        request, edge.organization, [Operation(Scope.EDGE, edge.edge_id, given["act"], "", value)]
    )


desk.pages.append(
    path("edges/edge/<uuid:edge_uid>/place/", desk.admin_view(place_page), name="console_place")
)
