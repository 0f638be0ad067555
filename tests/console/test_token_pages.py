"""Tokens on the desk: made and shown once, never above their maker, ended at once; what its lists cost."""

import re
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from edges import contacts, journals, tenancy
from tests import build
from tests.console.conftest import Caller

NEW = "/admin/tokens/acme/new/"


def browser(user: Any) -> Client:
    client = Client(headers={"Accept": "text/html"})
    client.force_login(user)
    return client


def test_a_token_is_made_shown_once_and_revoked(cast: build.Cast) -> None:
    client = browser(cast.alice)
    made = client.post(NEW, {"name": "reports", "role": "viewer", "days": "10"}).content.decode()
    found = re.search(r"emso_\w+", made)
    assert found
    program = Caller(found[0])
    assert program("GET", "/organizations/acme/sites").status_code == 200
    listed = client.get("/admin/tokens/").content.decode()
    assert ("reports" in listed, "live" in listed, found[0] in listed) == (True, True, False)
    token_id = found[0].split("_")[1]
    assert client.post(f"/admin/tokens/acme/{token_id}/revoke/").status_code == 302
    assert program("GET", "/organizations/acme/sites").status_code == 401
    assert "revoked" in client.get("/admin/tokens/").content.decode()


def test_nobody_makes_a_token_above_their_role_or_without_an_end(cast: build.Cast) -> None:
    eve = build.make_user("eve")
    build.make_membership(eve, cast.acme, "administrator")
    wanted = {"name": "x", "role": "administrator", "days": "10"}
    for wrong in ({"role": "owner"}, {"days": "367"}, {"days": ""}, {"site": str(cast.birch_main.pk)}):
        shown = browser(eve).post(NEW, wanted | wrong).content.decode()
        assert ("emso_" in shown, 'role="alert"' in shown) == (False, True), wrong
    assert browser(cast.bob).get(NEW).status_code == 403
    assert browser(eve).get("/admin/tokens/birch/new/").status_code == 404


def fill(cast: build.Cast, start: int) -> None:
    for number in range(start, start + 5):
        person = build.make_user(f"more-{number}")
        build.make_membership(person, cast.acme, "viewer", cast.north if number % 2 else None)
        build.make_operator_token(person, cast.acme)
        with tenancy.scope([cast.acme.pk]):
            contacts.add(site=cast.north, name=f"c{number}", phone="1", now=build.NOW)
            journals.write(site=cast.north, edge=cast.acme_north, text="x", by="bob", now=build.NOW)


@pytest.mark.parametrize("path", ["people/", "tokens/", "audit/", "sites/{site}/book/"])
def test_more_of_everything_takes_no_more_queries(cast: build.Cast, path: str) -> None:
    """Session, person, memberships and settings of the scope; then one for each kind of row."""
    client = browser(cast.alice)
    counted = []
    for start in (0, 5):
        fill(cast, start)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(f"/admin/{path.format(site=cast.north.pk)}").status_code == 200
        asked = [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]
        counted.append(len(asked))
    assert counted[0] == counted[1] <= 12, counted
