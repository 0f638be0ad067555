"""Contacts, access notes and the journal: kept with their history, corrected and never changed."""

from typing import Any

import pytest
from django.db import transaction
from django.db.utils import IntegrityError
from django.test import Client

from console import journal
from edges import tenancy
from edges.models import Contact, JournalEntry, Site
from tests import build
from tests.console.conftest import Caller

SITE = "/organizations/acme/sites/north"
CONTACT = {"name": "Jo Pike", "role": "caretaker", "phone": "+43 1 234"}


def browser(user: Any) -> Client:
    client = Client(headers={"Accept": "text/html"})
    client.force_login(user)
    return client


def test_contacts_come_change_and_go_and_their_history_stays(alice: Caller, cast: build.Cast) -> None:
    made = alice("POST", f"{SITE}/contacts", CONTACT)
    assert (made.status_code, made.json()["phone"]) == (201, "+43 1 234")
    path = f"{SITE}/contacts/{made.json()['id']}"
    assert alice("PATCH", path, {"phone": "+43 1 999"}).json()["phone"] == "+43 1 999"
    assert alice("DELETE", path).status_code == 204
    assert alice("GET", f"{SITE}/contacts").json()["items"] == []
    with tenancy.scope([cast.acme.pk]):
        kept = Contact.history.order_by("history_id").values_list(
            "history_type", "phone", "history_user__username"
        )
        assert list(kept) == [
            ("+", "+43 1 234", "alice"),
            ("~", "+43 1 999", "alice"),
            ("-", "+43 1 999", "alice"),
        ]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"phone": ""}, "/phone"), ({"email": "no address"}, "/email"), ({"name": " "}, "/name")],
)
def test_a_contact_that_nobody_can_reach_is_refused(alice: Caller, wrong: dict[str, str], field: str) -> None:
    refused = alice("POST", f"{SITE}/contacts", CONTACT | wrong)
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, field)


def test_of_two_who_change_the_access_notes_one_is_stale(alice: Caller, cast: build.Cast) -> None:
    read = alice("GET", f"{SITE}/access-notes")
    first = alice("PUT", f"{SITE}/access-notes", {"text": "Key at the bakery"}, If_Match=read["ETag"])
    second = alice("PUT", f"{SITE}/access-notes", {"text": "No key"}, If_Match=read["ETag"])
    assert (first.status_code, second.status_code) == (200, 412)
    with tenancy.scope([cast.acme.pk]):
        assert Site.history.filter(code="north").latest().access_notes == "Key at the bakery"


def test_a_note_is_corrected_once_and_never_changed(alice: Caller, cast: build.Cast) -> None:
    path = "/edges/acme-north-1/journal"
    first = alice("POST", path, {"text": "Inverter swapped", "at": "2026-01-02T03:04:05Z"}).json()
    correction = alice("POST", path, {"text": "Fan swapped", "corrects": first["id"]})
    assert (correction.status_code, correction.json()["at"]) == (201, "2026-01-02T03:04:05Z")
    again = alice("POST", path, {"text": "Fuse swapped", "corrects": first["id"]})
    assert (again.status_code, again.json()["code"]) == (409, "taken")
    elsewhere = alice("POST", "/edges/acme-south-1/journal", {"text": "x", "corrects": first["id"]})
    assert elsewhere.status_code == 422
    ahead = alice("POST", path, {"text": "x", "at": "2999-01-01T00:00:00Z"})
    assert (ahead.status_code, "cannot lie ahead" in ahead.json()["detail"]) == (422, True)
    with tenancy.scope([cast.acme.pk]):
        for act in (lambda rows: rows.update(text="x"), lambda rows: rows.delete()):
            with pytest.raises(IntegrityError, match="only ever added to"), transaction.atomic():
                act(JournalEntry.objects.filter(corrects=first["id"]))
        told = [(one["text"], one["corrected_by"] is None) for one in journal.timeline(cast.acme_north, 5)]
    assert told == [("Fan swapped", True), ("Inverter swapped", False)]


def test_the_edges_journal_tells_of_its_site_too(alice: Caller) -> None:
    alice("POST", f"{SITE}/journal", {"text": "Road closed"})
    alice("POST", "/edges/acme-north-1/journal", {"text": "Restarted"})
    of_edge = [one["text"] for one in alice("GET", "/edges/acme-north-1/journal").json()["items"]]
    assert sorted(of_edge) == ["Restarted", "Road closed"]
    assert alice("GET", "/edges/acme-south-1/journal").json()["items"] == []
    of_site = alice("GET", f"{SITE}/journal").json()["items"]
    assert sorted(str(one["edge"]) for one in of_site) == ["None", "acme-north-1"]


def test_the_pages_keep_what_is_typed_and_lose_nothing(cast: build.Cast) -> None:
    book = f"/admin/sites/{cast.north.pk}/book/"
    notes = f"/admin/edges/edge/{cast.acme_north.pk}/journal/"
    client = browser(cast.alice)
    assert client.post(book, {"act": "contact", **CONTACT}).status_code == 302
    assert client.post(book, {"act": "access", "text": "Ring twice"}).status_code == 302
    assert client.post(notes, {"act": "note", "text": "Dust removed"}).status_code == 302
    shown = client.get(book).content.decode()
    for wanted in ("Jo Pike", "Ring twice", "Dust removed", "acme-north-1"):
        assert wanted in shown
    refused = client.post(notes, {"act": "note", "text": "Typed at night", "at": "2999-01-01T00:00"})
    assert (refused.status_code, "Typed at night" in refused.content.decode()) == (422, True)
    viewer = browser(cast.bob)
    assert "Note it" not in viewer.get(book).content.decode()
    assert viewer.post(book, {"act": "access", "text": "x"}).status_code == 403
