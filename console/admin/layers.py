"""A layer in one JSON box: edit, preview in people's words, publish. A change set like any other."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse

from configs import layers, rebasing, signing
from configs.changes import Actor, Address, Operation
from configs.refusals import ChangeRefused, Refusal, StaleLayer
from console.admin import (
    draft_bar,
    json_box,
    layer_drafts,
    layer_moves,
    layer_rollouts,
    wide,
    words,
)
from console.admin.site import desk, person
from console.api import reach
from doors.bodies import MAX_DEPTH, OPERATOR_BYTES
from doors.problems import Refused
from edge_protocol.canonical import parse
from edge_protocol.errors import JsonError
from edges.models import Organization

INTRODUCTION = {
    "organization": "Defaults for every edge of {name}. Sites and edges may set their own values over these.",
    "site": "What the edges of site {target} have differently from the organization's defaults.",
    "edge": "What {target} alone has differently from its site and organization.",
}


class BoxForm(forms.Form):
    body = forms.CharField(strip=False, max_length=OPERATOR_BYTES)
    reason = forms.CharField(max_length=500)
    revision = forms.IntegerField(min_value=0)
    preview_digest = forms.CharField(required=False, max_length=64)
    previewed = forms.CharField(required=False, max_length=64)
    needs_count = forms.CharField(required=False, max_length=16)
    count = forms.CharField(required=False, max_length=16)

    def __init__(self, data: Any) -> None:
        super().__init__(data)
        self.fields["reason"].required = data.get("step") != "draft"  # a draft is asked when it is published

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        missing = wide.uncounted(given) if self.data.get("step") == "publish" else ""
        if missing:
            raise forms.ValidationError(missing)
        return given


@dataclass
class Page:
    """What the template shows."""

    text: str
    revision: int
    reason: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)
    steps: list[Operation] = field(default_factory=list)
    preview: dict[str, Any] | None = None
    is_drafted: bool = False
    moved: dict[str, Any] | None = None


def layer_page(request: HttpRequest, org: str, scope: str, target: str) -> HttpResponseBase:
    who = person(request)
    try:
        organization, address = reach.layer(who, org, scope, target, "read")
        may_publish = not _refused(lambda: reach.layer(who, org, scope, target, "publish"))
    except Refused as refused:
        raise Http404(refused.detail) from refused
    if request.method != "POST" or not may_publish:
        state = layers.read(organization.pk, address)
        return _show(request, organization, address, Page(pretty(state.body), state.number), may_publish)
    return _posted(request, organization, address)


def _refused(look_up: Any) -> bool:
    try:
        look_up()
    except Refused:
        return True
    return False


def _posted(request: HttpRequest, organization: Organization, address: Address) -> HttpResponseBase:
    form = BoxForm(request.POST)
    page = Page(request.POST.get("body", ""), 0, request.POST.get("reason", ""))
    page.is_drafted = request.POST.get("step") == "draft"
    if not form.is_valid():
        page.errors = [
            {"detail": text if name == NON_FIELD_ERRORS else f"{name}: {text}"}
            for name, texts in form.errors.items()
            for text in texts
        ]
        newest = layers.read(organization.pk, address).number
        page.revision = form.cleaned_data.get("revision", newest)
        return _show(request, organization, address, page, True)
    page.revision = form.cleaned_data["revision"]
    body = _parsed(page)
    try:
        done = None if body is None else _done(request, organization, address, body, page, form.cleaned_data)
    except ChangeRefused as refused:
        page.errors = errors_of(refused, page.text, address)
    except Refusal as refused:
        is_stale = isinstance(refused, StaleLayer)
        page.errors = [{"detail": refused.detail + (layer_drafts.KEPT if is_stale else "")}]
        page.moved = layer_moves.told(organization, address, page.revision) if is_stale else None
    else:
        if done is not None:
            return done
    return _show(request, organization, address, page, True)


def _done(
    request: HttpRequest,
    organization: Organization,
    address: Address,
    body: dict[str, Any],
    page: Page,
    given: dict[str, Any],
) -> HttpResponseBase | None:
    """What was asked for; None: the page again, with a preview. Errors: Refusal."""
    if page.is_drafted:
        return layer_drafts.put(
            request, organization, address, body, revision=page.revision, reason=page.reason
        )
    step = request.POST.get("step")
    if step == "keep":
        body = _on_top(organization, address, body, page)
    seen = given["previewed"] == text_digest(page.text)
    digest = given["preview_digest"] if step in ("publish", "roll_out") and seen else None
    if digest and step == "roll_out":
        return _let_out(request, organization, address, body, page, digest)
    answer = _put(request, organization, address, body, page, digest)
    if digest:
        return _published(request, answer)
    page.preview = preview_of(answer, page)
    return None


def _on_top(organization: Organization, address: Address, body: dict[str, Any], page: Page) -> dict[str, Any]:
    """What was typed, on top of the newest, becomes the text of the page. Errors: Refusal."""
    newest, number = rebasing.onto_newest(
        organization_id=organization.pk, address=address, body=body, revision=page.revision
    )
    page.text, page.revision = pretty(newest), number
    return newest


def _parsed(page: Page) -> dict[str, Any] | None:
    try:
        body = parse(page.text.encode(), max_bytes=OPERATOR_BYTES, max_depth=MAX_DEPTH)
    except JsonError as wrong:
        page.errors = [{"detail": wrong.detail, "line": json_box.broken_line(page.text), "rule": "json"}]
        return None
    if not isinstance(body, dict):
        page.errors = [{"detail": "A layer is a JSON object: {...}.", "rule": "json"}]
        return None
    return body


def _put(
    request: HttpRequest,
    organization: Organization,
    address: Address,
    body: dict[str, Any],
    page: Page,
    digest: str | None,
) -> Any:
    who = person(request)
    page.steps = layers.steps(address, layers.read(organization.pk, address).body, body)
    return layers.put(
        organization_id=organization.pk,
        address=address,
        body=body,
        revision=page.revision,
        reason=page.reason,
        actor=Actor(who.username, who.user_id),
        now=request.now,  # type: ignore[attr-defined]
        signer=signing.signer(),
        preview_digest=digest,
        dry_run=digest is None,
    )


def _let_out(
    request: HttpRequest,
    organization: Organization,
    address: Address,
    body: dict[str, Any],
    page: Page,
    digest: str,
) -> HttpResponseBase:
    page.steps = layers.steps(address, layers.read(organization.pk, address).body, body)
    return layer_rollouts.begin(
        request, organization, address, page.steps, revision=page.revision, reason=page.reason, digest=digest
    )


def _published(request: HttpRequest, answer: Any) -> HttpResponseBase:
    told = answer.to_dict()
    messages.success(request, f"Published. {words.sentence(told)}")
    return HttpResponseRedirect(reverse("admin:configs_changeset_change", args=[told["id"]]))


def _show(
    request: HttpRequest, organization: Organization, address: Address, page: Page, may_publish: bool
) -> HttpResponseBase:
    introduction = INTRODUCTION[address.scope].format(name=organization.name, target=address.target)
    context = {
        **desk.each_context(request),
        "title": f"Layer of {address.scope} {address.target}",
        "introduction": introduction,
        "page": page,
        "preview": page.preview,
        "moved": page.moved,
        "organization": organization,
        "errors": page.errors,
        "may_publish": may_publish,
        "drafts": draft_bar.bar(request, [organization.pk]),
    }
    return TemplateResponse(request, "console/layer.html", context, status=422 if page.errors else 200)


def pretty(body: Any) -> str:
    return json.dumps(body, indent=2, ensure_ascii=False)


def text_digest(text: str) -> str:
    """Ties a preview to its text: what was edited after the preview is previewed again, not published."""
    return hashlib.sha256(text.encode()).hexdigest()


def errors_of(refused: ChangeRefused, text: str, address: Address) -> list[dict[str, Any]]:
    """Errors by cause: the same rule at the same path on many edges is one line that names them."""
    lines = json_box.lines_by_pointer(text)
    causes: dict[tuple[str, str, str], list[str]] = {}
    own: set[tuple[str, str, str]] = set()
    for error in refused.errors:
        cause = (error.rule, error.path, error.detail)
        causes.setdefault(cause, []).extend([error.edge_id] if error.edge_id else [])
        if error.layer is None or error.layer == address.to_dict():
            own.add(cause)
    return [
        {
            "rule": rule,
            "path": path,
            "detail": detail,
            "line": json_box.nearest_line(lines, path) if (rule, path, detail) in own and path else None,
            "reach": words.named(edges),
        }
        for (rule, path, detail), edges in causes.items()
    ]


def preview_of(answer: Any, page: Page) -> dict[str, Any]:
    told = answer.to_dict()
    lines = json_box.lines_by_pointer(page.text)
    warnings: dict[tuple[str, str, str], list[str]] = {}
    for warning in told["warnings"]:
        cause = (warning["rule"], warning["path"], warning["detail"])
        warnings.setdefault(cause, []).extend([warning["edge_id"]] if warning["edge_id"] else [])
    operations = [words.operation(step.to_dict()) for step in page.steps]
    edges = len(told["affected"])
    return {
        "sentence": words.sentence(told),
        "groups": [
            {"edges": group.edges, "sections": group.sections, "more": max(0, len(group.edges) - 10)}
            for group in words.groups(told["affected"])
        ],
        "operations": operations,
        "warnings": [
            {
                "rule": rule,
                "path": path,
                "detail": detail,
                "line": lines.get(path),
                "reach": words.named(found),
            }
            for (rule, path, detail), found in warnings.items()
        ],
        "digest": told["preview_digest"],
        "text_digest": text_digest(page.text),
        "publishable": bool(operations),
        "can_be_let_out": bool(edges),
        "is_wide": wide.is_wide(edges, edges + len(told["unaffected"])),
        "edges": edges,
        "publish_label": f"Publish to {words.count(edges, 'edge')}"
        if edges
        else "Publish (no edge changes now)",
    }


desk.pages.append(
    path(
        "layers/<str:org>/<str:scope>/<str:target>/",
        desk.admin_view(layer_page),
        name="console_layer",
    )
)
