"""History: every change set with its reach and outcome; every step on one path; to take away as a file."""

import csv
import io
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from configs import history
from configs.models import ChangeSet, Operation, State
from configs.rollouts.models import Rollout
from console.admin import draft_bar, rollout_pages
from console.admin.scoping import granted
from console.admin.site import desk, person
from console.admin.words import count, operation
from console.api import reach
from edge_protocol.errors import PointerError
from edges import roles
from edges.models import Organization
from edges.roles import Act

A_PAGE = 50
MOST_STEPS = 5
MOST_EXPORTED = 10_000
FILTERS = ("organization", "path", "author", "state", "text")
COLUMNS = (
    "number",
    "organization",
    "kind",
    "state",
    "author",
    "reason",
    "created_at",
    "published_at",
    "steps",
)

# What became of each change set's versions, by what the edges say now.
_OUTCOMES = """
SELECT v.change_set_id, count(*),
       count(*) FILTER (WHERE s.running_version = v.number),
       count(*) FILTER (WHERE s.running_version > v.number),
       count(*) FILTER (WHERE EXISTS (SELECT FROM configs_quarantine q WHERE q.edge_id = v.edge_id
                           AND q.organization_id = v.organization_id AND q.version = v.number))
  FROM configs_version v
  LEFT JOIN edges_edgestatus s ON s.edge_id = v.edge_id AND s.organization_id = v.organization_id
 WHERE v.organization_id = ANY(%s) AND v.change_set_id = ANY(%s)
 GROUP BY 1
"""


def visible(request: HttpRequest, act: Act = "read") -> QuerySet[ChangeSet]:
    """Change sets to which the person may do `act`; a role in sites alone: those that stay within them."""
    grants = person(request).grants
    sites = frozenset(one.site_id for one in grants if one.site_id and roles.allows(one.role, act))
    seen: Q = granted(request, act, organization="organization_id", site="")
    if sites:
        seen |= Q(pk__in=reach.change_sets_within(ChangeSet.objects.all(), sites))
    return ChangeSet.objects.filter(seen).select_related("organization")


@require_safe
def history_page(request: HttpRequest) -> HttpResponseBase:
    asked = {name: request.GET.get(name, "").strip() for name in FILTERS}
    context: dict[str, Any] = {
        **desk.each_context(request),
        "title": "History",
        "drafts": draft_bar.bar(request),
        "asked": asked,
        "organizations": Organization.objects.order_by("name"),
        "states": State.values,
        "is_filtered": any(asked.values()),
    }
    try:
        rows = _asked(visible(request), asked)
    except PointerError as bad:
        context |= {"refused": f"{asked['path']}: {bad.detail}", "changes": []}
        return TemplateResponse(request, "console/history.html", context, status=422)
    if kind := request.GET.get("export"):
        return exported(rows, kind, request.now)  # type: ignore[attr-defined]
    number = _page(request)
    found = list(rows[(number - 1) * A_PAGE : number * A_PAGE + 1])
    context |= {
        "changes": lines(found[:A_PAGE]),
        "newer": _address(asked, page=number - 1) if number > 1 else "",
        "older": _address(asked, page=number + 1) if len(found) > A_PAGE else "",
        "csv": _address(asked, export="csv"),
        "json": _address(asked, export="json"),
    }
    return TemplateResponse(request, "console/history.html", context)


def _asked(rows: QuerySet[ChangeSet], asked: dict[str, str]) -> QuerySet[ChangeSet]:
    """Errors: PointerError."""
    if asked["organization"]:
        rows = rows.filter(organization__code=asked["organization"])
    if asked["author"]:
        rows = rows.filter(author=asked["author"])
    if asked["state"]:
        rows = rows.filter(state=asked["state"])
    if asked["text"]:
        rows = rows.filter(reason__icontains=asked["text"])
    if asked["path"]:
        rows = rows.filter(pk__in=history.touching(asked["path"]).values("change_set"))
    return rows.order_by("-created_at", "organization", "-number")


def _page(request: HttpRequest) -> int:
    given = request.GET.get("page", "")
    return max(int(given), 1) if given.isascii() and given.isdigit() and len(given) < 7 else 1


def _address(asked: dict[str, str], **more: Any) -> str:
    kept = {name: value for name, value in {**asked, **more}.items() if value}
    return f"{reverse('admin:console_history')}?{urlencode(kept)}"


def lines(changes: Sequence[ChangeSet]) -> list[dict[str, Any]]:
    """Three queries for any number."""
    keys = [one.pk for one in changes]
    steps = _steps(keys)
    outcomes = _outcomes({one.organization_id for one in changes}, keys)
    rollouts = dict(Rollout.objects.filter(change_set__in=keys).values_list("change_set_id", "id"))
    return [
        {
            "change": one,
            "address": reverse("admin:configs_changeset_change", args=[one.pk]),
            "steps": steps.get(one.pk, [])[:MOST_STEPS],
            "more": max(0, len(steps.get(one.pk, [])) - MOST_STEPS),
            "outcome": outcomes.get(one.pk, "no edge got a version"),
            "rollout": rollout_pages.address(rollouts[one.pk]) if one.pk in rollouts else "",
        }
        for one in changes
    ]


def _steps(keys: Iterable[UUID]) -> dict[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for row in Operation.objects.filter(change_set__in=list(keys)).order_by("change_set", "position"):
        found.setdefault(row.change_set_id, []).append(told(row))
    return found


def told(row: Operation) -> str:
    """One step with what stood there before."""
    step = {"op": row.op, "path": row.path, "value": None if row.value is None else json.loads(row.value)}
    before = "" if row.old is None or row.op != "set" else f" (was {row.old[:60]})"
    return f"{row.scope} {row.target}: {operation(step)}{before}"


def _outcomes(organizations: Iterable[UUID], keys: Iterable[UUID]) -> dict[UUID, str]:
    with connection.cursor() as cursor:
        cursor.execute(_OUTCOMES, [list(organizations), list(keys)])
        return {row[0]: _outcome(*row[1:]) for row in cursor.fetchall()}


def _outcome(reached: int, running: int, beyond: int, failed: int) -> str:
    parts = [
        f"{number:,} {said}"
        for number, said in (
            (running, "run it now"),
            (beyond, "moved on"),
            (failed, "refused it or rolled back"),
        )
        if number
    ]
    return f"{count(reached, 'edge')}: {', '.join(parts) or 'not reported yet'}"


def exported(rows: QuerySet[ChangeSet], kind: str, now: datetime) -> HttpResponse:
    """What the filters show, newest first, as a file. Manifests and proof are in the audit's export."""
    found = list(rows[:MOST_EXPORTED])
    steps = _steps(one.pk for one in found)
    table = [_exported(one, steps.get(one.pk, [])) for one in found]
    if kind == "json":
        answer = HttpResponse(
            json.dumps(table, ensure_ascii=False, indent=1), content_type="application/json"
        )
    else:
        kind = "csv"
        text = io.StringIO()
        writer = csv.DictWriter(text, COLUMNS)
        writer.writeheader()
        writer.writerows({name: _harmless(cell) for name, cell in row.items()} for row in table)
        answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="changes-{now:%Y-%m-%d}.{kind}"'
    answer["Cache-Control"] = "no-store"
    return answer


def _exported(one: ChangeSet, steps: list[str]) -> dict[str, str]:
    return {
        "number": str(one.number),
        "organization": one.organization.code,
        "kind": one.kind,
        "state": one.state,
        "author": one.author,
        "reason": one.reason,
        "created_at": one.created_at.isoformat(),
        "published_at": one.published_at.isoformat() if one.published_at else "",
        "steps": "; ".join(steps),
    }


def _harmless(cell: str) -> str:
    """A spreadsheet would run a cell that begins like a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


desk.pages.append(path("history/", desk.admin_view(history_page), name="console_history"))
