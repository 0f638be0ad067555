"""Where an invitation is taken up: a name and a password, or the account that is signed in."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.cache import never_cache

from console.admin.sign_in import enter
from console.admin.site import desk
from doors import limits
from doors.problems import Refused
from edges import inviting
from edges.errors import EdgesError
from edges.inviting import Offer


class CodeForm(forms.Form):
    """`step`: look at the offer, or take it."""

    code = forms.CharField(max_length=100)
    step = forms.ChoiceField(choices=[(step, step) for step in ("look", "take")])


class PersonForm(forms.Form):
    username = forms.CharField(max_length=150)
    password = forms.CharField(max_length=200, strip=False)
    again = forms.CharField(max_length=200, strip=False)

    def clean_again(self) -> str:
        again: str = self.cleaned_data["again"]
        if again != self.cleaned_data.get("password"):
            raise forms.ValidationError("The two passwords differ.")
        return again


@never_cache
def join_page(request: HttpRequest) -> HttpResponseBase:
    """The code comes from behind the #, by a form: it stands in no address that a server sees."""
    asked = CodeForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {"form": PersonForm()}
    if request.method == "POST" and asked.is_valid():
        code = asked.cleaned_data["code"]
        try:
            # Counted before the code is looked at, as passwords are.
            limits.count("failed", limits.client_address(request))
            offer = inviting.look(code=code, now=datetime.now(UTC))
            context |= {"offer": offer, "code": code}
            if asked.cleaned_data["step"] == "take" and _take(request, offer, context):
                return HttpResponseRedirect(reverse("admin:index"))
        except Refused as refused:
            context["refused"] = f"Too many attempts. Try again in {refused.headers['Retry-After']} s."
        except EdgesError as refused:
            context["refused"] = str(refused)
    status = 422 if context.get("refused") else 200
    shared = {**desk.each_context(request), "title": "Invitation", **context}
    return TemplateResponse(request, "console/join.html", shared, status=status)


def _take(request: HttpRequest, offer: Offer, context: dict[str, Any]) -> bool:
    """False: the form is shown again with what is wrong in it. Errors: EdgesError."""
    now = datetime.now(UTC)
    if request.user.is_authenticated:
        inviting.accept(offer=offer, user=request.user, now=now)
        return True
    context["form"] = form = PersonForm(request.POST)
    if not form.is_valid():
        return False
    wanted = form.cleaned_data
    user = inviting.join(offer=offer, username=wanted["username"], password=wanted["password"], now=now)
    enter(request, user, "an invitation")
    return True


desk.pages.append(path("join/", join_page, name="console_join"))
