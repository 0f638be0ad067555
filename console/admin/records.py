"""What happened, to read and never to write: change sets, versions, events, tokens, device profiles."""

import json
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from configs import updating
from configs.models import ChangeSet, DeviceProfile, Operation, Version
from console.admin import change_set_pages
from console.admin.history_page import told
from console.admin.links import edge_address, link
from console.admin.revert_page import way_on
from console.admin.scoping import HistoricAdmin, ScopedAdmin, granted, somewhere
from console.admin.site import desk
from edges.models import EdgeEvent, OperatorToken, Organization
from edges.roles import Act


class ChangeSetAdmin(ScopedAdmin):
    list_display = ["called", "organization", "kind", "state", "author", "reason", "published_at"]
    list_filter = ["state", "kind"]
    search_fields = ["reason", "author"]
    fields = [
        "called",
        "organization",
        "kind",
        "state",
        "author",
        "reason",
        "created_at",
        "published_at",
        "steps",
    ]
    readonly_fields = ["called", "steps"]
    change_form_outer_before_template = "console/change_set_state.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("organization")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Read once: this page asks, and then the stock page that it stands in."""
        if not hasattr(request, "change_set"):
            request.change_set = super().get_object(request, object_id, from_field)  # type: ignore[attr-defined]
        return request.change_set  # type: ignore[attr-defined]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        row = self.get_object(request, object_id)
        more = change_set_pages.context(request, row) if row else {}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    @display(description="Change", ordering="number")
    def called(self, change: ChangeSet) -> str:
        return f"#{change.number}"

    @display(description="What it did")
    def steps(self, change: ChangeSet) -> SafeString:
        """Read once, however often the page's templates ask for the field."""
        if not hasattr(change, "shown_steps"):
            change.shown_steps = self._steps(change)  # type: ignore[attr-defined]
        shown: SafeString = change.shown_steps  # type: ignore[attr-defined]
        return shown

    def _steps(self, change: ChangeSet) -> SafeString:
        rows = Operation.objects.filter(change_set=change).order_by("position")
        lines = [format_html("<li>{}</li>", told(row)) for row in rows]
        return format_html('<ul class="ems-list">{}</ul>{}', SafeString("".join(lines)), way_on(change))


class VersionAdmin(ScopedAdmin):
    site_path = "edge__site_id"
    list_display = ["called", "of_edge", "kind", "content_of", "change", "timestamp"]
    list_select_related = ["edge", "change_set"]
    list_filter = ["kind"]
    search_fields = ["edge__edge_id"]
    fields = [
        "called",
        "of_edge",
        "kind",
        "content_of",
        "change",
        "timestamp",
        "issued_at",
        "digest",
        "parts",
    ]
    readonly_fields = ["called", "of_edge", "change", "parts"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("envelope")

    @display(description="Version", ordering="number")
    def called(self, version: Version) -> str:
        return str(version.number)

    @display(description="Edge", ordering="edge__edge_id")
    def of_edge(self, version: Version) -> SafeString:
        return link(edge_address(version.edge_id), version.edge.edge_id)

    @display(description="Change")
    def change(self, version: Version) -> SafeString:
        return change_link(version.change_set)

    @display(description="Sections")
    def parts(self, version: Version) -> SafeString:
        lines = [
            format_html('<li>{} <code class="ems-code">{}</code></li>', name, digest)
            for name, digest in sorted(version.sections.items())
        ]
        return format_html('<ul class="ems-list">{}</ul>', SafeString("".join(lines)))


def change_link(change: ChangeSet) -> SafeString:
    return link(reverse("admin:configs_changeset_change", args=[change.pk]), f"#{change.number}")


class EventAdmin(ScopedAdmin):
    site_path = "edge__site_id"
    list_display = ["at", "of_edge", "type", "version", "code", "detail"]
    list_display_links = ["at"]
    list_select_related = ["edge"]
    list_filter = ["type"]
    search_fields = ["edge__edge_id", "code"]
    ordering = ["-id"]

    @display(description="Edge", ordering="edge__edge_id")
    def of_edge(self, event: EdgeEvent) -> SafeString:
        return link(edge_address(event.edge_id), event.edge.edge_id)


class TokenAdmin(ScopedAdmin):
    acts = {"view": "manage_tokens", "add": None, "change": None, "delete": None}
    list_display = ["name", "organization", "user", "role", "expires_at", "last_used_at", "revoked_at"]
    list_select_related = ["organization", "user", "site"]
    fields = [
        "name", "organization", "user", "role", "site",
        "token_id", "created_at", "expires_at", "last_used_at", "revoked_at",
    ]  # fmt: skip

    def has_module_permission(self, request: HttpRequest) -> bool:
        return somewhere(request, "manage_tokens", by_site=False)


class ProfileAdmin(HistoricAdmin):
    """The registry is the same for everybody; it changes with the software."""

    list_display = ["name", "version", "vendor", "role"]
    search_fields = ["name"]
    fields = ["name", "version", "text"]
    readonly_fields = ["text"]
    list_before_template = "console/profile_revisions.html"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        rows = Organization.objects.filter(granted(request, "read", organization="pk", site=""))
        organizations = list(rows.order_by("name"))
        older = updating.behind([one.pk for one in organizations])
        shown = [{"name": one.name, "code": one.code, "older": older.get(one.pk, 0)} for one in organizations]
        return super().changelist_view(request, {**(extra_context or {}), "organizations": shown})

    def get_queryset(self, request: HttpRequest) -> Any:
        return super(ScopedAdmin, self).get_queryset(request)

    def may(self, request: HttpRequest, act: Act | None, row: Any | None) -> bool:  # noqa: ARG002
        return act == "read" and somewhere(request, "read", by_site=True)

    @display(description="Vendor")
    def vendor(self, profile: DeviceProfile) -> str:
        return str(profile.body.get("vendor", ""))

    @display(description="Role")
    def role(self, profile: DeviceProfile) -> str:
        return str(profile.body.get("role", ""))

    @display(description="Points and scales")
    def text(self, profile: DeviceProfile) -> SafeString:
        return format_html('<pre class="ems-code">{}</pre>', json.dumps(profile.body, indent=2))


desk.register(ChangeSet, ChangeSetAdmin)
desk.register(Version, VersionAdmin)
desk.register(EdgeEvent, EventAdmin)
desk.register(OperatorToken, TokenAdmin)
desk.register(DeviceProfile, ProfileAdmin)
