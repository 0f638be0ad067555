"""Organizations, sites and memberships on the desk."""

from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.contrib.auth import get_user_model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from console.admin.links import layer_link, link
from console.admin.scoping import HistoricAdmin
from console.admin.site import desk, person
from edges import organizing, people
from edges.models import Membership, Organization, Site
from edges.roles import ROLES


class ZoneForm(forms.ModelForm):
    def clean_time_zone(self) -> str:
        name: str = self.cleaned_data["time_zone"]
        if name not in available_timezones():
            raise forms.ValidationError("This is no IANA time zone. Europe/Berlin is one.")
        return name


class OrganizationAdmin(HistoricAdmin):
    acts = {"view": "read", "add": None, "change": "manage_edges", "delete": None}
    organization_path = "pk"
    editable = ("name", "time_zone")
    form = ZoneForm
    list_display = ["code", "name", "time_zone", "layer"]
    search_fields = ["code", "name"]
    fields = ["code", "name", "time_zone", "key_rotation_days", "is_active", "created_at", "layer"]
    readonly_fields = ["layer"]

    @display(description="Defaults for all its edges")
    def layer(self, organization: Organization) -> SafeString:
        return layer_link(organization.code, "organization", organization.code)


class SiteAdmin(HistoricAdmin):
    acts = {"view": "read", "add": "manage_edges", "change": "manage_edges", "delete": None}
    site_path = "pk"
    editable = ("name", "time_zone")
    form = ZoneForm
    list_display = ["code", "organization", "name", "time_zone", "layer", "book"]
    list_select_related = ["organization"]
    search_fields = ["code", "name"]
    fields = ["organization", "code", "name", "time_zone", "is_active", "created_at", "layer", "book"]
    readonly_fields = ["layer", "book"]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        return self.fields if obj else ["organization", "code", "name", "time_zone"]

    @display(description="Overrides for its edges")
    def layer(self, site: Site) -> SafeString:
        return layer_link(site.organization.code, "site", site.code)

    @display(description="People")
    def book(self, site: Site) -> SafeString:
        return link(reverse("admin:console_site_book", args=[site.pk]), "Contacts, access, journal")

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> None:  # noqa: ARG002
        if change:
            organizing.change_site(site=obj, name=obj.name, time_zone=obj.time_zone)
            return
        made = organizing.create_site(
            organization_id=obj.organization_id,
            code=obj.code,
            name=obj.name,
            time_zone=obj.time_zone,
            now=request.now,  # type: ignore[attr-defined]
        )
        obj.__dict__.update(made.__dict__)


class MembershipForm(forms.ModelForm):
    role = forms.ChoiceField(choices=[(role, role) for role in ROLES], widget=UnfoldAdminSelectWidget)


class NewMembershipForm(MembershipForm):
    username = forms.CharField(
        max_length=150,
        widget=UnfoldAdminTextInputWidget,
        help_text="Exactly as the person signs in. Who has no account yet is invited from the People page.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        site, organization = cleaned.get("site"), cleaned.get("organization")
        if site and organization and site.organization_id != organization.pk:
            self.add_error("site", "This site belongs to another organization.")
        return cleaned

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        user = get_user_model().objects.filter(username=name, is_active=True).first()
        if user is None:
            raise forms.ValidationError("Nobody signs in by this name.")
        self.instance.user = user
        return name


class MembershipAdmin(HistoricAdmin):
    acts = {"view": "read", "add": "manage_people", "change": "manage_people", "delete": "manage_people"}
    editable = ("role",)
    list_display = ["user", "organization", "role", "place"]
    list_select_related = ["user", "organization", "site"]
    list_filter = ["role"]
    search_fields = ["user__username"]
    fields = ["organization", "user", "role", "site"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        kwargs["form"] = MembershipForm if obj else NewMembershipForm
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        return self.fields if obj else ["organization", "username", "role", "site"]

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:  # noqa: ARG002
        made = people.grant(
            user=obj.user,
            organization_id=obj.organization_id,
            role=form.cleaned_data["role"],
            site=obj.site,
            by_role=person(request).role_of(obj.organization_id),
        )
        obj.__dict__.update(made.__dict__)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        people.withdraw(membership=obj, now=request.now)  # type: ignore[attr-defined]

    @display(description="Where")
    def place(self, membership: Membership) -> str:
        return f"site {membership.site.code}" if membership.site else "everywhere"

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes or ends their own membership: nobody locks themselves out by a slip."""
        return super().has_change_permission(request, obj) and not _own(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and not _own(request, obj)


def _own(request: HttpRequest, membership: Membership | None) -> bool:
    return membership is not None and membership.user_id == person(request).user_id


desk.register(Organization, OrganizationAdmin)
desk.register(Site, SiteAdmin)
desk.register(Membership, MembershipAdmin)
