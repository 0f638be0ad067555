"""How a change set stands, on its page; the acts on it, a page each; what takes an approval."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path

from configs.changes import Actor
from configs.models import ChangeSet, State
from configs.refusals import ChangeRefused, PreviewChanged, Refusal
from configs.rollouts.policies import NORMAL
from configs.timed import approving, scheduling
from configs.timed.models import Approval, ChangeSetEntry, Progress, Timing
from console.admin import forecast_words, later, wide
from console.admin.change_set_acts import ACTS, ChangeSetAct, Deed, act_address, fitting
from console.admin.draft_bar import draft_address
from console.admin.draft_page import forecast, reached
from console.admin.links import change_address
from console.admin.scoping import as_page
from console.admin.site import desk, person
from console.api import reach
from doors.problems import Refused
from edges.models import Organization
from edges.roles import Act

SAYS = {
    State.DRAFT: "A draft: nothing of it has reached any edge.",
    State.AWAITING_APPROVAL: "It waits for another person's approval.",
    State.SCHEDULED: "It waits for its time.",
    State.PUBLISHED: "It is published.",
    State.IN_ROLLOUT: "It is let out wave by wave.",
    State.REVERTED: "It was undone.",
    State.REJECTED: "It was rejected. Nothing of it is lost: take it back as a draft, change it, ask again.",
    State.CANCELLED: "It was cancelled and will not be published.",
}
UNDER_WAY = frozenset({"waiting", "planning", "signing", "storing"})


class RuleForm(forms.Form):
    above_edges = forms.IntegerField(required=False, min_value=0, max_value=1_000_000)
    paths = forms.CharField(required=False, max_length=20_000, widget=forms.Textarea)


def context(request: HttpRequest, row: ChangeSet) -> dict[str, Any]:
    """What the change set's own page shows above its fields. Seven queries at most."""
    timing = Timing.objects.filter(pk=row.pk).first()
    progress = Progress.objects.filter(pk=row.pk).first()
    approvals = list(Approval.objects.filter(change_set=row))
    return {
        "change_set": row,
        "says": SAYS[State(row.state)],
        "timing": timing,
        "due": scheduling.words(timing) if timing and row.state == State.SCHEDULED else "",
        "approvals": approvals,
        "progress": progress,
        "is_under_way": row.state == State.SCHEDULED and progress and progress.phase in UNDER_WAY,
        "story": [_entry(one) for one in ChangeSetEntry.objects.filter(change_set=row)],
        "change_acts": _acts(request, row, approvals[0] if approvals else None),
    }


def _entry(one: ChangeSetEntry) -> dict[str, Any]:
    return {"at": one.at, "what": one.what.replace("_", " "), "by": one.by, "detail": one.detail}


def _acts(request: HttpRequest, row: ChangeSet, asked: Approval | None) -> list[dict[str, Any]]:
    rule, who = approving.rule(row.organization_id), person(request)
    names = fitting(
        row.state,
        has_rule=rule.above_edges is not None or bool(rule.paths),
        is_own=approving.is_own(row, asked, Actor(who.username, who.user_id)),
    )
    allowed = {act for act in {ACTS[name].act for name in names} if reach.may_change_set(who, row, act)}
    shown = [(ACTS[name].label, act_address(row.pk, name)) for name in names if ACTS[name].act in allowed]
    if "publish" in names and "publish" in allowed:
        shown = [("Preview and publish", draft_address(row.pk)), *shown]
    return [
        {"label": label, "address": address, "is_first": number == 0}
        for number, (label, address) in enumerate(shown)
    ]


def act_page(request: HttpRequest, change_set: UUID, deed: str) -> HttpResponseBase:
    """What it does first, with the preview that it would be bound to; what no longer fits is a sentence."""
    if deed not in ACTS:
        raise Http404
    act = ACTS[deed]
    row = reached(request, change_set, act.act)
    form = act.form(request.POST if request.method == "POST" else None)
    refused: dict[str, Any] = {}
    if request.method == "POST" and form.is_valid():
        refused = _done(request, row, act, form)
        if not refused:
            messages.success(request, f"Done: {act.label.lower()}, change #{row.number}.")
            return HttpResponseRedirect(act.leads(row.pk))
    return _show_act(request, row, act, form, refused)


def _done(request: HttpRequest, row: ChangeSet, act: ChangeSetAct, form: forms.Form) -> dict[str, Any]:
    """Do it; why it was refused, for the page, where it was."""
    deed = _deed(request, row, form)
    if act.shows_preview and deed.digest is None:
        return {"refused": ["Look at what it does first, then say yes to that."]}
    if missing := wide.uncounted(request.POST) if act.waves_first else "":
        return {"refused": [missing]}
    try:
        act.does(deed)
    except PreviewChanged as changed:
        differs = forecast_words.differs(changed.extra.get("difference") or [])
        return {"refused": [changed.detail], "differs": differs}
    except Refusal as no:
        return {"refused": _said(no)}
    return {}


def _show_act(
    request: HttpRequest, row: ChangeSet, act: ChangeSetAct, form: forms.Form, refused: dict[str, Any]
) -> HttpResponseBase:
    waits = later.address(request) if act.shows_preview else ""
    found = forecast(request, row, None) if act.shows_preview and not waits else {}
    if "digest" in found:
        _bind(request, form, found["digest"], approving.rule(row.organization_id).number)
    if _is_far(found):
        form.initial = {**form.initial, "how": NORMAL}
    status = 422 if refused or (request.method == "POST" and form.errors) else 200
    shown = {
        **desk.each_context(request),
        "title": f"Change #{row.number}: {act.label.lower()}",
        "row": row,
        "act": act,
        "form": form,
        "can_be_done": "digest" in found or not act.shows_preview,
        "back": change_address(row.pk),
        "waves_first": _waves_first(row, act, found),
        "instead": {"label": ACTS[act.instead].label, "address": act_address(row.pk, act.instead)}
        if act.instead
        else None,
        "later": waits,
        **found,
        **refused,
    }
    return TemplateResponse(request, "console/change_set_act.html", shown, status=status)


def _waves_first(row: ChangeSet, act: ChangeSetAct, found: dict[str, Any]) -> str:
    """Where what reaches far is let out in waves instead; empty: it may go everywhere at once, uncounted."""
    return act.waves_first(row.pk) if act.waves_first and _is_far(found) else ""


def _is_far(found: dict[str, Any]) -> bool:
    return bool(found.get("is_wide") and found.get("can_be_let_out"))


def _bind(request: HttpRequest, form: forms.Form, preview_digest: str, rule: int) -> None:
    """What is sent with the form is what the page shows: also after a refusal, which shows what is now."""
    seen = {"preview_digest": preview_digest, "rule": str(rule)}
    form.initial = {**form.initial, **seen}
    if request.method == "POST":
        data = request.POST.copy()
        for name, value in seen.items():
            data[name] = value
        form.data = data


def _deed(request: HttpRequest, row: ChangeSet, form: forms.Form) -> Deed:
    who = person(request)
    return Deed(
        organization_id=row.organization_id,
        change_set_id=row.pk,
        actor=Actor(who.username, who.user_id),
        now=request.now,  # type: ignore[attr-defined]
        values=form.cleaned_data,
    )


def _said(refused: Refusal) -> list[str]:
    if isinstance(refused, ChangeRefused):
        return [f"{one.path}: {one.detail}" if one.path else one.detail for one in refused.errors[:50]]
    return [refused.detail]


def rule_page(request: HttpRequest, org: str) -> HttpResponseBase:
    """What takes an approval in an organization, and what waits for one."""
    act: Act = "manage_edges" if request.method == "POST" else "read"
    organization = _organization(request, org, act)
    kept = approving.rule(organization.pk)
    given = {"above_edges": kept.above_edges, "paths": "\n".join(kept.paths)}
    form = RuleForm(request.POST if request.method == "POST" else None, initial=given)
    refused: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            _set_rule(request, organization, form)
        except Refusal as no:
            refused = _said(no)
        else:
            messages.success(request, "Done: what takes an approval is changed.")
            return HttpResponseRedirect(request.path)
    waiting = ChangeSet.objects.filter(organization=organization, state=State.AWAITING_APPROVAL)
    shown = {
        **desk.each_context(request),
        "title": f"{organization.name}: approvals",
        "rule": kept,
        "rule_words": approving.words(kept),
        "form": form,
        "refused": refused,
        "waiting": list(waiting.order_by("number")[:100]),
        "may_change": reach.may(person(request), "manage_edges", organization.pk, None),
    }
    status = 422 if refused or (request.method == "POST" and form.errors) else 200
    return TemplateResponse(request, "console/approvals.html", shown, status=status)


def _set_rule(request: HttpRequest, organization: Organization, form: RuleForm) -> None:
    who = person(request)
    approving.set_rule(
        organization_id=organization.pk,
        above_edges=form.cleaned_data["above_edges"],
        paths=[line.strip() for line in form.cleaned_data["paths"].splitlines() if line.strip()],
        actor=Actor(who.username, who.user_id),
        now=request.now,  # type: ignore[attr-defined]
    )


def _organization(request: HttpRequest, org: str, act: Act) -> Organization:
    try:
        return reach.organization(person(request), org, act)
    except Refused as refused:
        raise as_page(refused) from refused


desk.pages += [
    path(
        "change-sets/<uuid:change_set>/act/<str:deed>/",
        desk.admin_view(act_page),
        name="console_change_set_act",
    ),
    path("approvals/<str:org>/", desk.admin_view(rule_page), name="console_approvals"),
]
