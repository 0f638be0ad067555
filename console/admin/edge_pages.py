"""Pages below one edge: confirm an act, revoke a key, see where each value of its document is from."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path

from configs import comparing, history, holding
from configs.changes import Actor
from configs.refusals import ChangeRefused, Refusal
from console.admin import draft_bar, edge_facts, running_words
from console.admin.acts import ACTS, Deed, EdgeAct
from console.admin.leaves import leaves
from console.admin.links import edge_address
from console.admin.scoping import as_page
from console.admin.site import desk, person
from console.admin.words import count, sentence
from console.api import reach
from console.enrolling import command
from doors.problems import Refused
from edges import keys
from edges.errors import EdgesError, LastKeyError
from edges.models import Edge, EdgeKey
from edges.roles import Act


class ActForm(forms.Form):
    reason = forms.CharField(max_length=500)
    to_version = forms.IntegerField(required=False, min_value=1)
    review_on = forms.DateField(required=False)
    preview_digest = forms.CharField(required=False, max_length=64)


class ReviewForm(ActForm):
    review_on = forms.DateField()


class RevokeForm(forms.Form):
    reason = forms.CharField(max_length=500)
    cut_off = forms.BooleanField(required=False)


def found(request: HttpRequest, edge_uid: UUID, act: Act) -> Edge:
    """The edge, when the person may do this to it. Raises: Http404, PermissionDenied."""
    try:
        return reach.edge(person(request), edge_uid, act, facts=True)
    except Refused as refused:
        raise as_page(refused) from refused


def act_page(request: HttpRequest, edge_uid: UUID, name: str) -> HttpResponseBase:
    if name not in ACTS:
        raise Http404
    act = ACTS[name]
    edge = found(request, edge_uid, act.act)
    kind = ReviewForm if act.asks == "new_review_on" else ActForm
    form = kind(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"act": act, "form": form, "versions": _versions(edge, act)}
    if request.method == "POST" and form.is_valid():
        try:
            outcome = act.does(_deed(request, edge, form))
        except (Refusal, EdgesError) as refused:
            context["refused"] = _said(refused)
        else:
            if name == "token":
                return _show_token(request, edge, outcome)
            messages.success(request, f"Done: {act.label.lower()} of {edge.edge_id}.")
            return HttpResponseRedirect(edge_address(edge.pk))
    if act.asks == "preview":
        context["preview"] = _released(edge, request.now)  # type: ignore[attr-defined]
    return show(request, edge, act.label, "console/act.html", context)


def _released(edge: Edge, now: datetime) -> dict[str, Any]:
    """The difference that gathered while the edge was held."""
    try:
        told = holding.preview_release(edge=edge, now=now).to_dict()
    except Refusal as refused:
        return {"refused": _said(refused)}
    sections = [name for one in told["affected"] for name in one["changed_sections"]]
    return {"sentence": sentence(told), "sections": sections, "digest": told["preview_digest"]}


def _deed(request: HttpRequest, edge: Edge, form: ActForm) -> Deed:
    who = person(request)
    return Deed(
        edge=edge,
        actor=Actor(who.username, who.user_id),
        reason=form.cleaned_data["reason"],
        now=request.now,  # type: ignore[attr-defined]
        values=form.cleaned_data,
    )


def _versions(edge: Edge, act: EdgeAct) -> list[Any]:
    return edge_facts.versions(edge)[1:] if act.asks == "to_version" else []


def _said(refused: Exception) -> list[str]:
    if isinstance(refused, ChangeRefused):
        return [f"{error.path}: {error.detail}" if error.path else error.detail for error in refused.errors]
    return [str(refused)]


def _show_token(request: HttpRequest, edge: Edge, issued: tuple[str, Any]) -> HttpResponseBase:
    """Shown in this answer only: never in an address, a message or a session."""
    text, expires_at = issued
    line = command(request, text)
    context = {"command": line, "expires_at": expires_at}
    response = show(request, edge, "Enrollment token", "console/token.html", context)
    response["Cache-Control"] = "no-store"
    return response


def revoke_page(request: HttpRequest, edge_uid: UUID, key_id: str) -> HttpResponseBase:
    edge = found(request, edge_uid, "manage_keys")
    key = EdgeKey.objects.filter(edge=edge, key_id=key_id).first()
    if key is None:
        raise Http404
    form = RevokeForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"key": key, "form": form}
    if request.method == "POST" and form.is_valid():
        try:
            keys.revoke(
                edge=edge,
                key_id=key_id,
                by=person(request).username,
                reason=form.cleaned_data["reason"],
                cut_off=form.cleaned_data["cut_off"],
                now=request.now,  # type: ignore[attr-defined]
            )
        except LastKeyError as refused:
            context |= {"refused": [str(refused)], "is_last": True}
        else:
            messages.success(request, f"Key {key_id} of {edge.edge_id} is revoked.")
            return HttpResponseRedirect(edge_address(edge.pk))
    return show(request, edge, "Revoke a key", "console/revoke.html", context)


def effective_page(request: HttpRequest, edge_uid: UUID) -> HttpResponseBase:
    edge = found(request, edge_uid, "read")
    try:
        answer = history.effective(edge=edge)
    except Refusal as refused:
        return show(
            request, edge, "Effective configuration", "console/effective.html", {"refused": refused.detail}
        )
    running = comparing.beside(edge=edge, document=answer["document"])
    context = {
        "version": answer["version"],
        "runs": running_words.sentence(running),
        "may_edit": reach.may(person(request), "edit", edge.organization_id, edge.site_id),
        "drafts": draft_bar.bar(request, [edge.organization_id]),
        **_shown(request, running_words.side_by_side(leaves(answer), running)),
    }
    return show(request, edge, "Effective configuration", "console/effective.html", context)


def _shown(request: HttpRequest, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The leaves that the address asks for: of a path, and only those that differ from what runs."""
    asked, only = request.GET.get("path", "").strip(), request.GET.get("only", "") == "differing"
    kept = [row for row in rows if asked.lower() in row["path"].lower() and (row["differs"] or not only)]
    own = [row for row in kept if not row["is_derived"]]
    return {
        "asked": asked,
        "only": only,
        "differing": sum(row["differs"] for row in rows),
        "shown": count(len(own), "value"),
        "leaves": own,
        "derived": [row for row in kept if row["is_derived"]],
        "derived_differs": any(row["differs"] for row in kept if row["is_derived"]),
    }


def show(
    request: HttpRequest, edge: Edge, title: str, template: str, context: dict[str, Any]
) -> HttpResponseBase:
    shared = {
        **desk.each_context(request),
        "title": f"{edge.edge_id}: {title.lower()}",
        "edge": edge,
        "back": edge_address(edge.pk),
        "reach": f"This touches 1 edge: {edge.edge_id} of {edge.organization.name}, site {edge.site.name}.",
    }
    status = 422 if context.get("refused") else 200
    return TemplateResponse(request, template, shared | context, status=status)


desk.pages += [
    path("edges/edge/<uuid:edge_uid>/act/<str:name>/", desk.admin_view(act_page), name="console_act"),
    path(
        "edges/edge/<uuid:edge_uid>/keys/<str:key_id>/revoke/",
        desk.admin_view(revoke_page),
        name="console_revoke",
    ),
    path("edges/edge/<uuid:edge_uid>/effective/", desk.admin_view(effective_page), name="console_effective"),
]
