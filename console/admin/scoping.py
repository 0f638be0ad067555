"""Model pages that obey memberships: rows by organization and site, acts by role, choices by both.

Tenancy hides other organizations; what is decided here is what a role may do and which sites it covers.
"""

from typing import Any, ClassVar
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, models
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.http import urlencode
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin

from console.admin.site import person
from doors.problems import Refused
from edges import roles
from edges.errors import EdgesError
from edges.models import Organization, Site
from edges.roles import Act


def granted(request: HttpRequest, act: Act, *, organization: str, site: str) -> models.Q:
    """Rows of the organizations, and of the sites, in which the person's role allows `act`.

    `organization` and `site` are the paths from the row; with an empty `site` only an organization-wide role
    counts.
    """
    grants = [grant for grant in person(request).grants if roles.allows(grant.role, act)]
    whole = {grant.organization_id for grant in grants if grant.site_id is None}
    rows = models.Q(**{f"{organization}__in": whole})
    sites = {grant.site_id for grant in grants if grant.site_id is not None}
    return rows | models.Q(**{f"{site}__in": sites}) if site and sites else rows


def as_page(refused: Refused) -> Http404 | PermissionDenied:
    """What `console.api.reach` refuses, as the desk says it: not theirs, or beyond their role."""
    return (Http404 if refused.status == 404 else PermissionDenied)(refused.detail)


def somewhere(request: HttpRequest, act: Act, *, by_site: bool) -> bool:
    """May the person do this in any organization (or, `by_site`, in any site)?"""
    grants = (grant for grant in person(request).grants if by_site or grant.site_id is None)
    return any(roles.allows(grant.role, act) for grant in grants)


class ScopedAdmin(ModelAdmin):
    """Read-only unless a subclass names an act and the fields that are safe to edit."""

    acts: ClassVar[dict[str, Act | None]] = {"view": "read", "add": None, "change": None, "delete": None}
    editable: ClassVar[tuple[str, ...]] = ()
    # The path from the row to its site; "" = the row belongs to the organization as a whole.
    site_path: ClassVar[str] = ""
    organization_path: ClassVar[str] = "organization_id"
    actions: ClassVar[Any] = None
    list_per_page = 50
    show_full_result_count = False
    warn_unsaved_form = True

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows.filter(granted(request, "read", organization=self.organization_path, site=self.site_path))

    def may(self, request: HttpRequest, act: Act | None, row: Any | None) -> bool:
        if act is None:
            return False
        if row is None:
            return somewhere(request, act, by_site=bool(self.site_path))
        owner, site = self._place(row)
        return roles.allows(person(request).role_of(owner, site), act)

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest) -> bool:  # noqa: ARG002
        """What the page's own filters ask. Django lets an address ask anything of any column of the row."""
        asked = {"organization__id__exact"}
        for one in self.get_list_filter(request):
            name = one if isinstance(one, str) else one.parameter_name
            asked |= {name, f"{name}__exact", f"{name}__isnull"}
        return lookup in asked

    def _place(self, row: Any) -> tuple[UUID, UUID | None]:
        owner: Any = row
        for step in self.organization_path.split("__"):
            owner = getattr(owner, step)
        if not self.site_path:
            return owner, None
        site: Any = row
        for step in self.site_path.split("__"):
            site = getattr(site, step)
        return owner, site

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "read", None)

    def has_view_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return self.may(request, self.acts["view"], obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.may(request, self.acts["add"], None)

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return self.may(request, self.acts["change"], obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return self.may(request, self.acts["delete"], obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any | None = None) -> Any:
        fixed = tuple(super().get_readonly_fields(request, obj))
        if obj is None:
            return fixed
        names = (field.name for field in self.model._meta.fields)
        return (*fixed, *(name for name in names if name not in self.editable and name not in fixed))

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        act = self.acts["change"] or self.acts["add"] or "read"
        if db_field.related_model is Organization:
            allowed = granted(request, act, organization="pk", site="")
            kwargs["queryset"] = Organization.objects.filter(allowed)
        elif db_field.related_model is Site:
            allowed = granted(request, act, organization="organization_id", site="pk")
            kwargs["queryset"] = Site.objects.filter(allowed).select_related("organization")
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> HttpResponseBase:
        """What somebody else took meanwhile, also in another organization, is a sentence, not a crash."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except IntegrityError:
            return self.typed_again(request, "That is taken. Choose another.", is_new=object_id is None)
        except EdgesError as refused:
            return self.typed_again(request, str(refused), is_new=object_id is None)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponseBase:
        try:
            return super().delete_view(request, object_id, extra_context)
        except EdgesError as refused:
            return self.typed_again(request, str(refused), is_new=False)

    def typed_again(self, request: HttpRequest, complaint: str, *, is_new: bool) -> HttpResponseBase:
        """Back to the form with the complaint; on a new row nothing that was typed is lost."""
        self.message_user(request, complaint, "ERROR")
        typed = [
            (name, str(value)) for name, value in request.POST.items() if name in self.get_fields(request)
        ]
        return HttpResponseRedirect(f"{request.path}?{urlencode(typed)}" if is_new else request.path)

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's own log is no tenant's table; simple-history keeps who changed what, inside the tenant."""

    log_change = log_addition

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """As `log_addition`."""


class HistoricAdmin(SimpleHistoryAdmin, ScopedAdmin):
    """With the history of each row: to read, never to write."""

    def revert_disabled(self, request: HttpRequest, obj: Any | None = None) -> bool:  # noqa: ARG002
        return True

    def has_change_history_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:  # noqa: ARG002
        return False

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponseBase:
        """simple-history would show a row that the person's queryset hides, by its history."""
        self._visible(request, object_id)
        return super().history_view(request, object_id, extra_context)

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponseBase:
        if request.method not in ("GET", "HEAD"):
            raise PermissionDenied
        self._visible(request, object_id)
        if not version_id.isdigit() or len(version_id) > 18:
            raise Http404
        return super().history_form_view(request, object_id, version_id, extra_context)

    def _visible(self, request: HttpRequest, object_id: str) -> None:
        if self.get_object(request, object_id) is None:
            raise Http404
