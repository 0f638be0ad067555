"""What people keep about a site: contacts, access notes and the journal; of an edge, its journal."""

from typing import Any

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from console.api import answers, reach, shapes
from console.api.calls import Call, etag_of, tagged
from console.api.documented import PAGED, documented
from console.journal import entry_item
from doors import conditional, pagination
from edges import contacts, journals
from edges.errors import ValueRefusedError
from edges.models import Contact, Edge, JournalEntry, Site

JOURNAL = answers.page_of(answers.JournalAnswer, "JournalEntries")


def contact_item(contact: Contact) -> dict[str, Any]:
    return {"id": contact.pk} | {name: getattr(contact, name) for name in ("name", "role", "phone", "email")}


def notes_item(site: Site) -> dict[str, Any]:
    return {"text": site.access_notes}


class Contacts(Call):
    @documented(
        "List the contacts of a site",
        query=PAGED,
        answers={200: answers.page_of(answers.ContactAnswer, "Contacts")},
    )
    def get(self, request: Request, org: str, site: str) -> Response:
        query = self.query(request)
        found = reach.site(self.principal, org, site, "read")
        rows = Contact.objects.filter(site=found)
        return Response(pagination.page(rows, query, order=("name", "id"), item=contact_item))

    @documented("Add a contact to a site", body=shapes.NewContact, answers={201: answers.ContactAnswer})
    def post(self, request: Request, org: str, site: str) -> HttpResponseBase:
        self.query(request)
        found = reach.site(self.principal, org, site, "edit")
        body = self.body(shapes.NewContact)
        return self.once(
            lambda: Response(contact_item(contacts.add(site=found, now=self.now, **body)), status=201)
        )


class OneContact(Call):
    @documented("Change a contact of a site", body=shapes.ContactChange, answers={200: answers.ContactAnswer})
    def patch(self, request: Request, org: str, site: str, contact: Any) -> HttpResponseBase:
        self.query(request)
        row = self._found(org, site, contact)
        body = self.body(shapes.ContactChange)
        return self.once(lambda: Response(contact_item(contacts.change(contact=row, **body))))

    @documented("Remove a contact of a site", answers={204: None})
    def delete(self, request: Request, org: str, site: str, contact: Any) -> HttpResponseBase:
        self.query(request)
        row = self._found(org, site, contact)
        return self.once(lambda: self._remove(row))

    def _found(self, org: str, site: str, pk: Any) -> Contact:
        found = reach.site(self.principal, org, site, "edit")
        row: Contact = Contact.objects.filter(site=found, pk=pk).first() or reach.missing()
        return row

    def _remove(self, row: Contact) -> Response:
        contacts.remove(contact=row)
        return Response(None, status=204)


class AccessNotes(Call):
    @documented("Read how somebody gets to a site", answers={200: answers.AccessNotesAnswer})
    def get(self, request: Request, org: str, site: str) -> Response:
        self.query(request)
        return tagged(notes_item(reach.site(self.principal, org, site, "read")))

    @documented(
        "Say how somebody gets to a site",
        body=shapes.AccessNotes,
        answers={200: answers.AccessNotesAnswer},
        matched=True,
    )
    def put(self, request: Request, org: str, site: str) -> HttpResponseBase:
        self.query(request)
        found = reach.site(self.principal, org, site, "edit")
        text = self.body(shapes.AccessNotes)["text"]
        return self.once(lambda: self._note(found, text))

    def _note(self, site: Site, text: str) -> Response:
        site = Site.objects.select_for_update(no_key=True).get(pk=site.pk)
        conditional.require_match(self.request.headers.get("If-Match"), etag_of(notes_item(site)))
        return tagged(notes_item(contacts.note_access(site=site, text=text)))


class Journal(Call):
    """What the two journals share."""

    def _page(self, rows: Any, query: dict[str, str]) -> Response:
        return Response(pagination.page(rows, query, order=("-at", "-id"), item=entry_item))

    def _write(self, site: Site, edge: Edge | None, body: dict[str, Any]) -> Response:
        corrects = None
        if "corrects" in body:
            corrects = JournalEntry.objects.filter(site=site, pk=body["corrects"]).first()
            if corrects is None:
                raise ValueRefusedError("corrects", "There is no such note in this journal.")
        made = journals.write(
            site=site,
            edge=edge,
            text=body["text"],
            at=body.get("at"),
            corrects=corrects,
            by=self.principal.username,
            now=self.now,
        )
        return Response(entry_item(made), status=201)


class SiteJournal(Journal):
    @documented(
        "List the journal of a site and its edges",
        query=PAGED,
        answers={200: JOURNAL},
    )
    def get(self, request: Request, org: str, site: str) -> Response:
        query = self.query(request)
        return self._page(journals.of_site(reach.site(self.principal, org, site, "read")), query)

    @documented("Note something about a site", body=shapes.NewEntry, answers={201: answers.JournalAnswer})
    def post(self, request: Request, org: str, site: str) -> HttpResponseBase:
        self.query(request)
        found = reach.site(self.principal, org, site, "edit")
        body = self.body(shapes.NewEntry)
        return self.once(lambda: self._write(found, None, body))


class EdgeJournal(Journal):
    @documented(
        "List the journal of an edge and of its site as a whole",
        query=PAGED,
        answers={200: JOURNAL},
    )
    def get(self, request: Request, edge_id: str) -> Response:
        query = self.query(request)
        return self._page(journals.of_edge(reach.edge(self.principal, edge_id, "read")), query)

    @documented("Note something about an edge", body=shapes.NewEntry, answers={201: answers.JournalAnswer})
    def post(self, request: Request, edge_id: str) -> HttpResponseBase:
        self.query(request)
        edge = reach.edge(self.principal, edge_id, "edit")
        body = self.body(shapes.NewEntry)
        return self.once(lambda: self._write(edge.site, edge, body))
