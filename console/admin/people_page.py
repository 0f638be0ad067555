"""People: who may do what in each organization, who is invited, and what is asked of everybody."""

import secrets
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from console import invitations
from console.admin.scoping import as_page, granted
from console.admin.site import desk, person
from console.api import reach
from doors.problems import Refused
from edges import inviting, roles, second_factor
from edges.errors import EdgesError
from edges.models import Invitation, Membership, Organization, Site

MEANINGS = {
    "viewer": "reads",
    "approver": "also approves",
    "operator": "also edits, publishes and rolls back",
    "administrator": "also edges, keys and tokens",
    "owner": "also people",
}


class InvitationForm(forms.Form):
    email = forms.EmailField(max_length=254)
    role = forms.ChoiceField(choices=[(role, role) for role in roles.ROLES])
    site = forms.ModelChoiceField(Site.objects.none(), required=False)
    days = forms.IntegerField(min_value=1, max_value=30)


@require_safe
def people_page(request: HttpRequest) -> HttpResponseBase:
    who = person(request)
    rows = Organization.objects.filter(granted(request, "read", organization="pk", site=""))
    organizations = {row.pk: row for row in rows.order_by("name")}
    members = list(
        Membership.objects.filter(organization__in=organizations)
        .select_related("user", "site")
        .order_by("user__username", "id")
    )
    holders = second_factor.holders({one.user_id for one in members})
    owned = [pk for pk in organizations if reach.may(who, "manage_people", pk, None)]
    invited = list(
        Invitation.objects.filter(organization__in=owned, accepted_at=None, revoked_at=None)
        .select_related("site")
        .order_by("-created_at")
    )
    now = request.now  # type: ignore[attr-defined]
    shown = [
        {
            "row": row,
            "is_owned": row.pk in owned,
            "members": [
                {
                    "row": one,
                    "has_second_factor": one.user_id in holders,
                    "is_own": one.user_id == who.user_id,
                }
                for one in members
                if one.organization_id == row.pk
            ],
            "invitations": [
                {"row": one, "state": inviting.state(one, now=now)}
                for one in invited
                if one.organization_id == row.pk
            ],
        }
        for row in organizations.values()
    ]
    context = {**desk.each_context(request), "title": "People", "organizations": shown, "meanings": MEANINGS}
    return TemplateResponse(request, "console/people.html", context)


def _owned(request: HttpRequest, org: str) -> Organization:
    """Raises: Http404, PermissionDenied."""
    try:
        return reach.organization(person(request), org, "manage_people")
    except Refused as refused:
        raise as_page(refused) from refused


def invite_page(request: HttpRequest, org: str) -> HttpResponseBase:
    organization = _owned(request, org)
    form = InvitationForm(request.POST if request.method == "POST" else None, initial={"days": 7})
    form.fields["site"].queryset = Site.objects.filter(organization=organization)  # type: ignore[attr-defined]
    refused = ""
    if request.method == "POST" and form.is_valid():
        try:
            made, code = _invite(request, organization, form.cleaned_data)
        except EdgesError as no:
            refused = str(no)
        else:
            return _invited(request, organization, made, code)
    context = {
        **desk.each_context(request),
        "title": f"Invite somebody to {organization.name}",
        "organization": organization,
        "form": form,
        "meanings": MEANINGS,
        "refused": refused,
    }
    return TemplateResponse(request, "console/invite.html", context, status=422 if refused else 200)


def _invite(
    request: HttpRequest, organization: Organization, wanted: dict[str, Any]
) -> tuple[Invitation, str]:
    return inviting.invite(
        organization_id=organization.pk,
        email=wanted["email"],
        role=wanted["role"],
        site=wanted["site"],
        by=person(request).username,
        by_role=person(request).role_of(organization.pk),
        lifetime=timedelta(days=wanted["days"]),
        now=request.now,  # type: ignore[attr-defined]
        random_bytes=secrets.token_bytes,
    )


def _invited(
    request: HttpRequest, organization: Organization, made: Invitation, code: str
) -> HttpResponseBase:
    """The link stands in this answer only."""
    link = invitations.link(request, code)
    context = {
        **desk.each_context(request),
        "title": f"Invitation to {organization.name}",
        "organization": organization,
        "link": link,
        "made": made,
        "mailed": invitations.mail(made, link, organization.name),
    }
    answer = TemplateResponse(request, "console/invited.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


def revoke_page(request: HttpRequest, org: str, invitation: Any) -> HttpResponseBase:
    organization = _owned(request, org)
    row = Invitation.objects.filter(organization=organization, pk=invitation).first()
    if row is None:
        raise Http404
    refused = ""
    if request.method == "POST":
        try:
            inviting.revoke(invitation=row, by=person(request).username, now=request.now)  # type: ignore[attr-defined]
        except EdgesError as no:
            refused = str(no)
        else:
            messages.success(request, f"The invitation of {row.email} is revoked.")
            return HttpResponseRedirect(reverse("admin:console_people"))
    context = {
        **desk.each_context(request),
        "title": "Revoke an invitation",
        "refused": refused,
        "says": f"The link that {row.email} has for {organization.name} stops working at once.",
        "label": "Revoke",
        "is_destructive": True,
        "back": reverse("admin:console_people"),
    }
    return TemplateResponse(request, "console/confirm.html", context, status=422 if refused else 200)


def require_page(request: HttpRequest, org: str) -> HttpResponseBase:
    """Ask everybody for a second factor, or no longer: how many it stops is said first."""
    organization = _owned(request, org)
    is_required = not organization.requires_second_factor
    if request.method == "POST":
        second_factor.require(
            organization_id=organization.pk,
            is_required=is_required,
            by=person(request).username,
            now=request.now,  # type: ignore[attr-defined]
        )
        return HttpResponseRedirect(reverse("admin:console_people"))
    members = set(Membership.objects.filter(organization=organization).values_list("user_id", flat=True))
    without = len(members - second_factor.holders(members))
    asks = (
        f"{without} of {len(members)} people have no second factor: from now on they set one up before they "
        "see anything else. Tokens of programs go on."
    )
    context = {
        **desk.each_context(request),
        "title": f"Second factor of {organization.name}",
        "says": asks if is_required else "From now on everybody chooses. Who has a second factor keeps it.",
        "label": "Ask everybody" if is_required else "No longer ask",
        "back": reverse("admin:console_people"),
    }
    return TemplateResponse(request, "console/confirm.html", context)


desk.pages += [
    path("people/", desk.admin_view(people_page), name="console_people"),
    path("people/<str:org>/invite/", desk.admin_view(invite_page), name="console_invite"),
    path("people/<str:org>/second-factor/", desk.admin_view(require_page), name="console_require"),
    path(
        "people/<str:org>/invitations/<uuid:invitation>/revoke/",
        desk.admin_view(revoke_page),
        name="console_invitation_revoke",
    ),
]
