"""Tokens on the desk: made and shown once, never above their maker, ended at once."""

import re
from typing import Any

from django.test import Client

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
