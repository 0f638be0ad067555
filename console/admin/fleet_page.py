"""The fleet: the line of truth, rollouts under way, failures by cause, and the edges. Filters in the address.

The edges are counted once, in groups that are alike, so the numbers add up; of the table one page is read.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from configs.models import Version
from configs.rollouts.states import OPEN
from console import fleet
from console.admin import clocks, cloud, draft_bar, edge_facts, fleet_failures, rollout_pages
from console.admin.links import change_address, edge_address
from console.admin.scoping import granted, somewhere
from console.admin.site import desk, person
from console.admin.words import count
from edges import alike, words
from edges.alike import Group
from edges.models import Edge, Organization, Site, Stage

A_PAGE = 50
MOST_ROLLOUTS = 10
FILTERS = ("organization", "site", "word", "flag", "tag", "version", "text", "cause", "change")
# What the line of truth counts, whatever else is asked for.
PLACES = ("organization", "site")
LATE = "late"  # a word of the link, looked for like the flags
FLAGS = ("held", "staged", "clock", "safe_mode", "trust_stale", LATE)
# Outside the counts, and still to be found.
APART = (Stage.COMMISSIONING.value, Stage.RETIRED.value)
# What a line of the table reads; the rest of a status (health, sync, schemas) can be long.
LINE = (
    "edge_id",
    "stage",
    "site__name",
    "organization__name",
    "pins__problems",
    *(f"head__{name}" for name in ("version", "published_at", "held")),
    *(
        f"status__{name}"
        for name in (
            "last_heartbeat_at",
            "heartbeat_seconds",
            "drifted",
            "running_version",
            "phase",
            "last_attempt",
            "staged",
            "local_hold",
            "clock",
        )
    ),
)


@require_safe
def fleet_page(request: HttpRequest) -> HttpResponseBase:
    now: datetime = request.now  # type: ignore[attr-defined]
    asked = {name: request.GET.get(name, "").strip() for name in FILTERS}
    organizations = _organizations(request)
    rows = _within(request, asked)
    groups = alike.groups(rows, now, matching=_narrowed(asked))
    chosen = [group for group in groups if _is_asked(group, asked)]
    failed = [group for group in groups if _has_failed(group)]
    address = partial(_address, _place_of(asked))
    changes = fleet_failures.by_change(failed, person(request), address=address)
    found = sum(group.matching for group in chosen)
    number, pages = _place(request, found)
    context = {
        **desk.each_context(request),
        "title": "Fleet",
        "zone": clocks.shared(one.time_zone for one in organizations),
        "cloud": cloud.troubles(request),
        "drafts": draft_bar.bar(request),
        "asked": asked,
        "is_member": bool(organizations),
        "is_filtered": any(asked.values()),
        "may_add": somewhere(request, "manage_edges", by_site=True),
        "organizations": organizations,
        "sites": [
            {"value": f"{one.code}/{site['code']}", "name": site["name"], "organization": one.name}
            for one in organizations
            for site in one.own_sites  # type: ignore[attr-defined]
        ],
        "words": [*words.HEADLINES, *APART],
        "flags": FLAGS,
        "truth": truth(groups, asked),
        "rollouts": _under_way(request, asked, now),
        "changes": changes,
        "causes": fleet_failures.by_cause(failed, address=address),
        "after": next((one for one in changes if asked["change"] == str(one["change"].pk)), None),
        "cause": " ".join(next((group.cause for group in chosen if asked["cause"]), ())),
        "failed": _address(asked, word="failed", cause="", change=""),
        "found": count(found, "edge"),
        "edges": _rows(_one_page(rows, chosen, asked, number, now), now),
        "number": number,
        "pages": pages,
        "may_edit": somewhere(request, "edit", by_site=True),
        "change_all": f"{reverse('admin:console_selection')}?{urlencode({**asked, 'all': 1})}",
        "newer": _address(asked, page=number - 1) if number > 1 else "",
        "older": _address(asked, page=number + 1) if number < pages else "",
    }
    return TemplateResponse(request, "console/fleet.html", context)


def _within(request: HttpRequest, asked: Mapping[str, str]) -> QuerySet[Edge]:
    """The edges of the places that are asked for; a site by its code alone, of any organization."""
    rows = Edge.objects.filter(granted(request, "read", organization="organization_id", site="site_id"))
    if asked["organization"]:
        rows = rows.filter(organization__code=asked["organization"])
    if asked["site"]:
        organization, _, site = asked["site"].rpartition("/")
        rows = rows.filter(site__code=site)
        rows = rows.filter(organization__code=organization) if organization else rows
    return rows


def _organizations(request: HttpRequest) -> list[Organization]:
    """To choose from, each with its sites. One query."""
    sites = Site.objects.filter(
        granted(request, "read", organization="organization_id", site="pk"), organization=OuterRef("pk")
    )
    own = sites.order_by("name").values(json=JSONObject(code="code", name="name"))
    return list(Organization.objects.order_by("name").annotate(own_sites=ArraySubquery(own)))


def _narrowed(asked: Mapping[str, str]) -> Q | None:
    """What a group does not tell: text, tag, the version that runs, the change that brought what is desired.

    What is no number is the version of no edge, and what is no id the change of none.
    """
    text, version = asked["text"], asked["version"]
    found = Q(edge_id__icontains=text) | Q(name__icontains=text) if text else Q()
    found &= Q(tags__contains=[asked["tag"]]) if asked["tag"] else Q()
    if version:
        is_number = version.isascii() and version.isdigit() and len(version) < 10
        found &= Q(status__running_version=int(version)) if is_number else Q(pk__in=[])
    if asked["change"]:
        found &= _brought_by(asked["change"])
    return found or None


def _brought_by(change: str) -> Q:
    try:
        return Q(Exists(_brought().filter(change_set=UUID(change))))
    except ValueError:
        return Q(pk__in=[])


def _brought() -> QuerySet[Version]:
    return Version.objects.filter(edge=OuterRef("pk"), number=OuterRef("head__version"))


def _place_of(asked: Mapping[str, str]) -> dict[str, str]:
    """The organization and the site alone."""
    return {name: value if name in PLACES else "" for name, value in asked.items()}


def _is_asked(group: Group, asked: Mapping[str, str]) -> bool:
    if (asked["cause"] or asked["change"]) and not _has_failed(group):
        return False
    if asked["cause"] and fleet_failures.digest(group.cause) != asked["cause"]:
        return False
    if asked["flag"] and asked["flag"] not in (*group.said.flags, group.said.link):
        return False
    return fleet.word(group) == asked["word"] if asked["word"] else group.stage != Stage.RETIRED


def _has_failed(group: Group) -> bool:
    return group.stage in fleet.COUNTED and group.said.configuration == "failed"


def matching(request: HttpRequest, asked: Mapping[str, str], now: datetime) -> QuerySet[Edge]:
    """Every edge that a fleet's filter shows. Two queries."""
    rows = _within(request, asked)
    groups = alike.groups(rows, now, matching=_narrowed(asked))
    return _chosen(rows, [group for group in groups if _is_asked(group, asked)], asked, now)


def _chosen(
    rows: QuerySet[Edge], chosen: Sequence[Group], asked: Mapping[str, str], now: datetime
) -> QuerySet[Edge]:
    narrowed = _narrowed(asked)
    rows = rows.filter(narrowed) if narrowed is not None else rows
    rows = rows.filter(stage__in={group.stage for group in chosen})
    if any(asked[name] for name in ("cause", "change", "flag")) or asked["word"] not in ("", *APART):
        rows = alike.of_groups(rows, chosen, now)
    if asked["cause"] and chosen:
        code, detail = chosen[0].cause
        rows = rows.filter(Q(code=code, detail=detail))
    return rows


def _one_page(
    rows: QuerySet[Edge], chosen: Sequence[Group], asked: Mapping[str, str], number: int, now: datetime
) -> QuerySet[Edge]:
    """The edges of one page, with their places and the change that brought what is desired. One query."""
    rows = _chosen(rows, chosen, asked, now)
    change = JSONObject(pk="change_set_id", number="change_set__number", by="change_set__author")
    page = rows.select_related("site", "organization", "head", "status", "pins").only(*LINE)
    page = page.annotate(change=Subquery(_brought().values_list(change)[:1]))
    return page.order_by("edge_id")[(number - 1) * A_PAGE : number * A_PAGE]


def _place(request: HttpRequest, found: int) -> tuple[int, int]:
    """The page that is asked for, or the nearest there is; and how many there are."""
    pages = max(1, -(-found // A_PAGE))
    given = request.GET.get("page", "")
    wanted = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 1
    return min(max(wanted, 1), pages), pages


def _address(asked: Mapping[str, str], **more: Any) -> str:
    kept = {name: value for name, value in {**asked, **more}.items() if value}
    return f"{reverse('admin:console_fleet')}?{urlencode(kept)}"


def truth(groups: Sequence[Group], asked: Mapping[str, str]) -> dict[str, Any]:
    """The numbers of the line: those of `parts` and `good` add up to `all`."""
    counts: Counter[str] = Counter()
    for group in groups:
        counts[fleet.word(group)] += group.number
    within = {name: asked[name] for name in PLACES}
    return {
        "good": f"{counts['in_sync']:,}",
        "good_address": _address(within, word="in_sync"),
        "all": f"{sum(counts[word] for word in words.HEADLINES):,}",
        "all_address": _address(within),
        "parts": [
            _part(word, counts, within) for word in words.HEADLINES if word != "in_sync" and counts[word]
        ],
        "apart": [_part(word, counts, within) for word in APART if counts[word]],
        "is_empty": not groups,
    }


def _part(word: str, counts: Mapping[str, int], within: Mapping[str, str]) -> dict[str, Any]:
    return {
        "text": word.replace("_", " "),
        "count": f"{counts[word]:,}",
        "tone": edge_facts.TONES.get(word, ""),
        "address": _address(within, word=word),
    }


def _under_way(request: HttpRequest, asked: Mapping[str, str], now: datetime) -> list[dict[str, Any]]:
    rows = rollout_pages.visible(request).filter(phase__in=OPEN)
    if asked["organization"]:
        rows = rows.filter(organization__code=asked["organization"])
    return rollout_pages.lines(rows.order_by("-started_at", "-id")[:MOST_ROLLOUTS], now)


def _rows(page: Iterable[Edge], now: datetime) -> list[dict[str, Any]]:
    return [_row(edge, fleet.described(edge, now), now) for edge in page]


def _row(edge: Edge, said: words.Words, now: datetime) -> dict[str, Any]:
    change: dict[str, Any] | None = edge.change  # type: ignore[attr-defined]
    return {
        "name": edge.edge_id,
        "address": edge_address(edge.pk),
        "site": edge.site.name,
        "organization": edge.organization.name,
        "badge": edge_facts.badge(said.headline if edge.stage in fleet.COUNTED else edge.stage),
        "link": edge_facts.link_and_age(edge, now),
        "configuration": said.configuration.replace("_", " "),
        "runs": edge_facts.runs(edge),
        "attempt": edge_facts.attempt(edge),
        "attempt_age": edge_facts.attempt_age(edge, now),
        "flags": ", ".join(flag.replace("_", " ") for flag in said.flags),
        "change": change and {**change, "address": change_address(change["pk"])},
    }


desk.pages.append(path("fleet/", desk.admin_view(fleet_page), name="console_fleet"))
