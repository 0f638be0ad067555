"""Moments on the pages: by the clock of the site or the organization, with UTC on hover."""

import re
from datetime import UTC, datetime

import pytest

from console.admin import clocks
from edges import tenancy
from edges.models import JournalEntry, Organization, Site
from tests import build
from tests.console.test_desk import page, signed_in, text

NIGHT = datetime(2026, 11, 28, 23, 16, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "year", "told", "named"),
    [
        ("Europe/Berlin", 2026, "00:16:02 Sun 29 Nov", "local, Europe/Berlin"),
        ("Asia/Kathmandu", 2027, "05:01:02 Sun 29 Nov 2026", "local, Asia/Kathmandu"),
        ("UTC", 2026, "23:16:02 Sat 28 Nov", "UTC"),
        ("Nowhere/At all", 2026, "23:16:02 Sat 28 Nov", "UTC"),
    ],
)
def test_a_moment_is_told_by_the_clock_of_the_place(zone: str, year: int, told: str, named: str) -> None:
    assert clocks.told(NIGHT, zone, datetime(year, 11, 29, tzinfo=UTC)) == told
    assert clocks.named(zone) == named


def test_an_edges_page_has_the_time_of_its_site_and_history_that_of_the_organization(
    published: build.Cast,
) -> None:
    with tenancy.scope([published.acme.pk]):
        Site.objects.filter(pk=published.north.pk).update(time_zone="Asia/Kathmandu")
        Organization.objects.update(time_zone="Europe/Berlin")
    alice = signed_in(published.alice)
    of_edge = text(page(alice, "edges_edge_change", published.acme_north.pk))
    assert "Published (local, Asia/Kathmandu)" in of_edge
    shown = re.findall(
        r'<time datetime="\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)Z" title="[\d-]+ (\S+) UTC">(\S+)', of_edge
    )
    assert shown
    for wire, hover, local in shown:
        assert (wire == hover, local[-2:]) == (True, wire[-2:])
        assert (int(local[:2]) * 60 + int(local[3:5]) - int(wire[:2]) * 60 - int(wire[3:5])) % 1440 == 345
    assert "When (local, Europe/Berlin)" in text(page(alice, "console_history"))


def test_a_note_is_typed_by_the_clocks_of_its_site(cast: build.Cast) -> None:
    with tenancy.scope([cast.acme.pk]):
        Site.objects.filter(pk=cast.north.pk).update(time_zone="Europe/Berlin")
    book, client = f"/admin/sites/{cast.north.pk}/book/", signed_in(cast.alice)
    skipped = client.post(book, {"act": "note", "text": "Dust", "at": "2026-03-29T02:30"})
    assert (skipped.status_code, "02:30 does not exist on 2026-03-29" in text(skipped)) == (422, True)
    assert client.post(book, {"act": "note", "text": "Dust", "at": "2026-03-29T03:30"}).status_code == 302
    with tenancy.scope([cast.acme.pk]):
        assert JournalEntry.objects.get().at == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
