"""The desk: one admin site in which a person sees the organizations of their memberships and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import update_wrapper
from typing import Any

from django import forms
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from doors import limits
from doors.problems import Refused
from edges import credentials, tenancy
from edges.credentials import OperatorPrincipal

# view_on_site ("r/") looks rows up past every manager; search keeps results after a membership ended.
ABSENT = {"view_on_site", "search"}


def person(request: HttpRequest) -> OperatorPrincipal:
    """Who is signed in, with their memberships: read once a request."""
    if not hasattr(request, "console_person"):
        user: AbstractBaseUser | AnonymousUser = request.user
        if not user.is_authenticated:
            raise PermissionDenied
        request.console_person = credentials.operator_of_user(user)  # type: ignore[attr-defined]
    found: OperatorPrincipal = request.console_person  # type: ignore[attr-defined]
    return found


class SignIn(AuthenticationForm):
    """Everybody with an account may sign in; what they see follows from their memberships."""

    def confirm_login_allowed(self, user: Any) -> None:
        if not user.is_active:
            raise self.get_invalid_login_error()

    def clean(self) -> dict[str, Any]:
        # Counted before the password is looked at: guesses beyond the limit are not evaluated at all.
        try:
            limits.count("failed", limits.client_address(self.request))
        except Refused as refused:
            wait = refused.headers["Retry-After"]
            raise forms.ValidationError(f"Too many attempts. Try again in {wait} s.") from refused
        cleaned: dict[str, Any] = super().clean()
        return cleaned


class Desk(UnfoldAdminSite):
    site_title = "EMS"
    login_form = SignIn
    index_title = "Home"
    index_template = "console/home.html"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.pages: list[URLPattern] = []

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_authenticated and request.user.is_active)

    def admin_view(
        self, view: Callable[..., Any], cacheable: bool = False
    ) -> Callable[..., HttpResponseBase]:
        """Every page runs, and is rendered, inside the scope of the person's organizations."""
        guarded = super().admin_view(view, cacheable)

        def scoped(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not self.has_permission(request):
                return guarded(request, *args, **kwargs)
            request.now = datetime.now(UTC)  # type: ignore[attr-defined]
            with tenancy.scope(person(request).organization_ids):
                response: HttpResponseBase = guarded(request, *args, **kwargs)
                render = getattr(response, "render", None)
                return render() if callable(render) else response

        return update_wrapper(scoped, view)

    def get_urls(self) -> list[URLPattern | URLResolver]:
        stock = [url for url in super().get_urls() if getattr(url, "name", None) not in ABSENT]
        return [*self.pages, *stock]

    def _build_app_dict(self, request: HttpRequest, label: str | None = None) -> dict[str, Any]:
        if not self.has_permission(request):
            return {}
        found: dict[str, Any] = super()._build_app_dict(request, label)
        return found


desk = Desk("admin")
