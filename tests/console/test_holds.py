"""Holds: who owns them and until when; another review date, by both doors; the list, overdue first."""

from datetime import UTC, datetime, timedelta

import pytest

from configs import holding, jobs
from configs.changes import Actor
from configs.models import Hold
from edges import tenancy
from edges.models import AuditEntry, Edge
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text

HOLDS = "/admin/holds/"
DAY = timedelta(days=1)


def hold(edge: Edge, owner: str, review_in: timedelta | None) -> None:
    """Held ten days ago."""
    now = datetime.now(UTC)
    with tenancy.scope([edge.organization_id]):
        holding.hold(
            edge=edge, reason=f"{owner} looks", actor=Actor(owner), now=now - 10 * DAY,
            until=None if review_in is None else now + review_in,
        )  # fmt: skip


def review_of(edge: Edge) -> datetime | None:
    with tenancy.scope([edge.organization_id]):
        return Hold.objects.get(edge=edge, released_at=None).review_at


def test_a_review_date_is_set_anew_and_nothing_is_released(published: build.Cast, alice: Caller) -> None:
    edge = published.acme_north
    address, until = f"/edges/{edge.edge_id}/hold/review", datetime.now(UTC) + 7 * DAY
    body = {"until": until.isoformat(), "reason": "parts come on Monday"}
    refused = alice("POST", address, body)
    assert (refused.status_code, "is not held" in refused.json()["detail"]) == (409, True)
    hold(edge, "bob", -DAY)
    answer = alice("POST", address, body)
    assert (answer.status_code, answer.json()["by"]) == (200, "bob")
    assert review_of(edge) == until
    past = alice("POST", address, body | {"until": (until - 30 * DAY).isoformat()})
    assert (past.status_code, "Set a review date that is ahead" in past.json()["detail"]) == (409, True)
    with tenancy.scope([published.acme.pk]):
        (noted,) = AuditEntry.objects.filter(what="hold_review_set")
        assert jobs.find(datetime.now(UTC), besides=(), kinds=["alerts"]) is not None
    assert (noted.by, noted.about) == ("alice", edge.edge_id)
    assert noted.detail.endswith(f"to {until:%Y-%m-%d}: parts come on Monday")


def test_the_edge_page_shows_owner_and_review_and_a_new_date_is_given_there(published: build.Cast) -> None:
    edge, client = published.acme_north, signed_in(published.alice)
    hold(edge, "bob", -DAY)
    page = text(client.get(f"/admin/edges/edge/{edge.pk}/change/"))
    assert "Held by its owner bob" in page
    assert f"overdue for review since {datetime.now(UTC) - DAY:%Y-%m-%d}" in page
    act = f"/admin/edges/edge/{edge.pk}/act/review/"
    assert act in page
    assert "This field is required" in text(client.post(act, {"reason": "later"}))
    gone = client.post(act, {"reason": "later", "review_on": "2020-01-01"})
    assert (gone.status_code, "Set a review date that is ahead" in text(gone)) == (422, True)
    day = (datetime.now(UTC) + 7 * DAY).date()
    assert client.post(act, {"reason": "later", "review_on": f"{day}"}).status_code == 302
    assert f"review on {day}" in text(client.get(f"/admin/edges/edge/{edge.pk}/change/"))


def test_holds_are_listed_overdue_first_with_owner_since_and_date(published: build.Cast) -> None:
    client = signed_in(published.alice)
    assert "No edge is held" in text(client.get(HOLDS))
    hold(published.acme_north, "bob", DAY)
    hold(published.acme_south, "carol", -DAY)
    page = text(client.get(HOLDS))
    assert page.index("acme-south-1") < page.index("acme-north-1")
    now = datetime.now(UTC)
    days = (f"overdue for review since {now - DAY:%Y-%m-%d}", f"review on {now + DAY:%Y-%m-%d}")
    for said in (*days, f"{now - 10 * DAY:%Y-%m-%d %H:}", "carol looks", "/act/review/", "/act/release/"):
        assert said in page
    assert "acme-north-1" not in text(client.get(f"{HOLDS}?only=overdue"))
    assert "acme-south-1" not in text(client.get(f"{HOLDS}?owner=BOB"))
    assert "No hold matches" in text(client.get(f"{HOLDS}?organization=birch"))


@pytest.mark.parametrize(("role", "sees", "acts"), [("viewer", True, False), ("administrator", True, True)])
def test_a_person_of_a_site_sees_its_holds_alone(
    published: build.Cast, role: str, sees: bool, acts: bool
) -> None:
    hold(published.acme_north, "bob", DAY)
    hold(published.acme_south, "bob", DAY)
    user = build.make_user("nils")
    build.make_membership(user, published.acme, role, site=published.north)
    page = text(signed_in(user).get(HOLDS))
    assert ("acme-north-1" in page, "acme-south-1" in page, "/act/review/" in page) == (sees, False, acts)
