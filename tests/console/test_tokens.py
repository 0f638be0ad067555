"""`/organizations/{org}/tokens`: issued once, never stronger or longer-lived than their maker."""

from collections.abc import Callable
from datetime import datetime, timedelta

from tests import build
from tests.console.conftest import Caller

TOKEN = {"name": "ci", "role": "operator", "ttl_days": 30}


def test_a_token_is_shown_once_and_works(alice: Caller) -> None:
    answer = alice("POST", "/organizations/acme/tokens", TOKEN)
    assert answer.status_code == 201
    made = answer.json()
    assert Caller(made["token"])("GET", "/organizations/acme/sites").status_code == 200
    listed = alice("GET", "/organizations/acme/tokens")
    assert made["token_id"] in {item["token_id"] for item in listed.json()["items"]}
    assert made["token"].encode() not in listed.content


def test_a_revoked_token_is_refused_at_once(alice: Caller) -> None:
    made = alice("POST", "/organizations/acme/tokens", TOKEN).json()
    ended = alice("DELETE", f"/organizations/acme/tokens/{made['token_id']}")
    assert ended.status_code == 200
    assert ended.json()["revoked_at"] is not None
    assert Caller(made["token"])("GET", "/organizations/acme/sites").status_code == 401


def test_nobody_issues_a_token_above_their_role(cast: build.Cast, operator: Callable[..., Caller]) -> None:
    eve = build.make_user("eve")
    build.make_membership(eve, cast.acme, "administrator")
    refused = operator(eve, cast.acme)("POST", "/organizations/acme/tokens", TOKEN | {"role": "owner"})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


def test_a_token_does_not_outlive_the_token_that_made_it(
    cast: build.Cast, operator: Callable[..., Caller]
) -> None:
    short = operator(cast.alice, cast.acme, lifetime=timedelta(days=1))
    made = short("POST", "/organizations/acme/tokens", TOKEN | {"ttl_days": 300}).json()
    assert datetime.fromisoformat(made["expires_at"]) <= build.NOW + timedelta(days=1)


def test_a_token_may_be_bound_to_a_site(alice: Caller) -> None:
    made = alice("POST", "/organizations/acme/tokens", TOKEN | {"site": "north"}).json()
    bound = Caller(made["token"])
    listed = bound("GET", "/organizations/acme/sites").json()
    assert [site["code"] for site in listed["items"]] == ["north"]
    unknown = alice("POST", "/organizations/acme/tokens", TOKEN | {"site": "main"})
    assert unknown.status_code == 404


def test_operators_and_viewers_do_not_see_tokens(bob: Caller) -> None:
    assert bob("GET", "/organizations/acme/tokens").status_code == 403
    assert bob("POST", "/organizations/acme/tokens", TOKEN).status_code == 403


def test_a_foreign_token_is_unknown(alice: Caller, dora: Caller) -> None:
    foreign = dora("POST", "/organizations/birch/tokens", TOKEN).json()["token_id"]
    for token_id in (foreign, "0" * 12):
        assert alice("DELETE", f"/organizations/acme/tokens/{token_id}").status_code == 404
