"""Signing in: the password first, then the code of who has a second factor. Guesses beyond the limits are not
looked at.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth import get_user_model, login
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.views.decorators.cache import never_cache

from console.admin.site import desk
from doors import limits
from doors.problems import Refused
from edges import auditing, credentials, second_factor
from edges.errors import SecondFactorRefused

PENDING = "second_factor_pending"
FOR = timedelta(minutes=5)
BACKEND = "django.contrib.auth.backends.ModelBackend"


class CodeForm(forms.Form):
    code = forms.CharField(max_length=32)


class PasswordFirst(LoginView):
    """The desk's sign-in. Who has a second factor is not signed in by the password."""

    def form_valid(self, form: Any) -> HttpResponseRedirect:
        user = form.get_user()
        if second_factor.has(user.pk):
            self.request.session[PENDING] = {
                "user": user.pk,
                "hash": user.get_session_auth_hash(),
                "until": (datetime.now(UTC) + FOR).isoformat(),
                "next": self.get_success_url(),
            }
            return HttpResponseRedirect(reverse("admin:console_code"))
        enter(self.request, user, "password")
        return HttpResponseRedirect(self.get_success_url())


def enter(request: HttpRequest, user: Any, how: str) -> None:
    """Begin the session, and say so in the audit trail of each of the person's organizations."""
    login(request, user, backend=BACKEND)
    who = credentials.operator_of_user(user)
    auditing.note_everywhere(
        organization_ids=who.organization_ids,
        what=auditing.SIGNED_IN,
        by=who.username,
        detail=f"with {how}",
        now=datetime.now(UTC),
    )


@never_cache
def code_page(request: HttpRequest) -> HttpResponseBase:
    """The second step. Who did not take the first one starts there."""
    user = _waiting(request)
    if user is None:
        request.session.pop(PENDING, None)
        return HttpResponseRedirect(reverse("admin:login"))
    form = CodeForm(request.POST if request.method == "POST" else None)
    refused = ""
    if request.method == "POST" and form.is_valid():
        refused = spend(request, user.pk, form.cleaned_data["code"])
        if not refused:
            ahead = request.session.pop(PENDING)["next"]
            enter(request, user, "password and second factor")
            return HttpResponseRedirect(ahead)
    context = {**desk.each_context(request), "title": "Second factor", "form": form, "refused": refused}
    return TemplateResponse(request, "console/code.html", context, status=422 if refused else 200)


def spend(request: HttpRequest, user_id: int, code: str) -> str:
    """Spend one code within the limits; what is wrong, as a sentence, or nothing."""
    try:
        # Counted before the code is looked at, per person too: many addresses do not make more guesses.
        limits.count("failed", limits.client_address(request))
        limits.count("second_factor", str(user_id))
        second_factor.check(user_id=user_id, code=code, now=datetime.now(UTC))
    except Refused as refused:
        return f"Too many attempts. Try again in {refused.headers['Retry-After']} s."
    except SecondFactorRefused as refused:
        return str(refused)
    return ""


def _waiting(request: HttpRequest) -> Any | None:
    """Whose password this browser gave within the last minutes, if it still is their password."""
    pending = request.session.get(PENDING)
    if not pending or datetime.fromisoformat(pending["until"]) <= datetime.now(UTC):
        return None
    user = get_user_model().objects.filter(pk=pending["user"], is_active=True).first()
    if user is None or user.get_session_auth_hash() != pending["hash"]:
        return None
    return user


desk.first_step = PasswordFirst
desk.pages.append(path("login/code/", code_page, name="console_code"))
