"""Two versions of one edge beside each other, and one edge beside another: value by value."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from django.views.decorators.http import require_safe

from configs import history
from configs.refusals import Refusal
from console.admin import edge_facts, edge_pages, edge_story
from console.admin.links import edge_address
from console.admin.site import desk, person
from console.admin.words import count
from console.api import reach
from doors.problems import Refused
from edges.models import Edge

DERIVED = "/profiles/"


@require_safe
def versions_page(request: HttpRequest, edge_uid: UUID) -> HttpResponseBase:
    edge = edge_pages.found(request, edge_uid, "read")
    versions = edge_facts.versions(edge)
    newest = [one.number for one in versions[:2]]
    one = _number(request, "one") or (newest[-1] if newest else 0)
    other = _number(request, "other") or (newest[0] if newest else 0)
    context: dict[str, Any] = {"versions": versions, "one": one, "other": other}
    if one and other:
        try:
            found = history.difference(edge=edge, one=one, other=other)
            context["leaves"] = edge_story.told(found["leaves"])
            context["summary"] = count(len(context["leaves"]), "value")
            context["sections"] = ", ".join([*found["changed"], *found["removed"]])
        except Refusal as refused:
            context["refused"] = refused.detail
    return edge_pages.show(request, edge, "Two versions", "console/versions.html", context)


def _number(request: HttpRequest, name: str) -> int:
    given = request.GET.get(name, "")
    return int(given) if given.isascii() and given.isdigit() and len(given) < 16 else 0


@require_safe
def compare_page(request: HttpRequest, edge_uid: UUID) -> HttpResponseBase:
    edge = edge_pages.found(request, edge_uid, "read")
    name = request.GET.get("with", "").strip()
    context: dict[str, Any] = {"with": name}
    if name:
        try:
            other = reach.edge(person(request), name, "read")
            context |= {"other": other, "other_address": edge_address(other.pk)} | _compared(edge, other)
        except Refused:
            context["refused"] = f"There is no edge {name!r} in your organizations."
        except Refusal as refused:
            context["refused"] = refused.detail
    return edge_pages.show(request, edge, "Beside another edge", "console/compare.html", context)


def _compared(edge: Edge, other: Edge) -> dict[str, Any]:
    """Where the two should run different values, with the layer that each has it from. Errors: Refusal."""
    here, there = history.effective(edge=edge), history.effective(edge=other)
    rows = [
        one | {"from": _origin(here, one["path"]), "other_from": _origin(there, one["path"])}
        for one in edge_story.told(history.leaves_between(here["document"], there["document"]))
        if not one["path"].startswith(DERIVED)
    ]
    return {"leaves": rows, "summary": count(len(rows), "value")}


def _origin(answer: dict[str, Any], pointer: str) -> str:
    return str(answer["provenance"].get(pointer, {}).get("scope", ""))


desk.pages += [
    path("edges/edge/<uuid:edge_uid>/versions/", desk.admin_view(versions_page), name="console_versions"),
    path("edges/edge/<uuid:edge_uid>/compare/", desk.admin_view(compare_page), name="console_compare"),
]
