"""Values: one path across the fleet, each value with the edges that should run it and where it is set."""

from typing import Any
from urllib.parse import urlencode

import orjson
from django.db.models import F
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from configs import valuing
from configs.models import Revision
from configs.refusals import Unknown
from console.admin import draft_bar
from console.admin.leaves import BADGES
from console.admin.links import edge_address
from console.admin.scoping import as_page, somewhere
from console.admin.site import desk, person
from console.admin.words import count, shown
from console.api import reach
from doors.problems import Refused
from edge_protocol.canonical import JsonObject
from edge_protocol.errors import PointerError
from edge_protocol.pointers import MISSING, join
from edge_protocol.provenance import leaves
from edges.models import Organization

A_PAGE = 100
MOST_PATHS = 500
ASKED = ("organization", "path", "value")


@require_safe
def values_page(request: HttpRequest) -> HttpResponseBase:
    organizations = list(Organization.objects.order_by("name"))
    asked = {name: request.GET.get(name, "").strip() for name in ASKED}
    asked["organization"] = asked["organization"] or (organizations[0].code if organizations else "")
    context: dict[str, Any] = {
        **desk.each_context(request),
        "title": "Values",
        "organizations": organizations,
        "asked": asked,
        "drafts": draft_bar.bar(request, [one.pk for one in organizations]),
    }
    if organizations:
        context |= _found(request, asked)
    status = 422 if context.get("refused") else 200
    return TemplateResponse(request, "console/values.html", context, status=status)


def _found(request: HttpRequest, asked: dict[str, str]) -> dict[str, Any]:
    organization, sites = _reached(request, asked["organization"])
    context: dict[str, Any] = {"paths": _paths(organization)}
    if not asked["path"]:
        return context
    try:
        found = valuing.across(organization_id=organization.pk, path=asked["path"], sites=sites)
        chosen = found.group(asked["value"]) if asked["value"] else None
    except PointerError as bad:
        return context | {"refused": f"{asked['path']}: {bad.detail}"}
    except Unknown as gone:
        return context | {"refused": gone.detail}
    return context | {
        "found": found,
        "summary": f"{count(len(found.groups), 'value')} on {count(found.edges, 'edge')}",
        "groups": [_line(group, asked) for group in found.groups],
        "history": f"{reverse('admin:console_history')}?{urlencode({**asked, 'value': ''})}",
        "may_edit": somewhere(request, "edit", by_site=True),
        "chosen": chosen and _line(chosen, asked),
        "edges": _edges(request, chosen) if chosen else None,
    }


def _reached(request: HttpRequest, code: str) -> tuple[Organization, Any]:
    try:
        return reach.any_of(person(request), code, "read")
    except Refused as refused:
        raise as_page(refused) from refused


def _line(group: valuing.Group, asked: dict[str, str]) -> dict[str, Any]:
    return {
        "value": "nothing" if group.value is MISSING else shown(group.value),
        "count": f"{len(group.edges):,}",
        "address": f"?{urlencode({**asked, 'value': group.key})}",
        "change": f"{reverse('admin:console_selection')}?{urlencode({**asked, 'value': group.key})}",
        "set_in": ", ".join(
            f"{number:,} by {BADGES.get(scope, scope)}" for scope, number in group.set_in.most_common()
        ),
    }


def _edges(request: HttpRequest, group: valuing.Group) -> dict[str, Any]:
    given = request.GET.get("page", "")
    pages = -(-len(group.edges) // A_PAGE)
    number = int(given) if given.isascii() and given.isdigit() and len(given) < 7 else 1
    number = min(max(number, 1), pages)
    rows = group.edges[(number - 1) * A_PAGE : number * A_PAGE]
    return {
        "rows": [{"name": name, "address": edge_address(uid)} for uid, name in rows],
        "number": number,
        "pages": pages,
        "newer": number - 1,
        "older": number + 1 if number < pages else 0,
    }


def _paths(organization: Organization) -> list[str]:
    """What may be asked for: the leaves of the organization's own layer."""
    rows = Revision.objects.filter(
        layer__organization=organization, layer__scope="organization", layer__baseline_id=F("pk")
    )
    body = rows.values_list("body", flat=True).first()
    document: JsonObject = orjson.loads(body) if body else {}
    return sorted(join(steps) for steps, _ in leaves(document) if steps)[:MOST_PATHS]


desk.pages.append(path("values/", desk.admin_view(values_page), name="console_values"))
