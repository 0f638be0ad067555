"""Who is told of alerts, and what was sent: added, tested and removed by administrators."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path

from configs.changes import Actor
from configs.refusals import Refusal
from console.admin.scoping import granted
from console.admin.site import desk, person
from edges.models import Organization, Site
from monitoring import recipients
from monitoring.models import Delivery, Recipient

MOST_DELIVERIES = 50


def recipients_page(request: HttpRequest) -> HttpResponseBase:
    owned = granted(request, "manage_edges", organization="pk", site="")
    organizations = list(Organization.objects.filter(owned).order_by("name"))
    if not organizations:
        raise PermissionDenied
    asked = request.GET.get("organization")
    chosen = next((one for one in organizations if one.code == asked), organizations[0])
    secret, refused = "", ""
    if request.method == "POST":
        try:
            secret = _do(request, chosen)
        except Refusal as no:
            refused = no.detail
    rows = Recipient.objects.filter(organization=chosen, removed_at=None).select_related("site")
    sent = Delivery.objects.filter(organization=chosen).select_related("recipient")
    context = {
        **desk.each_context(request),
        "title": "Recipients of alerts",
        "organizations": organizations,
        "chosen": chosen,
        "zone": chosen.time_zone,
        "sites": Site.objects.filter(organization=chosen).order_by("name"),
        "recipients": rows,
        "deliveries": sent.order_by("-created_at")[:MOST_DELIVERIES],
        "email_is_set": settings.EMAIL_IS_SET,
        "secret": secret,
        "refused": refused,
        "typed": request.POST.get("address", "") if refused else "",
    }
    page = TemplateResponse(request, "console/recipients.html", context, status=422 if refused else 200)
    page["Cache-Control"] = "no-store"
    return page


def _do(request: HttpRequest, organization: Organization) -> str:
    """The act that the form asks for; gives the secret of a new webhook. Raises: Refusal."""
    acts: dict[str, Callable[[HttpRequest, Organization], str]] = {
        "add": _add,
        "test": _test,
        "remove": _remove,
        "again": _again,
    }
    act = acts.get(request.POST.get("do", ""))
    if act is None:
        raise recipients.BadAddress("Nothing was asked for. Use one of the buttons.")
    return act(request, organization)


def _add(request: HttpRequest, organization: Organization) -> str:
    kind, code = request.POST.get("kind", ""), request.POST.get("site", "")
    site = Site.objects.filter(organization=organization, code=code).first() if code else None
    if kind not in ("email", "webhook") or (code and site is None):
        raise recipients.BadAddress(
            "Choose e-mail or webhook, and a site of this organization. Nothing changed."
        )
    made, secret = recipients.add(
        kind=kind, address=request.POST.get("address", ""), site=site, **_who(request, organization)
    )
    messages.success(request, f"{made.address} is told of alerts from now on.")
    return secret


def _test(request: HttpRequest, organization: Organization) -> str:
    recipients.test(recipient_id=_named(request, Recipient, organization), **_who(request, organization))
    messages.success(request, "A test is on its way; what came of it stands in the log below.")
    return ""


def _remove(request: HttpRequest, organization: Organization) -> str:
    pk = _named(request, Recipient, organization)
    recipients.remove(organization_id=organization.pk, recipient_id=pk, now=request.now)  # type: ignore[attr-defined]
    messages.success(request, "It is told nothing any more.")
    return ""


def _again(request: HttpRequest, organization: Organization) -> str:
    pk = _named(request, Delivery, organization)
    recipients.redeliver(organization_id=organization.pk, delivery_id=pk, now=request.now)  # type: ignore[attr-defined]
    messages.success(request, "It is sent again, under the same key.")
    return ""


def _named(request: HttpRequest, model: type[Recipient] | type[Delivery], organization: Organization) -> UUID:
    try:
        pk = UUID(request.POST.get("id", ""))
    except ValueError:
        pk = UUID(int=0)
    if not model.objects.filter(pk=pk, organization=organization).exists():
        raise recipients.BadAddress("There is no such thing any more. Nothing was changed.")
    return pk


def _who(request: HttpRequest, organization: Organization) -> dict[str, Any]:
    who = person(request)
    return {
        "organization_id": organization.pk,
        "actor": Actor(who.username, who.user_id),
        "now": request.now,  # type: ignore[attr-defined]
    }


desk.pages += [path("recipients/", desk.admin_view(recipients_page), name="console_recipients")]
