"""A person's own second factor: set one up, get new recovery codes, end it."""

import base64
from io import BytesIO
from typing import Any

import qrcode
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from qrcode.image.svg import SvgPathImage

from console.admin.sign_in import spend
from console.admin.site import desk, person
from doors import limits
from doors.problems import Refused
from edges import auditing, second_factor
from edges.errors import SecondFactorRefused
from edges.models import Organization

SECRET = "second_factor_secret"  # noqa: S105 - the session's name for it


class ActForm(forms.Form):
    act = forms.ChoiceField(choices=[(act, act) for act in ("enrol", "codes", "end")])
    code = forms.CharField(max_length=32)


def page(request: HttpRequest) -> HttpResponseBase:
    """Three acts, each proved by a code; recovery codes stand in the answer only."""
    form = ActForm(request.POST if request.method == "POST" else None)
    refused = ""
    if request.method == "POST" and form.is_valid():
        try:
            codes = _do(request, form.cleaned_data["act"], form.cleaned_data["code"])
        except SecondFactorRefused as no:
            refused = str(no)
        else:
            return _codes(request, codes) if codes else HttpResponseRedirect(request.path)
    return _show(request, form, refused)


def _do(request: HttpRequest, act: str, code: str) -> list[str]:
    if act == "enrol":
        return _enrol(request, code)
    if refused := spend(request, person(request).user_id, code):
        raise SecondFactorRefused(refused)
    if act == "codes":
        _note(request, "recovery_codes_made")
        return second_factor.new_codes(user=request.user)
    second_factor.end(user=request.user, required_by=_asking())
    _note(request, "second_factor_ended")
    messages.success(request, "Your second factor is off: from now on the password alone signs you in.")
    return []


def _enrol(request: HttpRequest, code: str) -> list[str]:
    try:
        limits.count("second_factor", str(person(request).user_id))
    except Refused as refused:
        wait = refused.headers["Retry-After"]
        raise SecondFactorRefused(f"Too many attempts. Try again in {wait} s.") from refused
    codes = second_factor.enrol(
        user=request.user,
        sealed=_secret(request),
        code=code,
        now=request.now,  # type: ignore[attr-defined]
    )
    request.session.pop(SECRET, None)
    _note(request, "second_factor_set_up")
    return codes


def _secret(request: HttpRequest) -> str:
    """The same through reloads, until a code proves that the app has it."""
    if SECRET not in request.session:
        request.session[SECRET] = second_factor.new_secret()
    sealed: str = request.session[SECRET]
    return sealed


def _asking() -> list[str]:
    rows = Organization.objects.filter(requires_second_factor=True)
    return list(rows.order_by("name").values_list("name", flat=True))


def _note(request: HttpRequest, what: str) -> None:
    who = person(request)
    auditing.note_everywhere(
        organization_ids=who.organization_ids,
        what=what,
        by=who.username,
        now=request.now,  # type: ignore[attr-defined]
    )


def _show(request: HttpRequest, form: ActForm, refused: str) -> HttpResponseBase:
    is_on = second_factor.has(person(request).user_id)
    context: dict[str, Any] = {
        **desk.each_context(request),
        "title": "Second factor",
        "form": form,
        "refused": refused,
        "is_on": is_on,
        "asking": _asking(),
        "owes": person(request).owes_second_factor,
    }
    if not is_on:
        told, secret = second_factor.address(request.user, _secret(request))
        context |= {"picture": _picture(told), "secret": secret}
    answer = TemplateResponse(request, "console/second_factor.html", context, status=422 if refused else 200)
    answer["Cache-Control"] = "no-store"
    return answer


def _picture(text: str) -> str:
    """The QR code, as an address of its own: nothing is fetched."""
    drawn = BytesIO()
    qrcode.make(text, image_factory=SvgPathImage).save(drawn)
    return f"data:image/svg+xml;base64,{base64.b64encode(drawn.getvalue()).decode()}"


def _codes(request: HttpRequest, codes: list[str]) -> HttpResponseBase:
    context = {
        **desk.each_context(request),
        "title": "Recovery codes",
        "codes": codes,
        "back": reverse("admin:index"),
    }
    answer = TemplateResponse(request, "console/recovery_codes.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


desk.pages.append(path("second-factor/", desk.admin_view(page), name="console_second_factor"))
