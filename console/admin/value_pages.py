"""Change one value where it is seen: here, for the site, for the organization. It goes into the draft."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.http import urlencode

from configs import history, layers
from configs.changes import Address, Operation
from configs.models import Scope
from configs.refusals import Refusal
from console.admin import draft_bar, edge_pages, forecast_words, typed
from console.admin.leaves import BADGES
from console.admin.site import desk, person
from console.admin.transfer_pages import said
from console.api import reach
from doors.bodies import OPERATOR_BYTES
from edge_protocol.canonical import JsonObject
from edge_protocol.errors import PointerError
from edge_protocol.fields import field_at
from edge_protocol.layout import LOCK, SECTIONS
from edge_protocol.pointers import MISSING, Path, lookup, split
from edges.models import Edge

DERIVED = "This comes with the device's profile and is not set in any layer. Choose another profile instead."
_WITHOUT_VALUE = "unset", "lock", "unlock"


class ValueForm(forms.Form):
    act = forms.CharField(max_length=40)
    kind = forms.CharField(max_length=10)
    value = forms.CharField(required=False, strip=False, max_length=OPERATOR_BYTES)


def value_address(edge: Any, pointer: str) -> str:
    return f"{reverse('admin:console_value', args=[edge])}?{urlencode({'path': pointer})}"


def value_page(request: HttpRequest, edge_uid: UUID) -> HttpResponseBase:
    edge = edge_pages.found(request, edge_uid, "edit")
    pointer = request.GET.get("path", "").strip()
    try:
        steps = split(pointer)
        document, origin = _document(edge, pointer)
    except PointerError as bad:
        return _show(request, edge, pointer, {"refused": [f"This is no path: {bad.detail}."]})
    except Refusal:
        document, origin = {}, None
    field = field_at(document, steps)
    wrong = unknown(steps, known=field is not None)
    if wrong:
        return _show(request, edge, pointer, {"refused": [wrong]})
    choices = list(_choices(request, edge, pointer, origin))
    context: dict[str, Any] = {
        "current": _current(lookup(document, steps), origin, (field or {}).get("x-unit", "")),
        "control": typed.control(field, lookup(document, steps)),
        "choices": choices,
        "chosen": choices[0]["act"] if choices else "",
    }
    if request.method == "POST":
        answer = _posted(request, edge, pointer, field, context)
        if answer is not None:
            return answer
    return _show(request, edge, pointer, context)


def _document(edge: Edge, pointer: str) -> tuple[JsonObject, dict[str, Any] | None]:
    answer = history.effective(edge=edge)
    return answer["document"], answer["provenance"].get(pointer)


def unknown(steps: Path, *, known: bool) -> str:
    """Why no value can be set at a path, or nothing."""
    if not steps:
        return "Name a path, such as /core_cycle/period_ms."
    if steps[0] in SECTIONS and SECTIONS[steps[0]].derived:
        return DERIVED
    if not known:
        return "A document has no such field. Look at the effective configuration for the paths that it has."
    return ""


def _current(value: Any, origin: dict[str, Any] | None, unit: str) -> str:
    if value is MISSING:
        return "It has no value of its own now: what the software takes by default holds."
    now = f"It is {forecast_words.value(value)}{' ' + unit if unit else ''} now"
    if origin is None:
        return f"{now}."
    if origin["scope"] == "registry":
        return f"{now}, from the device's profile."
    hides = "".join(
        f" This hides {forecast_words.value(one['value'])} of the {one['scope']}."
        for one in origin.get("hides", ())
    )
    return f"{now}, set by the {BADGES.get(origin['scope'], '')} {origin['target']}.{hides}"


def _choices(
    request: HttpRequest, edge: Edge, pointer: str, origin: dict[str, Any] | None
) -> Iterable[dict[str, str]]:
    """What the role allows and the place makes sense of: set first, then giving back, then locks."""
    organization, site = edge.organization, edge.site
    places = [(Address(Scope.EDGE, edge.edge_id), "here, on this edge alone", True)]
    may_site = reach.may(person(request), "edit", organization.pk, site.pk)
    places.append((Address(Scope.SITE, site.code), f"for the site {site.name}", may_site))
    may_all = reach.may(person(request), "edit", organization.pk, None)
    places.append(
        (Address(Scope.ORGANIZATION, organization.code), f"for all of {organization.name}", may_all)
    )
    allowed = [(address, words) for address, words, may in places if may]
    for address, words in allowed:
        yield {"act": f"set:{address.scope}", "label": f"Set it {words}"}
    own = None if origin is None else {origin["scope"], *(one["scope"] for one in origin.get("hides", ()))}
    for address, words in allowed:
        if own is None or address.scope in own:
            yield {"act": f"unset:{address.scope}", "label": f"Reset to what is inherited {words}"}
    for address, words in allowed:
        if address.scope != Scope.EDGE:
            is_locked = pointer in layers.read(organization.pk, address).body.get(LOCK, ())
            act, label = (
                ("unlock", "Unlock it") if is_locked else ("lock", "Lock it against the layers below,")
            )
            yield {"act": f"{act}:{address.scope}", "label": f"{label} {words}"}


def _posted(
    request: HttpRequest, edge: Edge, pointer: str, field: JsonObject | None, context: dict[str, Any]
) -> HttpResponseBase | None:
    form = ValueForm(request.POST)
    if not form.is_valid() or form.cleaned_data["act"] not in {one["act"] for one in context["choices"]}:
        context["refused"] = ["Choose what is to be done."]
        return None
    given = form.cleaned_data
    context |= {"chosen": given["act"], "typed": given["value"]}
    op, _, scope = given["act"].partition(":")
    target = {
        Scope.EDGE: edge.edge_id,
        Scope.SITE: edge.site.code,
        Scope.ORGANIZATION: edge.organization.code,
    }[Scope(scope)]
    try:
        value = MISSING if op in _WITHOUT_VALUE else typed.read(field, given["kind"], given["value"])
        put = draft_bar.put(request, edge.organization, [Operation(scope, target, op, pointer, value)])
    except typed.Mistyped as wrong:
        context["refused"] = [str(wrong)]
    except Refusal as refused:
        context["refused"] = said(refused)
    else:
        return HttpResponseRedirect(put if request.POST.get("then") == "preview" else _back(edge, pointer))
    return None


def _back(edge: Edge, pointer: str) -> str:
    return f"{reverse('admin:console_effective', args=[edge.pk])}?{urlencode({'path': pointer})}"


def _show(request: HttpRequest, edge: Edge, pointer: str, context: dict[str, Any]) -> HttpResponseBase:
    shared = {
        **desk.each_context(request),
        "title": f"{edge.edge_id}: change a value",
        "edge": edge,
        "pointer": pointer,
        "back": _back(edge, pointer),
        "drafts": draft_bar.bar(request, [edge.organization_id]),
    }
    status = 422 if context.get("refused") else 200
    if status == 422 and request.method == "GET" and not pointer:
        status = 200
    return TemplateResponse(request, "console/value.html", shared | context, status=status)


desk.pages.append(
    path("edges/edge/<uuid:edge_uid>/value/", desk.admin_view(value_page), name="console_value")
)
