"""The fleet: the line of truth, rollouts under way, failures by cause, and the edges. Filters in the address.

The edges are read once, light; everything that is counted comes from that, so the numbers add up.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from configs.rollouts.states import OPEN
from console import fleet
from console.admin import edge_facts, rollout_pages
from console.admin.links import edge_address
from console.admin.scoping import granted, somewhere
from console.admin.site import desk
from console.admin.words import count
from edges import words
from edges.models import Edge, Organization, Site, Stage

A_PAGE = 50
MOST_CAUSES = 10
MOST_ROLLOUTS = 10
SAMPLE = 5
FILTERS = ("organization", "site", "word", "text")
# Outside the counts, and still to be found.
APART = (Stage.COMMISSIONING.value, Stage.RETIRED.value)


@dataclass(frozen=True)
class Seen:
    """One edge with its words."""

    edge: Edge
    said: words.Words

    @property
    def word(self) -> str:
        """What it counts as; every edge is exactly one."""
        return self.said.headline if self.edge.stage in fleet.COUNTED else self.edge.stage


@require_safe
def fleet_page(request: HttpRequest) -> HttpResponseBase:
    now: datetime = request.now  # type: ignore[attr-defined]
    asked = {name: request.GET.get(name, "").strip() for name in FILTERS}
    organizations = list(Organization.objects.order_by("name"))
    seen = [Seen(one, words.describe(one, now=now)) for one in _light(request, asked)]
    chosen = [one for one in seen if _is_asked(one, asked)]
    number, pages = _place(request, len(chosen))
    context = {
        **desk.each_context(request),
        "title": "Fleet",
        "asked": asked,
        "is_member": bool(organizations),
        "is_filtered": any(asked.values()),
        "may_add": somewhere(request, "manage_edges", by_site=True),
        "organizations": organizations,
        "sites": Site.objects.filter(granted(request, "read", organization="organization_id", site="pk"))
        .select_related("organization")
        .order_by("organization__name", "name"),
        "words": [*words.HEADLINES, *APART],
        "truth": truth(seen, asked),
        "rollouts": _under_way(request, asked, now),
        "causes": causes(seen),
        "failed": _address(asked, word="failed"),
        "found": count(len(chosen), "edge"),
        "edges": _rows(chosen[(number - 1) * A_PAGE : number * A_PAGE], now),
        "number": number,
        "pages": pages,
        "newer": _address(asked, page=number - 1) if number > 1 else "",
        "older": _address(asked, page=number + 1) if number < pages else "",
    }
    return TemplateResponse(request, "console/fleet.html", context)


def _light(request: HttpRequest, asked: Mapping[str, str]) -> Iterable[Edge]:
    """One query, whatever is asked."""
    rows = Edge.objects.filter(granted(request, "read", organization="organization_id", site="site_id"))
    if asked["organization"]:
        rows = rows.filter(organization__code=asked["organization"])
    if asked["site"]:
        rows = rows.filter(site__code=asked["site"])
    return fleet.light(rows).only(*fleet.FACTS, "name").order_by("edge_id")


def _is_asked(one: Seen, asked: Mapping[str, str]) -> bool:
    if asked["word"]:
        if one.word != asked["word"]:
            return False
    elif one.edge.stage == Stage.RETIRED:
        return False
    text = asked["text"].lower()
    return text in one.edge.edge_id.lower() or text in one.edge.name.lower()


def _place(request: HttpRequest, found: int) -> tuple[int, int]:
    """The page that is asked for, or the nearest there is; and how many there are."""
    pages = max(1, -(-found // A_PAGE))
    given = request.GET.get("page", "")
    wanted = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 1
    return min(max(wanted, 1), pages), pages


def _address(asked: Mapping[str, str], **more: Any) -> str:
    kept = {name: value for name, value in {**asked, **more}.items() if value}
    return f"{reverse('admin:console_fleet')}?{urlencode(kept)}"


def truth(seen: Sequence[Seen], asked: Mapping[str, str]) -> dict[str, Any]:
    """The numbers of the line: those of `parts` and `good` add up to `all`."""
    counts = Counter(one.word for one in seen)
    within = {**asked, "word": "", "text": ""}
    return {
        "good": f"{counts['in_sync']:,}",
        "good_address": _address(within, word="in_sync"),
        "all": f"{sum(counts[word] for word in words.HEADLINES):,}",
        "all_address": _address(within),
        "parts": [
            _part(word, counts, within) for word in words.HEADLINES if word != "in_sync" and counts[word]
        ],
        "apart": [_part(word, counts, within) for word in APART if counts[word]],
        "is_empty": not seen,
    }


def _part(word: str, counts: Mapping[str, int], within: Mapping[str, str]) -> dict[str, Any]:
    return {
        "text": word.replace("_", " "),
        "count": f"{counts[word]:,}",
        "tone": edge_facts.TONES.get(word, ""),
        "address": _address(within, word=word),
    }


def causes(seen: Iterable[Seen]) -> list[dict[str, Any]]:
    """Edges that failed, by what they said of it; the cause that was seen last comes first."""
    groups: dict[tuple[str, str], list[Edge]] = {}
    for one in seen:
        if one.edge.stage in fleet.COUNTED and one.said.configuration == "failed":
            attempt = one.edge.status.last_attempt or {}
            cause = (str(attempt.get("code") or ""), str(attempt.get("detail") or ""))
            groups.setdefault(cause, []).append(one.edge)
    newest = sorted(groups.items(), key=lambda group: (_last(group[1]), len(group[1])), reverse=True)
    return [
        {
            "code": code or "no code",
            "detail": detail,
            "count": f"{len(edges):,}",
            "edges": [{"name": one.edge_id, "address": edge_address(one.pk)} for one in edges[:SAMPLE]],
            "more": f"{len(edges) - SAMPLE:,}" if len(edges) > SAMPLE else "",
        }
        for (code, detail), edges in newest[:MOST_CAUSES]
    ]


def _last(edges: Iterable[Edge]) -> str:
    return max(str((one.status.last_attempt or {}).get("at") or "") for one in edges)


def _under_way(request: HttpRequest, asked: Mapping[str, str], now: datetime) -> list[dict[str, Any]]:
    rows = rollout_pages.visible(request).filter(phase__in=OPEN)
    if asked["organization"]:
        rows = rows.filter(organization__code=asked["organization"])
    return rollout_pages.lines(rows.order_by("-started_at", "-id")[:MOST_ROLLOUTS], now)


def _rows(chosen: Sequence[Seen], now: datetime) -> list[dict[str, Any]]:
    """The edges of one page, with their sites. One query."""
    keys = [one.edge.pk for one in chosen]
    names = Edge.objects.filter(pk__in=keys).values_list("pk", "site__name", "organization__name")
    places = {pk: (site, organization) for pk, site, organization in names}
    return [
        {
            "name": one.edge.edge_id,
            "address": edge_address(one.edge.pk),
            "site": places[one.edge.pk][0],
            "organization": places[one.edge.pk][1],
            "badge": edge_facts.badge(one.word),
            "link": edge_facts.link_and_age(one.edge, now),
            "configuration": one.said.configuration.replace("_", " "),
            "runs": edge_facts.runs(one.edge),
            "attempt": edge_facts.attempt(one.edge),
            "flags": ", ".join(flag.replace("_", " ") for flag in one.said.flags),
        }
        for one in chosen
    ]


desk.pages.append(path("fleet/", desk.admin_view(fleet_page), name="console_fleet"))
