"""Who did what: one page with filters, and the export for an auditor."""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_safe

from configs import signing
from configs.audit import exporting, trail
from configs.audit.trail import Wanted
from console.admin.scoping import as_page, granted
from console.admin.site import desk, person
from console.api import reach
from console.api.audit import download
from doors.problems import Refused
from edges.errors import ValueRefusedError
from edges.models import Organization

A_PAGE = 100
FILTERS = ("organization", "what", "by", "text", "since", "until")


class FilterForm(forms.Form):
    what = forms.CharField(max_length=64, required=False)
    by = forms.CharField(max_length=150, required=False)
    text = forms.CharField(max_length=200, required=False)
    since = forms.DateTimeField(required=False)
    until = forms.DateTimeField(required=False)
    # Where the page before ended.
    at = forms.CharField(max_length=40, required=False)
    id = forms.CharField(max_length=100, required=False)

    def clean_at(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self.cleaned_data["at"])
        except ValueError:
            return None


class PeriodForm(forms.Form):
    since = forms.DateTimeField(required=False)
    until = forms.DateTimeField(required=False)


@require_safe
def audit_page(request: HttpRequest) -> HttpResponseBase:
    allowed = granted(request, "manage_tokens", organization="pk", site="")
    organizations = list(Organization.objects.filter(allowed).order_by("name"))
    asked = {name: request.GET.get(name, "").strip() for name in FILTERS}
    chosen = next((one for one in organizations if one.code == asked["organization"]), None)
    organization = chosen or next(iter(organizations), None)
    form = FilterForm(request.GET)
    context = {
        **desk.each_context(request),
        "title": "Audit trail",
        "organizations": organizations,
        "organization": organization,
        "asked": asked,
        "form": form,
        "rows": [],
    }
    if organization is not None and form.is_valid():
        context |= _rows(organization, asked, form.cleaned_data)
    return TemplateResponse(request, "console/audit.html", context)


def _rows(organization: Organization, asked: dict[str, str], given: dict[str, Any]) -> dict[str, Any]:
    wanted = Wanted(**{name: given[name] for name in ("what", "by", "text", "since", "until")})
    after = (given["at"], given["id"]) if given["at"] and given["at"].tzinfo and given["id"] else None
    rows = trail.page(organization_id=organization.pk, wanted=wanted, most=A_PAGE + 1, after=after)
    older = ""
    if len(rows) > A_PAGE:
        last = rows[A_PAGE - 1]
        kept = {name: value for name, value in asked.items() if value}
        older = urlencode({**kept, "at": last.at.isoformat(), "id": last.id})
    return {"rows": rows[:A_PAGE], "older": older}


def export_page(request: HttpRequest, org: str) -> HttpResponseBase:
    try:
        organization = reach.organization(person(request), org, "manage_tokens")
    except Refused as refused:
        raise as_page(refused) from refused
    form = PeriodForm(request.POST if request.method == "POST" else None)
    refused_because = ""
    if request.method == "POST" and form.is_valid():
        now = request.now  # type: ignore[attr-defined]
        try:
            made = exporting.export(
                organization=organization,
                **form.cleaned_data,
                by=person(request).username,
                now=now,
                signer=signing.signer(),
            )
        except ValueRefusedError as refused:
            refused_because = str(refused)
        else:
            return download(made, organization.code, now)
    context = {
        **desk.each_context(request),
        "title": f"Audit trail of {organization.name}: export",
        "organization": organization,
        "form": form,
        "refused": refused_because,
    }
    status = 422 if refused_because else 200
    return TemplateResponse(request, "console/audit_export.html", context, status=status)


desk.pages += [
    path("audit/", desk.admin_view(audit_page), name="console_audit"),
    path("audit/<str:org>/export/", desk.admin_view(export_page), name="console_audit_export"),
]
