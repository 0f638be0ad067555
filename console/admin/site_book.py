"""What people keep about a site: whom to call, how to get in, what happened; and the journal of one edge."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import path, reverse

from configs.refusals import ChangeRefused
from configs.timed import windows
from console.admin.edge_pages import found as found_edge
from console.admin.links import edge_address
from console.admin.scoping import as_page
from console.admin.site import desk, person
from console.api import reach
from console.journal import entry_item
from doors.problems import Refused
from edges import contacts, journals
from edges.errors import EdgesError
from edges.models import Contact, Edge, JournalEntry, Site
from edges.roles import Act

A_PAGE = 50
LARGEST_ID = 2**63 - 1


class EntryForm(forms.Form):
    text = forms.CharField(max_length=journals.MOST_TEXT)
    at = forms.DateTimeField(required=False)
    corrects = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID)


class NotesForm(forms.Form):
    text = forms.CharField(max_length=contacts.MOST_NOTES, required=False)


class ContactForm(forms.Form):
    """`contact` empty: a new one."""

    contact = forms.UUIDField(required=False)
    name = forms.CharField(max_length=200)
    role = forms.CharField(max_length=100, required=False)
    phone = forms.CharField(max_length=40, required=False)
    email = forms.EmailField(max_length=254, required=False)


class GoneForm(forms.Form):
    contact = forms.UUIDField()


FORMS: dict[str, type[forms.Form]] = {
    "note": EntryForm,
    "access": NotesForm,
    "contact": ContactForm,
    "remove": GoneForm,
}


def site_page(request: HttpRequest, site_uid: Any) -> HttpResponseBase:
    site = _site(request, site_uid, "edit" if request.method == "POST" else "read")
    refused = ""
    if request.method == "POST":
        refused = _post(request, site, None, FORMS)
        if not refused:
            return HttpResponseRedirect(request.path)
    context = {
        "title": f"{site.name}: contacts and journal",
        "site": site,
        "contacts": Contact.objects.filter(site=site),
        "may_edit": reach.may(person(request), "edit", site.organization_id, site.pk),
        "back": reverse("admin:edges_site_change", args=[site.pk]),
    }
    return _show(request, journals.of_site(site), refused, context)


def edge_page(request: HttpRequest, edge_uid: UUID) -> HttpResponseBase:
    edge = found_edge(request, edge_uid, "edit" if request.method == "POST" else "read")
    refused = ""
    if request.method == "POST":
        refused = _post(request, edge.site, edge, {"note": EntryForm})
        if not refused:
            return HttpResponseRedirect(request.path)
    context = {
        "title": f"{edge.edge_id}: journal",
        "edge": edge,
        "may_edit": reach.may(person(request), "edit", edge.organization_id, edge.site_id),
        "book": reverse("admin:console_site_book", args=[edge.site_id]),
        "back": edge_address(edge.pk),
    }
    return _show(request, journals.of_edge(edge), refused, context)


def _site(request: HttpRequest, pk: Any, act: Act) -> Site:
    """Raises: Http404, PermissionDenied."""
    row = Site.objects.filter(pk=pk).values_list("organization__code", "code").first()
    try:
        organization, code = row or ("", "")
        return reach.site(person(request), organization, code, act)
    except Refused as refused:
        raise as_page(refused) from refused


def _post(request: HttpRequest, site: Site, edge: Edge | None, known: dict[str, type[forms.Form]]) -> str:
    """Do what the form asks; what is wrong, as a sentence, or nothing."""
    act = request.POST.get("act", "note")
    if act not in known:
        return "This page does not know that act. Reload it and try again."
    form = known[act](request.POST)
    if not form.is_valid():
        name, complaints = next(iter(form.errors.items()))
        return f"{name}: {complaints[0]}"
    try:
        _do(request, site, edge, act, form.cleaned_data)
    except EdgesError as refused:
        return str(refused)
    except ChangeRefused as skipped:
        return skipped.errors[0].detail
    messages.success(request, "Kept.")
    return ""


def _do(request: HttpRequest, site: Site, edge: Edge | None, act: str, given: dict[str, Any]) -> None:
    """`at` is by the clocks of the site.

    Errors: EdgesError, ChangeRefused for a time that the clocks skip. Raises: Http404 for a contact or a
    note of elsewhere.
    """
    now = request.now  # type: ignore[attr-defined]
    if act == "note":
        corrects = given["corrects"] and _of(JournalEntry.objects.filter(site=site), given["corrects"])
        journals.write(
            site=site,
            edge=corrects.edge if corrects and edge is None else edge,
            text=given["text"],
            at=given["at"] and windows.instant(given["at"].replace(tzinfo=None), site.time_zone),
            corrects=corrects or None,
            by=person(request).username,
            now=now,
        )
    elif act == "access":
        contacts.note_access(site=site, text=given["text"])
    elif act == "remove":
        contacts.remove(contact=_of(Contact.objects.filter(site=site), given["contact"]))
    else:
        values = {name: given[name] for name in ("name", "role", "phone", "email")}
        if given["contact"]:
            contacts.change(contact=_of(Contact.objects.filter(site=site), given["contact"]), **values)
        else:
            contacts.add(site=site, now=now, **values)


def _of(rows: QuerySet[Any], pk: Any) -> Any:
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def _show(
    request: HttpRequest, rows: QuerySet[JournalEntry], refused: str, context: dict[str, Any]
) -> HttpResponseBase:
    shown = Paginator(rows.order_by("-at", "-id"), A_PAGE).get_page(request.GET.get("page"))
    shared = {
        **desk.each_context(request),
        "entries": [entry_item(entry) for entry in shown],
        "shown": shown,
        "refused": refused,
        "typed": request.POST if refused else {},
        **context,
    }
    return TemplateResponse(request, "console/site_book.html", shared, status=422 if refused else 200)


desk.pages += [
    path("sites/<uuid:site_uid>/book/", desk.admin_view(site_page), name="console_site_book"),
    path("edges/edge/<uuid:edge_uid>/journal/", desk.admin_view(edge_page), name="console_edge_journal"),
]
