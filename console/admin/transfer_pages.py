"""Layers as a file, and one edge's own values to others. Both end in a draft, which is previewed like any."""

import json
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse

from configs import changesets, copying, transferring
from configs.changes import Actor, Address, Change
from configs.models import Scope
from configs.refusals import ChangeRefused, Refusal
from configs.transferring import Given
from console.admin import edge_pages, words
from console.admin.links import edge_address
from console.admin.scoping import as_page, somewhere
from console.admin.site import desk, person
from console.api import reach
from doors.bodies import MAX_DEPTH, OPERATOR_BYTES
from doors.problems import Refused
from edge_protocol.canonical import parse
from edge_protocol.errors import JsonError, PointerError
from edges.models import Organization
from edges.roles import Act

MOST_ERRORS = 50


class ImportForm(forms.Form):
    organization = forms.CharField(max_length=63)
    text = forms.CharField(required=False, strip=False, max_length=OPERATOR_BYTES)
    file = forms.FileField(required=False, max_length=200)
    skip_unknown = forms.BooleanField(required=False)
    overwrite = forms.BooleanField(required=False)
    reason = forms.CharField(max_length=500)


class CopyForm(forms.Form):
    edges = forms.CharField(max_length=OPERATOR_BYTES)
    paths = forms.CharField(required=False, max_length=10_000)
    reason = forms.CharField(max_length=500)


class NotAFile(Exception):  # noqa: N818 - an answer to what was typed
    """What was given is no export; the text says why."""


def transfer_page(request: HttpRequest) -> HttpResponseBase:
    organizations = list(Organization.objects.order_by("name"))
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    context: dict[str, Any] = {
        **desk.each_context(request),
        "title": "Export and import",
        "organizations": organizations,
        "may_import": somewhere(request, "edit", by_site=True),
        "form": form,
        "typed": request.POST.get("text", "") or _sent(request),
    }
    if request.method == "POST" and form.is_valid():
        answer = _import(request, form, context)
        if answer is not None:
            return answer
    status = 422 if request.method == "POST" else 200
    return TemplateResponse(request, "console/transfer.html", context, status=status)


def _import(request: HttpRequest, form: ImportForm, context: dict[str, Any]) -> HttpResponseBase | None:
    given = form.cleaned_data
    organization = _reached(request, given["organization"], "edit")
    text = _text(given)
    context["typed"] = text
    try:
        source, layers = parsed(text)
        found = transferring.importing(
            organization=organization,
            given=layers,
            reason=given["reason"],
            source=source,
            skip_unknown=given["skip_unknown"],
            overwrite=given["overwrite"],
        )
        drafted = _draft(request, organization, found.change)
    except NotAFile as wrong:
        context["refused"] = [str(wrong)]
        return None
    except Refusal as refused:
        context["refused"] = said(refused)
        return None
    if found.skipped:
        names = words.named([str(one) for one in found.skipped])
        messages.warning(request, f"Left out, because they are not here: {names}.")
    return drafted


def _sent(request: HttpRequest) -> str:
    """A browser does not send a file again by itself: what was in it stays as text."""
    sent = request.FILES.get("file")
    if sent is None or isinstance(sent, list):
        return ""
    found = sent.read(OPERATOR_BYTES + 1).decode("utf-8", errors="replace")
    sent.seek(0)
    return str(found)


def _text(given: dict[str, Any]) -> str:
    if given["file"] is None:
        return str(given["text"])
    return str(given["file"].read(OPERATOR_BYTES + 1).decode("utf-8", errors="replace"))


def parsed(text: str) -> tuple[str | None, list[Given]]:
    """The organization that a file is from, and its layers. Raises: NotAFile."""
    try:
        body = parse(text.encode(), max_bytes=OPERATOR_BYTES, max_depth=MAX_DEPTH)
    except JsonError as wrong:
        raise NotAFile(f"This is no JSON that can be read: {wrong.detail}") from wrong
    if not isinstance(body, dict) or body.get("format") != transferring.FORMAT:
        raise NotAFile(f'This is no export of layers: it lacks "format": "{transferring.FORMAT}".')
    rows = body.get("layers")
    if not isinstance(rows, list) or not rows:
        raise NotAFile('The file has no "layers".')
    source = body.get("organization")
    return source if isinstance(source, str) else None, [
        _given(place, row) for place, row in enumerate(rows, 1)
    ]


def _given(place: int, row: Any) -> Given:
    fits = (
        isinstance(row, dict)
        and row.get("scope") in Scope.values
        and isinstance(row.get("target"), str)
        and isinstance(row.get("body"), dict)
        and isinstance(row.get("revision", 0), int)
    )
    if not fits:
        raise NotAFile(f"Layer {place} of the file needs a scope, a target and a body.")
    return Given(Address(row["scope"], row["target"]), row["body"], row.get("revision"))


def _reached(request: HttpRequest, code: str, act: Act) -> Organization:
    try:
        return reach.any_of(person(request), code, act)[0]
    except Refused as refused:
        raise as_page(refused) from refused


def _draft(request: HttpRequest, organization: Organization, change: Change) -> HttpResponseBase:
    who = person(request)
    try:
        reach.change(who, organization, "edit", wanted=change)
    except Refused as refused:
        raise PermissionDenied(refused.detail) from refused
    drafted = changesets.create_draft(
        organization_id=organization.pk,
        change=change,
        actor=Actor(who.username, who.user_id),
        now=request.now,  # type: ignore[attr-defined]
    )
    messages.success(request, f"Draft #{drafted.number} is ready: look at what it does, then publish it.")
    return HttpResponseRedirect(reverse("admin:console_draft", args=[drafted.change_set_id]))


def said(refused: Refusal) -> list[str]:
    """Each complaint with its layer."""
    if not isinstance(refused, ChangeRefused):
        return [refused.detail]
    lines = [
        f"{error.layer['scope'] + ' ' + error.layer['target'] + ': ' if error.layer else ''}"
        f"{error.path + ' ' if error.path else ''}{error.detail}"
        for error in refused.errors[:MOST_ERRORS]
    ]
    more = len(refused.errors) - MOST_ERRORS
    return [*lines, f"and {more} more"] if more > 0 else lines


def export_page(request: HttpRequest, org: str) -> HttpResponseBase:
    try:
        organization, sites = reach.any_of(person(request), org, "read")
    except Refused as refused:
        raise as_page(refused) from refused
    now = request.now  # type: ignore[attr-defined]
    found = transferring.exported(organization=organization, sites=sites, now=now)
    answer = HttpResponse(json.dumps(found, ensure_ascii=False, indent=2), content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{organization.code}-layers-{now:%Y-%m-%d}.json"'
    answer["Cache-Control"] = "no-store"
    return answer


def copy_page(request: HttpRequest, edge_uid: UUID) -> HttpResponseBase:
    """One edge's own values to others."""
    edge = edge_pages.found(request, edge_uid, "edit")
    form = CopyForm(request.POST) if request.method == "POST" else CopyForm()
    refused: list[str] = []
    if request.method == "POST" and form.is_valid():
        try:
            change = copying.copying(
                edge=edge,
                selector={"edges": form.cleaned_data["edges"].replace(",", " ").split()},
                paths=form.cleaned_data["paths"].split(),
                reason=form.cleaned_data["reason"],
            )
            return _draft(request, edge.organization, change)
        except Refusal as no:
            refused = said(no)
        except PointerError as bad:
            refused = [bad.detail]
    context = {
        **desk.each_context(request),
        "title": f"{edge.edge_id}: copy its own values",
        "edge": edge,
        "form": form,
        "refused": refused,
        "back": edge_address(edge.pk),
    }
    status = 422 if request.method == "POST" else 200
    return TemplateResponse(request, "console/copy.html", context, status=status)


desk.pages += [
    path("transfer/", desk.admin_view(transfer_page), name="console_transfer"),
    path("transfer/<str:org>/", desk.admin_view(export_page), name="console_export"),
    path("edges/edge/<uuid:edge_uid>/copy/", desk.admin_view(copy_page), name="console_copy"),
]
