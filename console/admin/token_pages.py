"""Tokens of programs: who they act for, until when, when they were last used; make one, end one."""

import secrets
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.http import require_safe

from console.admin.scoping import as_page, granted
from console.admin.site import desk, person
from console.api import reach
from doors.problems import Refused
from edges import operator_tokens, roles
from edges.models import OperatorToken, Organization, Site

MOST = 200


class TokenForm(forms.Form):
    name = forms.CharField(max_length=200)
    role = forms.ChoiceField()
    site = forms.ModelChoiceField(Site.objects.none(), required=False)
    days = forms.IntegerField(min_value=1, max_value=operator_tokens.LONGEST.days)


@require_safe
def tokens_page(request: HttpRequest) -> HttpResponseBase:
    """Living ones first, the newest first. Three queries."""
    rows = Organization.objects.filter(granted(request, "manage_tokens", organization="pk", site=""))
    organizations = list(rows.order_by("name"))
    now = request.now  # type: ignore[attr-defined]
    tokens = list(
        OperatorToken.objects.filter(organization__in=organizations)
        .select_related("user", "site")
        .order_by("-created_at")[:MOST]
    )
    lines = [{"row": one, "state": operator_tokens.state(one, now=now)} for one in tokens]
    lines.sort(key=lambda line: line["state"] != "live")
    shown = [
        {"row": row, "tokens": [line for line in lines if line["row"].organization_id == row.pk]}
        for row in organizations
    ]
    context = {**desk.each_context(request), "title": "API tokens", "organizations": shown}
    return TemplateResponse(request, "console/tokens.html", context)


def _managed(request: HttpRequest, org: str) -> Organization:
    """Raises: Http404, PermissionDenied."""
    try:
        return reach.organization(person(request), org, "manage_tokens")
    except Refused as refused:
        raise as_page(refused) from refused


def new_token_page(request: HttpRequest, org: str) -> HttpResponseBase:
    organization = _managed(request, org)
    own = person(request).role_of(organization.pk)
    choices = [role for role in roles.ROLES if own is not None and roles.lesser(role, own) == role]
    form = TokenForm(request.POST if request.method == "POST" else None, initial={"days": 90})
    fields: dict[str, Any] = form.fields
    fields["role"].choices = [(role, role) for role in choices]
    fields["site"].queryset = Site.objects.filter(organization=organization)
    context = {
        **desk.each_context(request),
        "title": f"New token for {organization.name}",
        "organization": organization,
        "form": form,
        "roles": choices,
    }
    if request.method == "POST" and form.is_valid():
        context |= _issue(request, organization, form.cleaned_data)
    answer = TemplateResponse(request, "console/new_token.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


def _issue(request: HttpRequest, organization: Organization, wanted: dict[str, Any]) -> dict[str, Any]:
    """Its text stands in this answer only."""
    token, text = operator_tokens.issue(
        user=get_user_model().objects.get(pk=person(request).user_id),
        organization_id=organization.pk,
        name=wanted["name"],
        role=wanted["role"],
        site=wanted["site"],
        lifetime=timedelta(days=wanted["days"]),
        now=request.now,  # type: ignore[attr-defined]
        random_bytes=secrets.token_bytes,
    )
    return {"token": token, "text": text}


def revoke_token_page(request: HttpRequest, org: str, token_id: str) -> HttpResponseBase:
    organization = _managed(request, org)
    token = OperatorToken.objects.filter(organization=organization, token_id=token_id).first()
    if token is None:
        raise Http404
    back = reverse("admin:console_tokens")
    if request.method == "POST":
        operator_tokens.revoke(
            token_id=token_id,
            by=person(request).username,
            now=request.now,  # type: ignore[attr-defined]
        )
        messages.success(request, f"The token {token.name} is revoked.")
        return HttpResponseRedirect(back)
    context = {
        **desk.each_context(request),
        "title": "Revoke a token",
        "says": f"Whatever program calls with {token.name} is refused at once. This is for good.",
        "label": "Revoke",
        "is_destructive": True,
        "back": back,
    }
    return TemplateResponse(request, "console/confirm.html", context)


desk.pages += [
    path("tokens/", desk.admin_view(tokens_page), name="console_tokens"),
    path("tokens/<str:org>/new/", desk.admin_view(new_token_page), name="console_new_token"),
    path(
        "tokens/<str:org>/<str:token_id>/revoke/",
        desk.admin_view(revoke_token_page),
        name="console_revoke_token",
    ),
]
