"""Many edges at once: a table is pasted or uploaded, looked at, taken whole, and printed as labels."""

import csv
import io
from typing import Any

import qrcode
import qrcode.image.svg
from django import forms
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.safestring import SafeString, mark_safe

from configs import adopting, signing
from configs.changes import Actor
from console import enrolling
from console.admin.scoping import as_page, granted, somewhere
from console.admin.site import desk, person
from console.api import reach
from doors.problems import Refused
from edges.errors import RowsRefusedError
from edges.models import Organization, Site
from edges.organizing import NewEdge

COLUMNS = ("edge_id", "site", "name", "tags")
MOST_ROWS = 1_000
MOST_TEXT = 500_000
TTL_HOURS = 24 * 7


class BulkForm(forms.Form):
    organization = forms.CharField(max_length=63)
    text = forms.CharField(required=False, max_length=MOST_TEXT)
    file = forms.FileField(required=False, max_length=200)


class BadTable(Exception):  # noqa: N818 - an answer to what was typed
    """What was given is no table of edges; the text says why."""


def bulk_page(request: HttpRequest) -> HttpResponseBase:
    if not somewhere(request, "manage_edges", by_site=False):
        raise PermissionDenied
    organizations = list(
        Organization.objects.filter(granted(request, "manage_edges", organization="pk", site="")).order_by(
            "name"
        )
    )
    form = BulkForm(request.POST, request.FILES) if request.method == "POST" else BulkForm()
    context: dict[str, Any] = {
        **desk.each_context(request),
        "title": "Add many edges",
        "organizations": organizations,
        "sites": Site.objects.filter(organization__in=organizations).order_by("code")[:50],
        "columns": COLUMNS,
        "form": form,
    }
    if request.method == "POST" and form.is_valid():
        made = _posted(request, form, context)
        if made is not None:
            return made
    status = 422 if context.get("refused") or form.errors else 200
    return TemplateResponse(request, "console/bulk.html", context, status=status)


def _posted(request: HttpRequest, form: BulkForm, context: dict[str, Any]) -> HttpResponseBase | None:
    given = form.cleaned_data
    file = given["file"]
    text = file.read(MOST_TEXT).decode("utf-8-sig", errors="replace") if file else given["text"]
    context["typed"] = text
    try:
        lines = rows(text)
    except BadTable as bad:
        context["refused"] = [str(bad)]
        return None
    context["rows"] = [row for _, row in lines]
    if request.POST.get("step") != "add":
        return None
    organization = _reached(request, given["organization"])
    try:
        return _added(request, organization, [row for _, row in lines])
    except RowsRefusedError as refused:
        context["refused"] = [
            f"Line {lines[position][0]}, {field}: {detail}" for position, field, detail in refused.rows
        ]
        return None


def rows(text: str) -> list[tuple[int, NewEdge]]:
    """Edges with the lines that they stand in. Raises: BadTable."""
    first = text.strip().partition("\n")[0]
    separator = next((one for one in ";\t" if one in first), ",")
    reader = csv.DictReader(io.StringIO(text.strip()), delimiter=separator)
    named = [str(name).strip().lower() for name in reader.fieldnames or ()]
    if "edge_id" not in named or "site" not in named:
        raise BadTable("The first line names the columns: edge_id and site, and if you like name and tags.")
    if unknown := sorted(set(named) - set(COLUMNS)):
        raise BadTable(f"There is no column {unknown[0]!r}: they are {', '.join(COLUMNS)}.")
    reader.fieldnames = named
    found = [(reader.line_num, _row(reader.line_num, line)) for line in reader]
    if not found:
        raise BadTable("Below the names of the columns stands one line for each edge; there is none.")
    if len(found) > MOST_ROWS:
        raise BadTable(f"At most {MOST_ROWS:,} edges at once; these are {len(found):,}.")
    return found


def _row(line: int, cells: dict[str | None, Any]) -> NewEdge:
    if None in cells:
        raise BadTable(f"Line {line} has more cells than the first line has names.")
    text = {str(name): (cell or "").strip() for name, cell in cells.items()}
    return NewEdge(text["edge_id"], text["site"], text.get("name", ""), text.get("tags", "").split())


def _reached(request: HttpRequest, code: str) -> Organization:
    try:
        reach.organization(person(request), code, "manage_keys")
        return reach.organization(person(request), code, "manage_edges")
    except Refused as refused:
        raise as_page(refused) from refused


def _added(request: HttpRequest, organization: Organization, edges: list[NewEdge]) -> HttpResponseBase:
    who = person(request)
    now = request.now  # type: ignore[attr-defined]
    made = adopting.create_edges(
        organization_id=organization.pk,
        rows=edges,
        actor=Actor(who.username, who.user_id),
        now=now,
        signer=signing.signer(),
    )
    labels = enrolling.labels(request, made, ttl_hours=TTL_HOURS, by=who.username, now=now)
    context = {
        **desk.each_context(request),
        "title": f"Labels of {len(labels)} new edges",
        "organization": organization,
        "labels": [{"label": label, "code": drawn(label.command)} for label in labels],
        "expires_at": labels[0].expires_at,
    }
    page = TemplateResponse(request, "console/labels.html", context)
    page["Cache-Control"] = "no-store"
    return page


def drawn(text: str) -> SafeString:
    """A QR code as a picture in the page: nothing is asked of elsewhere."""
    image = qrcode.make(text, image_factory=qrcode.image.svg.SvgPathImage, box_size=8, border=2)
    return mark_safe(image.to_string(encoding="unicode"))  # noqa: S308 - made of squares alone


desk.pages.append(path("edges/bulk/", desk.admin_view(bulk_page), name="console_bulk"))
