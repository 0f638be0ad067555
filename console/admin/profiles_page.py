"""Device profiles that edges have, and the newest: what taking them would do, then the reason."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse

from configs import forecasting, signing, updating
from configs.refusals import Refusal
from console.admin import draft_page, forecast_words, later, words
from console.admin.links import change_address
from console.admin.scoping import as_page
from console.admin.site import desk, person
from console.admin.transfer_pages import said
from console.api import reach
from doors.problems import Refused
from edges.models import Organization
from edges.roles import Act

LONGEST_NUMBER = 9
WHY_NOT = words.WHY | {
    "same": ("uses none of what changes", "use none of what changes"),
    "already_invalid": (
        "is not valid with these profiles and keeps what it runs",
        "are not valid with these profiles and keep what they run",
    ),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """`revision` None: the newest; `edges` None: all."""

    revision: int | None
    edges: list[str] | None

    @classmethod
    def of(cls, given: QueryDict) -> "Asked":
        return cls(
            _number(given.get("revision", "")), given.get("edges", "").replace(",", " ").split() or None
        )


def _number(text: str) -> int | None:
    """0, which no revision has: what is no number."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER else 0


def profiles_page(request: HttpRequest, org: str) -> HttpResponseBase:
    is_post = request.method == "POST"
    organization = _reached(request, org, "manage_edges" if is_post else "read")
    asked = Asked.of(request.POST if is_post else request.GET)
    context: dict[str, Any] = {}
    if is_post:
        reason = draft_page.reason_of(request, context)
        if not request.POST.get("preview_digest"):
            context["refused"] = ["Look at what it would do first, then say yes to that."]
        if not context.get("refused"):
            answer = _publish(request, organization, asked, reason, context)
            if answer is not None:
                return answer
    return _show(request, organization, asked, context)


def _reached(request: HttpRequest, org: str, act: Act) -> Organization:
    """Raises: Http404, PermissionDenied."""
    try:
        return reach.organization(person(request), org, act)
    except Refused as refused:
        raise as_page(refused) from refused


def _publish(
    request: HttpRequest, organization: Organization, asked: Asked, reason: str, context: dict[str, Any]
) -> HttpResponseBase | None:
    try:
        outcome = updating.publish_profiles(
            organization_id=organization.pk,
            revision=asked.revision,
            edges=asked.edges,
            reason=reason,
            actor=draft_page.actor(request),
            now=request.now,  # type: ignore[attr-defined]
            signer=signing.signer(),
            preview_digest=request.POST["preview_digest"],
        )
    except Refusal as refused:
        draft_page.refuse(context, refused)
    else:
        affected = words.count(len(outcome.affected), "edge")
        messages.success(request, f"Taken as #{outcome.number}: {affected} will get a new version.")
        return HttpResponseRedirect(change_address(outcome.change_set_id))
    return None


def _show(
    request: HttpRequest, organization: Organization, asked: Asked, context: dict[str, Any]
) -> HttpResponseBase:
    found = updating.standing(organization_id=organization.pk)
    wanted = found[0].revision if found and asked.revision is None else asked.revision
    chosen = next((one for one in found if one.revision == wanted), None)
    others = bool(found) and (chosen is None or any(one.edges for one in found if one is not chosen))
    shared: dict[str, Any] = {
        **desk.each_context(request),
        "title": f"Device profiles of {organization.name}",
        "organization": organization,
        "back": reverse("admin:configs_deviceprofile_changelist"),
        "revisions": found,
        "newest": found[0] if found else None,
        "chosen": chosen,
        "edges_asked": " ".join(asked.edges or ()),
        "reason": request.POST.get("reason", ""),
        "may_publish": reach.may(person(request), "manage_edges", organization.pk, None),
        "later": later.address(request) if others else "",
    }
    if others and not shared["later"]:
        shared |= _forecast(organization, asked, now=request.now)  # type: ignore[attr-defined]
    status = context.get("status", 422) if context.get("refused") else 200
    return TemplateResponse(request, "console/profiles.html", shared | context, status=status)


def _forecast(organization: Organization, asked: Asked, *, now: datetime) -> dict[str, Any]:
    """What taking the chosen revision would do."""
    try:
        forecast = forecasting.of_profiles(
            organization_id=organization.pk, revision=asked.revision, edges=asked.edges, now=now
        )
    except Refusal as refused:
        return {"errors": [{"detail": line} for line in said(refused)]}
    told = forecast_words.told(forecast) | {"left_out": forecast_words.left_out(forecast, WHY_NOT)}
    if not forecast.preview.affected:
        told["sentence"] = "No edge's configuration changes: they only take these profiles into account."
    return told | {"does_something": True}


desk.pages.append(
    path("profiles/<str:org>/", desk.admin_view(profiles_page), name="console_profiles"),
)
