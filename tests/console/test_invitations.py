"""Invitations and the people page: from the link to the first page, and everything that must not work."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.test import Client

from edges import inviting, people, tenancy
from edges.models import Invitation, Membership, OperatorToken
from tests import build
from tests.console.conftest import Caller

PASSWORD = "a long enough phrase"
JOIN = "/admin/join/"


def browser(user: Any = None) -> Client:
    client = Client(headers={"Accept": "text/html"})
    if user is not None:
        client.force_login(user)
    return client


def invited(alice: Caller, **wanted: Any) -> tuple[dict[str, Any], str]:
    body = {"email": "erin@example.com", "role": "operator", **wanted}
    answer = alice("POST", "/organizations/acme/invitations", body)
    assert answer.status_code == 201, answer.content
    return answer.json(), answer.json()["link"].partition("#")[2]


def take(client: Client, code: str, **typed: str) -> Any:
    form = {"username": "erin", "password": PASSWORD, "again": PASSWORD, **typed}
    return client.post(JOIN, {"step": "take", "code": code, **form})


def test_an_invitation_becomes_a_person_with_a_role(alice: Caller, cast: build.Cast) -> None:
    told, code = invited(alice, site="north")
    assert (told["state"], told["mailed"]) == ("open", False)
    client = browser()
    shown = client.post(JOIN, {"step": "look", "code": code}).content.decode()
    assert "alice invites erin@example.com to Acme, site North, as operator" in shown
    assert take(client, code)["Location"] == "/admin/"
    assert client.get("/admin/fleet/").status_code == 200
    with tenancy.scope([cast.acme.pk]):
        held = Membership.objects.get(user__username="erin")
        assert (held.role, held.site_id) == ("operator", cast.north.pk)
    listed = alice("GET", "/organizations/acme/invitations").json()["items"]
    assert [(one["state"], one["accepted_by"]) for one in listed] == [("accepted", "erin")]
    assert code.encode() not in alice("GET", "/organizations/acme/invitations").content
    again = take(browser(), code, username="frank")
    assert (again.status_code, get_user_model().objects.filter(username="frank").exists()) == (422, False)


def test_a_person_with_an_account_joins_and_is_never_made_weaker(alice: Caller, cast: build.Cast) -> None:
    for user, role, after in ((cast.charlie, "operator", "operator"), (cast.alice, "viewer", "owner")):
        _, code = invited(alice, role=role)
        assert browser(user).post(JOIN, {"step": "take", "code": code}).status_code == 302
        with tenancy.scope([cast.acme.pk]):
            assert Membership.objects.get(user=user).role == after


@pytest.mark.parametrize("why", ["revoked", "expired", "another secret", "the inviter left"])
def test_an_invitation_that_does_not_hold_is_one_sentence(alice: Caller, cast: build.Cast, why: str) -> None:
    told, code = invited(alice)
    with tenancy.scope([cast.acme.pk]):
        if why == "revoked":
            assert alice("DELETE", f"/organizations/acme/invitations/{told['id']}").status_code == 200
        elif why == "expired":
            Invitation.objects.update(expires_at=build.NOW - timedelta(seconds=1))
        elif why == "another secret":
            Invitation.objects.update(mac=b"x" * 32)
        else:
            people.grant(user=cast.bob, organization_id=cast.acme.pk, role="owner")
            people.withdraw(membership=Membership.objects.get(user=cast.alice), now=build.NOW)
    answer = take(browser(), code)
    assert (answer.status_code, inviting.INVALID in answer.content.decode()) == (422, True)
    assert not get_user_model().objects.filter(username="erin").exists()


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"password": "short", "again": "short"}, "too short"),
        ({"password": "password1234", "again": "password1234"}, "too common"),
        ({"again": "something else"}, "The two passwords differ."),
        ({"username": "Alice"}, "Somebody signs in by this name already"),
        ({"username": "no spaces, please"}, "Enter a valid username"),
    ],
)
def test_what_is_wrong_is_said_and_the_invitation_still_holds(
    alice: Caller, typed: dict[str, str], said: str
) -> None:
    _, code = invited(alice)
    assert said in take(browser(), code, **typed).content.decode()
    assert take(browser(), code).status_code == 302


def test_guessed_codes_are_limited(alice: Caller, settings: Any) -> None:
    _, code = invited(alice)
    settings.EMS_LIMITS = {"failed": [2, 0.001, 1, 0]}
    said = [
        browser().post(JOIN, {"step": "look", "code": one}, REMOTE_ADDR="203.0.113.77").content.decode()
        for one in ("x", "x", code)
    ]
    assert ["Too many attempts" in one for one in said] == [False, False, True]


def test_it_is_mailed_where_mail_is_set_up(alice: Caller, settings: Any) -> None:
    settings.EMAIL_IS_SET = True
    told, code = invited(alice)
    assert told["mailed"] is True
    assert (mail.outbox[0].to, code in mail.outbox[0].body) == (["erin@example.com"], True)


def test_roles_change_and_end_by_rest_within_the_rules(alice: Caller, bob: Caller, cast: build.Cast) -> None:
    listed = alice("GET", "/organizations/acme/memberships").json()["items"]
    ids = {one["username"]: one["id"] for one in listed}
    assert [one["second_factor"] for one in listed] == [False, False]
    path = "/organizations/acme/memberships"
    assert alice("PATCH", f"{path}/{ids['bob']}", {"role": "approver"}).json()["role"] == "approver"
    for method, body in (("PATCH", {"role": "viewer"}), ("DELETE", None)):
        own = alice(method, f"{path}/{ids['alice']}", body)
        assert (own.status_code, own.json()["code"]) == (409, "own_membership")
    window = browser(cast.bob)
    assert alice("DELETE", f"{path}/{ids['bob']}").status_code == 204
    assert bob("GET", path).status_code == 401
    assert window.get("/admin/")["Location"].startswith("/admin/login/")
    with tenancy.scope([cast.acme.pk]):
        assert OperatorToken.objects.get(user=cast.bob).revoked_at is not None
        people.grant(user=cast.bob, organization_id=cast.acme.pk, role="viewer")
    assert bob("GET", path).status_code == 401


def test_the_page_shows_people_and_lets_owners_act(alice: Caller, cast: build.Cast) -> None:
    invited(alice)
    shown = browser(cast.alice).get("/admin/people/").content.decode()
    for wanted in ("bob", "erin@example.com", "Invite somebody", "Remove bob", "second factor by choice"):
        assert wanted in shown
    read = browser(cast.bob).get("/admin/people/").content.decode()
    assert "erin@example.com" not in read
    assert "Remove" not in read
    made = browser(cast.alice).post(
        "/admin/people/acme/invite/", {"email": "gus@example.com", "role": "viewer", "days": "7"}
    )
    assert (made.status_code, "/admin/join/#emsi_" in made.content.decode()) == (200, True)
    assert browser(cast.alice).post("/admin/people/acme/second-factor/").status_code == 302
    assert browser(cast.alice).get("/admin/people/")["Location"] == "/admin/second-factor/"
