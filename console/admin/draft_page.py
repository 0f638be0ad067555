"""One draft: its steps, what publishing it would do, and the ways to publish it. Of any kind of draft."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path

from configs import changesets, drafting, forecasting, signing
from configs.changes import Actor
from configs.models import ChangeSet, State
from configs.refusals import ChangeRefused, Conflict, LayerInRollout, PreviewChanged, Refusal
from configs.rollouts import starting
from configs.rollouts.policies import Wish
from configs.stored import operations_of, step
from console.admin import forecast_words, later, rollout_pages, waves, wide, words
from console.admin.links import change_address
from console.admin.scoping import as_page
from console.admin.site import desk, person
from console.admin.transfer_pages import said
from console.admin.waves import WavesForm
from console.api import reach
from doors.problems import Refused
from edges.roles import Act

LONGEST_REASON = 500


def draft_page(request: HttpRequest, draft: UUID) -> HttpResponseBase:
    row = reached(request, draft, "edit" if request.method == "POST" else "read")
    if row.state != State.DRAFT:
        messages.info(
            request, f"#{row.number} is no draft any more: it is {row.get_state_display().lower()}."
        )
        return HttpResponseRedirect(change_address(row.pk))
    context: dict[str, Any] = {}
    if request.method == "POST":
        answer = _posted(request, row, context)
        if answer is not None:
            return answer
    return _show(request, row, context)


def reached(request: HttpRequest, pk: UUID, act: Act) -> ChangeSet:
    """The change set, when the person may do this to it. Raises: Http404, PermissionDenied."""
    try:
        return reach.change_set(person(request), pk, act)
    except Refused as refused:
        raise as_page(refused) from refused


def refuse(context: dict[str, Any], refused: Refusal) -> None:
    """What was not done, for the page that is shown again; what differs from the preview, where it does."""
    if isinstance(refused, PreviewChanged):
        context |= {"refused": [refused.detail], "status": 409}
        context["differs"] = forecast_words.differs(refused.extra.get("difference") or [])
    else:
        context["refused"] = said(refused)


def actor(request: HttpRequest) -> Actor:
    who = person(request)
    return Actor(who.username, who.user_id)


def _posted(request: HttpRequest, row: ChangeSet, context: dict[str, Any]) -> HttpResponseBase | None:
    """What was asked for; None: the page again, with what is in the context."""
    does = STEPS.get(request.POST.get("step", ""))
    if does is None:
        return None
    if does in (_publish, _publish_beside, _roll_out) and not reach.may_change_set(
        person(request), row, "publish"
    ):
        raise PermissionDenied
    try:
        return does(request, row, context)
    except PreviewChanged as changed:
        refuse(context, changed)
    except LayerInRollout as taken:
        context |= {"refused": [taken.detail], "status": 409}
        context["under_way"] = rollout_pages.address(UUID(taken.extra["rollout"]))
    except Conflict as conflict:
        context |= {"refused": [conflict.detail, *_next_step(conflict)], "status": 409}
    except Refusal as refused:
        context |= {"refused": said(refused), "status": 422}
    return None


def _next_step(conflict: Conflict) -> list[str]:
    if conflict.extra.get("paths"):
        return ["Nothing was lost: look at what they did below, and take the newest base if yours is right."]
    return []


def _take_out(request: HttpRequest, row: ChangeSet, context: dict[str, Any]) -> HttpResponseBase:  # noqa: ARG001
    now = request.now  # type: ignore[attr-defined]
    key = request.POST.get("key", "")
    left = drafting.take_out(change_set_id=row.pk, key=key, actor=actor(request), now=now)
    if not left.steps:
        messages.success(request, f"That was the last step: draft #{row.number} is discarded.")
        return HttpResponseRedirect(change_address(row.pk))
    messages.success(request, f"Taken out: {words.count(left.steps, 'change')} left.")
    return HttpResponseRedirect(request.path)


def _discard(request: HttpRequest, row: ChangeSet, context: dict[str, Any]) -> HttpResponseBase:  # noqa: ARG001
    changesets.cancel(
        organization_id=row.organization_id,
        change_set_id=row.pk,
        reason="discarded",
        actor=actor(request),
        now=request.now,  # type: ignore[attr-defined]
    )
    messages.success(request, f"Draft #{row.number} is discarded. Nothing was published.")
    return HttpResponseRedirect(change_address(row.pk))


def _take_newest(request: HttpRequest, row: ChangeSet, context: dict[str, Any]) -> HttpResponseBase:  # noqa: ARG001
    now = request.now  # type: ignore[attr-defined]
    drafting.take_newest_base(change_set_id=row.pk, actor=actor(request), now=now)
    messages.success(request, "The draft stands on the newest layers now. Look at what it does.")
    return HttpResponseRedirect(request.path)


def _publish_beside(request: HttpRequest, row: ChangeSet, context: dict[str, Any]) -> HttpResponseBase | None:
    """Into the baseline and into the candidate of the rollout under way."""
    return _publish(request, row, context, is_rebased=True)


def _publish(
    request: HttpRequest, row: ChangeSet, context: dict[str, Any], *, is_rebased: bool = False
) -> HttpResponseBase | None:
    reason, digest = reason_of(request, context), request.POST.get("preview_digest", "")
    if context.get("refused"):
        return None
    if missing := wide.uncounted(request.POST):
        context["refused"] = [missing]
        return None
    outcome = changesets.publish_draft(
        organization_id=row.organization_id,
        change_set_id=row.pk,
        actor=actor(request),
        now=request.now,  # type: ignore[attr-defined]
        signer=signing.signer(),
        reason=reason,
        preview_digest=digest,
        is_rebased=is_rebased,
    )
    messages.success(request, f"Published as #{outcome.number}. {words.sentence(outcome.to_dict())}")
    return HttpResponseRedirect(change_address(row.pk))


def _roll_out(request: HttpRequest, row: ChangeSet, context: dict[str, Any]) -> HttpResponseBase | None:
    reason, form = reason_of(request, context), WavesForm(request.POST)
    if not form.is_valid():
        context["refused"] = [*context.get("refused", []), *form.complaints()]
    if context.get("refused"):
        return None
    rollout = starting.start(
        organization_id=row.organization_id,
        change_set_id=row.pk,
        wish=form.wish(),
        actor=actor(request),
        now=request.now,  # type: ignore[attr-defined]
        reason=reason,
        preview_digest=request.POST.get("preview_digest", ""),
    )
    messages.success(request, "The rollout has begun. Its first wave opens within seconds.")
    return HttpResponseRedirect(rollout_pages.address(rollout.pk))


def _show_waves(request: HttpRequest, row: ChangeSet, context: dict[str, Any]) -> None:  # noqa: ARG001
    """The page again, with the waves that were typed or chosen."""
    form = WavesForm(request.POST)
    if not form.is_valid():
        context["refused"] = form.complaints()


def reason_of(request: HttpRequest, context: dict[str, Any]) -> str:
    """The reason that was typed; what is wrong with it goes into the context."""
    typed = request.POST.get("reason", "").strip()
    if not typed or len(typed) > LONGEST_REASON:
        context["refused"] = [f"Say why, in at most {LONGEST_REASON} characters: it stands in the history."]
    return typed


STEPS: dict[str, Callable[[HttpRequest, ChangeSet, dict[str, Any]], HttpResponseBase | None]] = {
    "take_out": _take_out,
    "discard": _discard,
    "take_newest": _take_newest,
    "publish": _publish,
    "publish_beside": _publish_beside,
    "roll_out": _roll_out,
    "show_waves": _show_waves,
}


def _show(request: HttpRequest, row: ChangeSet, context: dict[str, Any]) -> HttpResponseBase:
    stored = [step(one) for one in operations_of(row)]
    form = WavesForm(request.POST if "preset" in request.POST else None)
    shared = {
        **desk.each_context(request),
        "title": f"Draft #{row.number} of {row.organization.name}",
        "draft": row,
        "draft_address": change_address(row.pk),
        "steps": forecast_words.steps(drafting.bundles(stored)),
        "reason": request.POST.get("reason", row.reason),
        "may_edit": reach.may_change_set(person(request), row, "edit"),
        "may_publish": reach.may_change_set(person(request), row, "publish"),
        "waves": form,
        "later": later.address(request),
    }
    if later.is_asked(request):
        shared |= forecast(request, row, waves.wish_of(form))
    status = context.get("status", 422) if context.get("refused") else 200
    return TemplateResponse(request, "console/draft.html", shared | context, status=status)


def forecast(request: HttpRequest, row: ChangeSet, wish: Wish | None) -> dict[str, Any]:
    """What publishing it would do now, in words; the reasons instead where it cannot be published."""
    try:
        found = forecasting.of_draft(
            organization_id=row.organization_id,
            change_set_id=row.pk,
            now=request.now,  # type: ignore[attr-defined]
            wish=wish,
        )
    except ChangeRefused as refused:
        return {"errors": forecast_words.errors(refused.errors)}
    except Refusal as refused:
        return {"errors": [{"detail": refused.detail}]}
    return forecast_words.told(found) | waves.told(found.waves, wish)


desk.pages.append(path("drafts/<uuid:draft>/", desk.admin_view(draft_page), name="console_draft"))
