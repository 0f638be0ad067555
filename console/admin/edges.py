"""Edges on the desk: the list with its words, one edge with its facts, and adding one."""

from datetime import UTC, datetime
from typing import Any

from django.contrib.admin import SimpleListFilter
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from configs import adopting, signing
from configs.changes import Actor
from console import fleet
from console.admin import draft_bar, edge_facts
from console.admin.scoping import HistoricAdmin
from console.admin.site import desk, person
from edges import organizing, words
from edges.errors import ValueRefusedError
from edges.models import Edge, Stage

LIVE_STAGES = [choice for choice in Stage.choices if choice[0] != Stage.RETIRED]


class StatusFilter(SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(word, word.replace("_", " ")) for word in words.HEADLINES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Edge]) -> QuerySet[Edge]:
        if self.value() is None:
            return queryset
        now = request.now  # type: ignore[attr-defined]
        return queryset.filter(pk__in=fleet.named(queryset, str(self.value()), now))


class EdgeAdmin(HistoricAdmin):
    acts = {"view": "read", "add": "manage_edges", "change": "manage_edges", "delete": None}
    site_path = "site_id"
    editable = ("name", "tags", "stage")
    list_display = ["edge_id", "site", "headline", "link_word", "runs", "last_attempt", "stage"]
    list_select_related = ["site", "organization", "head", "status"]
    list_filter = [StatusFilter, "stage"]
    search_fields = ["edge_id", "name"]
    ordering = ["edge_id"]
    fields = ["edge_id", "organization", "site", "name", "tags", "stage", "created_at", "retired_at"]
    change_form_outer_before_template = "console/edge_facts.html"

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("organization", "site", "head", "status", "pins")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Read once a request: the page's own part and Django's form show the same row."""
        if not hasattr(request, "console_edge"):
            request.console_edge = super().get_object(request, object_id, from_field)  # type: ignore[attr-defined]
        return request.console_edge  # type: ignore[attr-defined]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:  # noqa: ARG002
        return self.fields if obj else ["edge_id", "site", "name", "tags", "stage"]

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "stage" and formfield is not None:
            formfield.choices = LIVE_STAGES  # retiring is an act with a reason, not an edit
        if db_field.name == "tags" and formfield is not None:
            formfield.widget = UnfoldAdminTextInputWidget()
            formfield.help_text = "Separated by commas."
        return formfield

    @display(description="Status")
    def headline(self, edge: Edge) -> SafeString:
        return edge_facts.badge(words.describe(edge, now=datetime.now(UTC)).headline)

    @display(description="Link")
    def link_word(self, edge: Edge) -> str:
        return edge_facts.link_and_age(edge, datetime.now(UTC))

    @display(description="Runs → desired")
    def runs(self, edge: Edge) -> str:
        return edge_facts.runs(edge)

    @display(description="Last attempt")
    def last_attempt(self, edge: Edge) -> str:
        return edge_facts.attempt(edge)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponseBase:
        edge = self.get_object(request, object_id)
        more = {}
        if edge:
            more = edge_facts.context(
                edge,
                person(request),
                request.now,  # type: ignore[attr-defined]
                before=_before(request),
            )
            more["drafts"] = draft_bar.bar(request, [edge.organization_id])
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **more})

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type("EdgeForm", (CheckedTags, form), {})

    def save_model(self, request: HttpRequest, obj: Edge, form: Any, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in ("name", "tags", "stage")}
        if change:
            organizing.change_edge(edge=Edge.objects.get(pk=obj.pk), **values)
            return
        who = person(request)
        made = adopting.create_edge(
            site=obj.site,
            edge_id=obj.edge_id,
            actor=Actor(who.username, who.user_id),
            now=request.now,  # type: ignore[attr-defined]
            signer=signing.signer(),
            **values,
        )
        obj.__dict__.update(made.__dict__)


def _before(request: HttpRequest) -> datetime | None:
    """Where the timeline begins; an address that says no instant begins now."""
    try:
        found = datetime.fromisoformat(request.GET.get("before", ""))
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


class CheckedTags:
    """Beside the model's form: the use case's own check of tags, while the form can still show it."""

    cleaned_data: dict[str, Any]

    def clean_tags(self) -> list[str]:
        try:
            return organizing.check_tags(tag.strip() for tag in self.cleaned_data["tags"] or [])
        except ValueRefusedError as refused:
            raise ValidationError(str(refused)) from refused


desk.register(Edge, EdgeAdmin)
