"""Rollouts on the desk: the list, one with its arithmetic in words, and the acts on it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from configs import signing
from configs.changes import Actor
from configs.models import ChangeSet
from configs.refusals import Refusal
from configs.rollouts import steering, telling
from configs.rollouts.counting import NO_REASON
from configs.rollouts.models import Rollout, RolloutWave
from configs.rollouts.states import Kind, Phase
from console.admin import rollout_acts
from console.admin.links import targets_address
from console.admin.rollout_acts import ACTS, RolloutAct
from console.admin.scoping import as_page, granted
from console.admin.site import desk, person
from console.api import reach
from doors.problems import Refused
from edges import roles
from edges.roles import Act

MOST = 50
TONES = {
    Phase.RUNNING: "wait",
    Phase.PAUSED: "wait",
    Phase.HALTED: "bad",
    Phase.ROLLING_BACK: "bad",
    Phase.COMPLETED: "good",
}


# What the table of waves counts.
COLUMNS = (Kind.CONFIRMED, Kind.BAD, Kind.UNREACHABLE, Kind.LIVE, Kind.PENDING, Kind.GONE)


class ReasonForm(forms.Form):
    reason = forms.CharField(max_length=500)


def visible(request: HttpRequest) -> QuerySet[Rollout]:
    """Rollouts of the person's organizations; a role in sites alone sees those that stay within them."""
    grants = person(request).grants
    sites = frozenset(one.site_id for one in grants if one.site_id and roles.allows(one.role, "read"))
    seen: Q = granted(request, "read", organization="organization_id", site="")
    if sites:
        seen |= Q(change_set__in=reach.change_sets_within(ChangeSet.objects.all(), sites))
    return Rollout.objects.filter(seen)


def lines(rollouts: QuerySet[Rollout], now: datetime) -> list[dict[str, Any]]:
    """Rollouts as lines of a list, the newest first. Two queries for any number: each has waves."""
    rows = RolloutWave.objects.filter(rollout__in=rollouts.values("pk"))
    rows = rows.select_related("rollout__change_set", "rollout__organization")
    waves: dict[UUID, list[RolloutWave]] = {}
    for wave in rows.order_by("-rollout__started_at", "-rollout_id", "position"):
        waves.setdefault(wave.rollout_id, []).append(wave)
    found = [of_one[0].rollout for of_one in waves.values()]
    counts = telling.counts_of(waves)
    return [
        {
            **telling.brief(one, counts[one.pk], waves[one.pk], now=now),
            "organization": one.organization.name,
            "tone": TONES.get(Phase(one.phase), ""),
            "bad": sum(counts[one.pk].tally(wave.position)[Kind.BAD] for wave in waves[one.pk]),
            "address": address(one.pk),
            "bad_address": targets_address(one.pk, kind=Kind.BAD),
        }
        for one in found
    ]


def address(rollout: UUID) -> str:
    return reverse("admin:console_rollout", args=[rollout])


@require_safe
def rollouts_page(request: HttpRequest) -> HttpResponseBase:
    rows = visible(request)
    phase = request.GET.get("phase", "")
    if phase:
        rows = rows.filter(phase=phase)
    given = request.GET.get("page", "")
    number = int(given) if given.isascii() and given.isdigit() and 0 < len(given) < 7 else 1
    begin = (max(number, 1) - 1) * MOST
    found = lines(rows.order_by("-started_at", "-id")[begin : begin + MOST + 1], request.now)  # type: ignore[attr-defined]
    context = {
        **desk.each_context(request),
        "title": "Rollouts",
        "phases": list(Phase),
        "phase": phase,
        "rollouts": found[:MOST],
        "newer": number - 1,
        "older": number + 1 if len(found) > MOST else 0,
    }
    return TemplateResponse(request, "console/rollouts.html", context)


def found_rollout(request: HttpRequest, pk: UUID, act: Act) -> Rollout:
    """The rollout, when the person may do this to it. Raises: Http404, PermissionDenied."""
    try:
        return reach.rollout(person(request), pk, act)
    except Refused as refused:
        raise as_page(refused) from refused


@require_safe
def rollout_page(request: HttpRequest, rollout: UUID) -> HttpResponseBase:
    row = found_rollout(request, rollout, "read")
    told = telling.describe(row, now=request.now)  # type: ignore[attr-defined]
    who, change_set = person(request), row.change_set
    allowed = {act for act in ("publish", "rollback") if reach.may_change_set(who, change_set, act)}
    names = [name for name in rollout_acts.fitting(told, row.scope) if ACTS[name].act in allowed]
    context = {
        **desk.each_context(request),
        "title": f"Rollout of change #{told['number']}",
        "organization": row.change_set.organization,
        "told": told,
        "waves": [_wave(row.pk, wave) for wave in told["waves"]],
        "failures": [
            {**one, "address": targets_address(row.pk, state=one["status"], why=one["code"] or NO_REASON)}
            for one in told["failures"]
        ],
        "skipped": [
            {"why": why, "count": number, "address": targets_address(row.pk, state="skipped", why=why)}
            for why, number in told["skipped"].items()
        ],
        "waiting_address": targets_address(row.pk, state="recalling"),
        "offline_address": targets_address(row.pk, state="recalling", link="offline"),
        "all_address": targets_address(row.pk),
        "tone": TONES.get(Phase(row.phase), ""),
        "acts": [
            {
                "act": ACTS[name],
                "reach": rollout_acts.reach(name, told),
                "address": reverse("admin:console_rollout_act", args=[row.pk, name]),
            }
            for name in names
        ],
    }
    return TemplateResponse(request, "console/rollout.html", context)


def _wave(rollout: UUID, wave: dict[str, Any]) -> dict[str, Any]:
    """A wave whose numbers lead to their edges."""
    position = wave["position"]
    size = {"count": wave["size"], "address": targets_address(rollout, wave=position)}
    numbers = [
        {"count": wave["counts"][kind], "address": targets_address(rollout, wave=position, kind=kind)}
        for kind in COLUMNS
    ]
    return {**wave, "numbers": [size, *numbers]}


def rollout_act_page(request: HttpRequest, rollout: UUID, name: str) -> HttpResponseBase:
    """Its reach first, then the reason; what no longer fits is a sentence."""
    if name not in ACTS:
        raise Http404
    act = ACTS[name]
    row = found_rollout(request, rollout, act.act)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    refused = ""
    if request.method == "POST" and form.is_valid():
        try:
            _steer(request, row, act, form.cleaned_data["reason"])
        except Refusal as no:
            refused = no.detail
        else:
            messages.success(request, f"Done: {act.label.lower()}.")
            return HttpResponseRedirect(address(row.pk))
    told = telling.describe(row, now=request.now)  # type: ignore[attr-defined]
    context = {
        **desk.each_context(request),
        "title": f"Rollout of change #{told['number']}: {act.label.lower()}",
        "told": told,
        "act": act,
        "reach": rollout_acts.reach(name, told),
        "form": form,
        "refused": refused,
        "back": address(row.pk),
    }
    return TemplateResponse(request, "console/rollout_act.html", context, status=422 if refused else 200)


def _steer(request: HttpRequest, row: Rollout, act: RolloutAct, reason: str) -> None:
    who = person(request)
    getattr(steering, act.command)(
        organization_id=row.organization_id,
        rollout_id=row.pk,
        reason=reason,
        actor=Actor(who.username, who.user_id),
        now=request.now,  # type: ignore[attr-defined]
        signer=signing.signer(),
        **act.values,
    )


desk.pages += [
    path("rollouts/", desk.admin_view(rollouts_page), name="console_rollouts"),
    path("rollouts/<uuid:rollout>/", desk.admin_view(rollout_page), name="console_rollout"),
    path(
        "rollouts/<uuid:rollout>/act/<str:name>/",
        desk.admin_view(rollout_act_page),
        name="console_rollout_act",
    ),
]
