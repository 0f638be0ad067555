"""The edges of a rollout: behind each of its numbers, who they are, why, and whether they can be heard."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_safe

from configs.rollouts import counting
from configs.rollouts.models import RolloutTarget, RolloutWave
from configs.rollouts.states import Kind, TargetState
from console.admin import edge_facts, rollout_pages
from console.admin.links import edge_address, targets_address
from console.admin.scoping import granted
from console.admin.site import desk
from console.admin.words import WHY, count
from edges import words

A_PAGE = 50
FILTERS = ("wave", "kind", "state", "why", "link")
KINDS = {
    Kind.CONFIRMED: "confirmed",
    Kind.BAD: "bad",
    Kind.UNREACHABLE: "unreachable",
    Kind.LIVE: "under way",
    Kind.PENDING: "waiting",
    Kind.RECALLING: "still on the bad version",
    Kind.PASSED_BY: "passed by",
    Kind.GONE: "gone meanwhile",
    Kind.OUT: "nothing to do",
}
LEFT = {"retired": "was retired", "moved": "was moved out of its reach"}


@require_safe
def targets_page(request: HttpRequest, rollout: UUID) -> HttpResponseBase:
    """Filters in the address; one that means nothing here shows no edge, and says so."""
    row = rollout_pages.found_rollout(request, rollout, "read")
    now: datetime = request.now  # type: ignore[attr-defined]
    asked = {name: request.GET.get(name, "").strip() for name in FILTERS}
    rows = _chosen(RolloutTarget.objects.filter(_seen(request), rollout=row), asked, now)
    found = rows.aggregate(all=Count("id"), unheard=Count("id", filter=counting.unheard(now)))
    pages = max(1, -(-found["all"] // A_PAGE))
    given = request.GET.get("page", "")
    wanted = int(given) if given.isascii() and given.isdigit() and len(given) < 9 else 1
    number = min(max(wanted, 1), pages)
    context = {
        **desk.each_context(request),
        "title": f"Edges of the rollout of change #{row.change_set.number}",
        "live": row.pk,
        "back": rollout_pages.address(row.pk),
        "asked": asked,
        "why": "none was given" if asked["why"] == counting.NO_REASON else asked["why"],
        "is_filtered": any(asked.values()),
        "waves": _waves(row.pk),
        "kinds": [(str(kind), text) for kind, text in KINDS.items()],
        "states": [(str(state), str(state).replace("_", " ")) for state in TargetState],
        "found": count(found["all"], "edge"),
        "unheard": f"{found['unheard']:,}" if found["unheard"] and not asked["link"] else "",
        "unheard_address": targets_address(row.pk, **asked | {"link": "offline"}),
        "targets": [_line(one, now) for one in _one_page(rows, number)],
        "all_address": targets_address(row.pk),
        "number": number,
        "pages": pages,
        "newer": targets_address(row.pk, **asked, page=number - 1) if number > 1 else "",
        "older": targets_address(row.pk, **asked, page=number + 1) if number < pages else "",
    }
    return TemplateResponse(request, "console/rollout_targets.html", context)


def _seen(request: HttpRequest) -> Q:
    """A role in one site sees no edge that moved out of it."""
    return granted(request, "read", organization="organization_id", site="edge__site_id")


def _chosen(
    rows: QuerySet[RolloutTarget], asked: Mapping[str, str], now: datetime
) -> QuerySet[RolloutTarget]:
    if wave := asked["wave"]:
        is_number = wave.isascii() and wave.isdigit() and len(wave) <= 4
        rows = rows.filter(wave=int(wave) - 1) if is_number else rows.none()
    if kind := asked["kind"]:
        rows = rows.filter(counting.counts_as(Kind(kind))) if kind in list(Kind) else rows.none()
    if state := asked["state"]:
        rows = rows.filter(state=state)
    if why := asked["why"]:
        rows = rows.filter(counting.because(why))
    if link := asked["link"]:
        rows = rows.filter(counting.unheard(now)) if link == "offline" else rows.none()
    return rows


def _waves(rollout: UUID) -> list[tuple[str, str]]:
    """As the filter offers them: the number in the address, and its words. One query."""
    named = RolloutWave.objects.filter(rollout=rollout).order_by("position").values_list("position", "name")
    found = [(str(position + 1), f"{position + 1} · {name}") for position, name in named]
    return [*found[:-1], *((number, text.split(" · ", 1)[1]) for number, text in found[-1:])]


def _one_page(rows: QuerySet[RolloutTarget], number: int) -> QuerySet[RolloutTarget]:
    rows = rows.select_related("edge__site", "edge__head", "edge__status").order_by("wave", "place", "id")
    return rows[(number - 1) * A_PAGE : number * A_PAGE]


def _line(row: RolloutTarget, now: datetime) -> dict[str, Any]:
    link = words.describe(row.edge, now=now).link
    return {
        "name": row.edge.edge_id,
        "address": edge_address(row.edge_id),
        "site": row.edge.site.name,
        "wave": row.wave + 1 if row.wave >= 0 else "none",
        "state": row.state.replace("_", " "),
        "tone": "bad" if counting.is_bad(row.state, row.why, is_alarmed=row.is_alarmed) else "",
        "why": _why(row),
        "link": edge_facts.link_and_age(row.edge, now),
        "link_tone": "" if link in ("online", "late") else "bad",
        "version": row.version,
        "changed_at": row.changed_at,
    }


def _why(row: RolloutTarget) -> str:
    if row.state == TargetState.GONE:
        return LEFT.get(row.why, row.why)
    if row.state == TargetState.SKIPPED and row.why in WHY:
        return WHY[row.why][0]
    return row.why or ("a new fault alarm" if row.is_alarmed else "")


desk.pages.append(
    path("rollouts/<uuid:rollout>/targets/", desk.admin_view(targets_page), name="console_rollout_targets")
)
