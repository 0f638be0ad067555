"""The first page: each organization of the person, how its edges are, and the next step."""

from typing import Any

from django.db.models import Count
from django.http import HttpRequest

from configs import updating
from console import fleet
from console.admin import draft_bar, waiting_page
from console.admin.edge_facts import TONES
from console.admin.links import layer_address
from console.admin.scoping import granted
from console.admin.site import person
from console.api import reach
from edges.models import Edge, Organization, Site


def context(request: HttpRequest) -> dict[str, Any]:
    """What Home shows: the person's drafts, what waits for their word, and each organization."""
    return {
        "drafts": draft_bar.bar(request),
        "waiting": waiting_page.number(request),
        "organizations": organizations(request),
    }


def organizations(request: HttpRequest) -> list[dict[str, Any]]:
    """Five queries for any number of organizations."""
    who, now = person(request), request.now  # type: ignore[attr-defined]
    sites = dict(
        Site.objects.filter(granted(request, "read", organization="organization_id", site="pk"))
        .order_by()
        .values_list("organization_id")
        .annotate(Count("pk"))
    )
    visible = granted(request, "read", organization="organization_id", site="site_id")
    counts = fleet.counted_by_organization(Edge.objects.filter(visible), now)
    rows = list(Organization.objects.all())
    older = updating.behind([one.pk for one in rows if reach.may(who, "read", one.pk, None)])
    return [_shown(one, who, sites, counts) | {"older": older.get(one.pk, 0)} for one in rows]


def _shown(one: Organization, who: Any, sites: Any, counts: Any) -> dict[str, Any]:
    counted = counts.get(one.pk)
    return {
        "pk": one.pk,
        "name": one.name,
        "code": one.code,
        "sites": sites.get(one.pk, 0),
        "edges": counted.all_edges if counted else 0,
        "words": [
            {"text": word.replace("_", " "), "count": number, "tone": TONES.get(word, "")}
            for word, number in (counted.by_status.items() if counted else ())
            if number
        ],
        "commissioning": counted.commissioning if counted else 0,
        "may_add": reach.may(who, "manage_edges", one.pk, None),
        "layer": layer_address(one.code, "organization", one.code)
        if reach.may(who, "read", one.pk, None)
        else "",
    }
