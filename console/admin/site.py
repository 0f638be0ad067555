"""The desk: one admin site in which a person sees the organizations of their memberships and nothing else."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import update_wrapper
from typing import Any
from urllib.parse import unquote

from django import forms
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.auth.views import LoginView
from django.core.exceptions import BadRequest, PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from unfold.forms import AuthenticationForm
from unfold.sites import UnfoldAdminSite

from doors import limits
from doors.problems import Refused
from edges import credentials, tenancy
from edges.credentials import OperatorPrincipal

# view_on_site ("r/") looks rows up past every manager; search keeps results after a membership ended.
ABSENT = {"view_on_site", "search"}
# Open to who has yet to set up the second factor that an organization of theirs asks for.
BEFORE_SECOND_FACTOR = {"console_second_factor", "logout", "jsi18n"}


def person(request: HttpRequest) -> OperatorPrincipal:
    """Who is signed in, with their memberships: read once a request."""
    if not hasattr(request, "console_person"):
        user: AbstractBaseUser | AnonymousUser = request.user
        if not user.is_authenticated:
            raise PermissionDenied
        request.console_person = credentials.operator_of_user(user)  # type: ignore[attr-defined]
    found: OperatorPrincipal = request.console_person  # type: ignore[attr-defined]
    return found


def names_nul(request: HttpRequest, arguments: dict[str, Any]) -> bool:
    """PostgreSQL cannot even compare with a NUL: an address that holds one names nothing."""
    asked = [value for _, values in request.GET.lists() for value in values]
    return any("\0" in text for text in (*map(str, arguments.values()), *asked))


def _waits_for_second_factor(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is None or match.url_name not in BEFORE_SECOND_FACTOR


def _to_second_factor(request: HttpRequest) -> HttpResponseBase:
    owed = " and ".join(person(request).owes_second_factor)
    messages.warning(request, f"{owed} asks for a second factor: set yours up, then go on.")
    return HttpResponseRedirect(reverse("admin:console_second_factor"))


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
        self.first_step: type[LoginView] = LoginView

    @method_decorator(never_cache)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponseBase:
        """As Django's, with `first_step` in place of its view: a password may be half of it only."""
        home = reverse("admin:index", current_app=self.name)
        if request.method == "GET" and self.has_permission(request):
            return HttpResponseRedirect(home)
        asked = REDIRECT_FIELD_NAME in request.GET or REDIRECT_FIELD_NAME in request.POST
        context = {
            **self.each_context(request),
            "title": "Log in",
            "app_path": request.get_full_path(),
            "username": request.user.get_username(),
            **({} if asked else {REDIRECT_FIELD_NAME: home}),
            **(extra_context or {}),
        }
        request.current_app = self.name
        view = self.first_step.as_view(
            extra_context=context, authentication_form=self.login_form, template_name="admin/login.html"
        )
        return view(request)

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
            if "\0" in unquote(request.META.get("QUERY_STRING", "")):
                raise BadRequest("No address of ours has a NUL in it.")
            request.now = datetime.now(UTC)  # type: ignore[attr-defined]
            if person(request).owes_second_factor and _waits_for_second_factor(request):
                return _to_second_factor(request)
            with tenancy.scope(person(request).organization_ids):
                response = self._answered(guarded, request, *args, **kwargs)
                render = getattr(response, "render", None)
                return render() if callable(render) else response

        return update_wrapper(scoped, view)

    def _answered(
        self, view: Callable[..., Any], request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """What is not theirs and what is beyond their role are pages with a sentence, not bare statuses."""
        try:
            if names_nul(request, kwargs):
                raise Http404
            with transaction.atomic():
                answer: HttpResponseBase = view(request, *args, **kwargs)
        except Http404:
            return self._sentence(request, 404, "There is no such thing in your organizations.")
        except PermissionDenied:
            return self._sentence(request, 403, "Your role here does not reach that. An administrator may.")
        return answer

    def _sentence(self, request: HttpRequest, status: int, sentence: str) -> TemplateResponse:
        context = {**self.each_context(request), "title": "Not here", "sentence": sentence}
        page = TemplateResponse(request, "console/missing.html", context, status=status)
        page["Cache-Control"] = "no-store"
        return page

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from console.admin import cloud, home  # they need this module's `person`

        mine = {**home.context(request), "cloud": cloud.troubles(request)}
        shown = {**mine, **(extra_context or {})}
        answer: TemplateResponse = super().index(request, shown)
        return answer

    def get_urls(self) -> list[URLPattern | URLResolver]:
        stock = [url for url in super().get_urls() if getattr(url, "name", None) not in ABSENT]
        return [*self.pages, *stock]

    def _build_app_dict(self, request: HttpRequest, label: str | None = None) -> dict[str, Any]:
        if not self.has_permission(request):
            return {}
        found: dict[str, Any] = super()._build_app_dict(request, label)
        return found


desk = Desk("admin")
