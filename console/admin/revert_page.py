"""Undo a published change: what its inverse would do, then the reason; where others came since, a draft."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from configs import changesets, drafting, forecasting, inverting, signing
from configs.models import ChangeSet, State
from configs.outcomes import Drafted
from configs.refusals import ChangeRefused, Refusal
from console.admin import draft_bar, draft_page, forecast_words, later, words
from console.admin.links import change_address, link
from console.admin.site import desk, person
from console.api import reach


def revert_page(request: HttpRequest, change_set: UUID) -> HttpResponseBase:
    row = draft_page.reached(request, change_set, "publish" if request.method == "POST" else "read")
    context: dict[str, Any] = {}
    if request.method == "POST":
        reason = draft_page.reason_of(request, context)
        if not request.POST.get("preview_digest"):
            context["refused"] = ["Look at what it would do first, then say yes to that."]
        if not context.get("refused"):
            answer = _revert(request, row, reason, context)
            if answer is not None:
                return answer
    return _show(request, row, context)


def _revert(
    request: HttpRequest, row: ChangeSet, reason: str, context: dict[str, Any]
) -> HttpResponseBase | None:
    try:
        outcome = changesets.revert(
            organization_id=row.organization_id,
            change_set_id=row.pk,
            reason=reason,
            actor=draft_page.actor(request),
            now=request.now,  # type: ignore[attr-defined]
            signer=signing.signer(),
            preview_digest=request.POST["preview_digest"],
        )
    except Refusal as refused:
        draft_page.refuse(context, refused)
    else:
        return _done(request, row, outcome)
    return None


def _done(request: HttpRequest, row: ChangeSet, outcome: Any) -> HttpResponseBase:
    if isinstance(outcome, Drafted):
        messages.warning(
            request,
            f"Others changed the same since #{row.number}. Draft #{outcome.number} has the steps to undo it: "
            "look at it, then publish or discard it.",
        )
        return HttpResponseRedirect(draft_bar.draft_address(outcome.change_set_id))
    sentence = words.sentence(outcome.to_dict())
    messages.success(request, f"#{row.number} is reverted by #{outcome.number}. {sentence}")
    return HttpResponseRedirect(change_address(outcome.change_set_id))


def _show(request: HttpRequest, row: ChangeSet, context: dict[str, Any]) -> HttpResponseBase:
    shared: dict[str, Any] = {
        **desk.each_context(request),
        "title": f"Revert change #{row.number}",
        "change": row,
        "back": change_address(row.pk),
        "reason": request.POST.get("reason", ""),
        "may_publish": reach.may_change_set(person(request), row, "publish"),
        "later": later.address(request),
    }
    if later.is_asked(request):
        shared |= _forecast(request, row)
    status = context.get("status", 422) if context.get("refused") else 200
    return TemplateResponse(request, "console/revert.html", shared | context, status=status)


def _forecast(request: HttpRequest, row: ChangeSet) -> dict[str, Any]:
    try:
        found = forecasting.of_revert(
            organization_id=row.organization_id,
            change_set_id=row.pk,
            now=request.now,  # type: ignore[attr-defined]
        )
    except ChangeRefused as refused:
        return {"errors": forecast_words.errors(refused.errors)}
    except Refusal as refused:
        return {"errors": [{"detail": refused.detail}]}
    return forecast_words.told(found) | {"steps": forecast_words.steps(drafting.bundles(found.steps))}


def way_on(change: ChangeSet) -> SafeString:
    """Where a change set's own page leads: a draft to its preview, a published change to undoing it."""
    if change.state == State.DRAFT:
        return format_html(
            '<p class="ems-row">{}</p>', link(draft_bar.draft_address(change.pk), "Preview and publish")
        )
    if change.state == State.PUBLISHED and change.kind in inverting.REVERTIBLE:
        address = reverse("admin:console_revert", args=[change.pk])
        return format_html('<p class="ems-row">{}</p>', link(address, "Revert this change"))
    return SafeString("")


desk.pages.append(
    path("changes/<uuid:change_set>/revert/", desk.admin_view(revert_page), name="console_revert")
)
