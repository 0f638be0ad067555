"""Who may ask: the order of the checks, and that strangers learn nothing."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from edges import tenancy
from edges.models import EdgeKey, Organization, Site
from tests import build
from tests.sync_api.conftest import Asker, make_asker, make_head

pytestmark = pytest.mark.django_db


def problem(response: Any) -> tuple[int, str]:
    assert response["Content-Type"] == "application/problem+json"
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:ems:problem:{body['code']}"
    assert body["instance"] == response["X-Request-ID"]
    return response.status_code, body["code"]


def test_both_credential_fields_are_understood(asker: Asker) -> None:
    make_head(asker.edge)
    tag = {"If-None-Match": "*"}
    for field in (
        {"Authorization": f"Bearer {asker.text}"},
        {"Authorization": f"bEARER   {asker.text} "},
        {"X-API-Key": asker.text},
    ):
        answer = asker.client.get(asker.path("config"), headers={**field, **tag})
        assert answer.status_code == 304, field


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "KEY"},
        {"Authorization": "Basic KEY"},
        {"Authorization": "Bearer KEY", "X-API-Key": ""},
        {"Authorization": "", "X-API-Key": "KEY"},
        {"Authorization": "Bearer KEY", "X-API-Key": "KEY"},
        {"Authorization": "Bearer KEY,Bearer KEY"},  # how a repeated field arrives
        {"Authorization": "Bearer KEY,"},
        {"X-API-Key": "KEY,KEY"},
        {"Authorization": "Bearer KEYx"},
        {"Authorization": "Bearer emse_AAAAAAAAAAAA_" + "0" * 49},
        {"X-API-Key": "é"},
    ],
)
def test_anything_but_one_good_credential_is_refused(asker: Asker, fields: dict[str, str]) -> None:
    sent = {name: value.replace("KEY", asker.text) for name, value in fields.items()}
    answer = asker.client.get(asker.path("config"), headers=sent)
    assert problem(answer) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_key_in_the_address_or_a_cookie_is_no_credential(asker: Asker) -> None:
    asker.client.cookies["key"] = asker.text
    answer = asker.client.get(asker.path("config"), {"key": asker.text, "api_key": asker.text})
    assert problem(answer) == (401, "unauthenticated")


@pytest.mark.parametrize(
    "values",
    [
        {"revoked_at": build.NOW},
        {"expires_at": build.NOW},
        {"mac": bytes(32)},
        {"pepper": 99},
    ],
)
def test_a_key_that_holds_no_longer_is_refused(
    client: Client, cast: build.Cast, values: dict[str, Any]
) -> None:
    asker = make_asker(client, cast.acme_north, **values)
    assert problem(asker.get("config")) == (401, "unauthenticated")


def test_a_key_that_ends_later_still_opens(client: Client, cast: build.Cast) -> None:
    asker = make_asker(client, cast.acme_north, expires_at=build.NOW + timedelta(hours=1))
    make_head(asker.edge)
    assert asker.get("config", **{"If-None-Match": "*"}).status_code == 304


@pytest.mark.parametrize("what", ["organization", "site", "edge"])
def test_a_good_key_of_something_inactive_is_told_so(asker: Asker, cast: build.Cast, what: str) -> None:
    with tenancy.scope([cast.acme.pk]):
        if what == "organization":
            Organization.objects.filter(pk=cast.acme.pk).update(is_active=False)
        elif what == "site":
            Site.objects.filter(pk=cast.north.pk).update(is_active=False)
        else:
            type(cast.acme_north).objects.filter(pk=cast.acme_north.pk).update(stage="retired")
    assert problem(asker.get("config")) == (403, "suspended")


def test_a_foreign_and_an_unknown_edge_get_the_same_answer(asker: Asker, cast: build.Cast) -> None:
    make_head(cast.birch_edge)
    answers = []
    for edge_id in ("birch-main-1", "acme-south-1", "no-such-edge", "..", "%00"):
        answer = asker.client.get(
            f"/api/v1/edges/{edge_id}/config",
            headers=asker.headers(**{"If-None-Match": "*", "X-Request-ID": "same"}),
        )
        assert problem(answer) == (403, "wrong_edge")
        answers.append((answer.content, sorted(answer.headers.items())))
    assert all(answer == answers[0] for answer in answers)


def test_authentication_comes_before_preconditions(asker: Asker) -> None:
    make_head(asker.edge)
    answer = asker.client.get(asker.path("config"), headers={"If-None-Match": "*"})
    assert problem(answer) == (401, "unauthenticated")


def test_an_operator_token_opens_no_edge_call(asker: Asker, cast: build.Cast) -> None:
    _, token = build.make_operator_token(cast.alice, cast.acme)
    for call in ("config", "config/delta?since=1"):
        answer = asker.client.get(asker.path(call), headers={"Authorization": f"Bearer {token}"})
        assert problem(answer) == (401, "unauthenticated")


def test_a_session_opens_no_edge_call(asker: Asker, cast: build.Cast) -> None:
    asker.client.force_login(cast.alice)
    assert problem(asker.client.get(asker.path("config"))) == (401, "unauthenticated")


def test_a_misshapen_key_costs_no_read_of_keys(asker: Asker, django_assert_num_queries: Any) -> None:
    # 1 the failed attempt, counted against the address
    with django_assert_num_queries(1):
        asker.client.get(asker.path("config"), headers={"X-API-Key": "emse_nonsense"})


def test_failed_attempts_from_one_address_are_limited(settings: Any, asker: Asker) -> None:
    settings.EMS_LIMITS = {"failed": [5, 0.01, 1, 0]}
    make_head(asker.edge)
    wrong = {"X-API-Key": "emse_nonsense"}
    codes = [asker.client.get(asker.path("config"), headers=wrong).status_code for _ in range(7)]
    assert codes == [401] * 5 + [429] * 2
    # A good key from the same address is not affected: sites share one address.
    assert asker.get("config", **{"If-None-Match": "*"}).status_code == 304


def test_a_limited_attempt_costs_no_query(
    settings: Any, asker: Asker, django_assert_num_queries: Any
) -> None:
    settings.EMS_LIMITS = {"failed": [1, 0.01, 1, 0]}
    wrong = {"X-API-Key": "emse_nonsense"}
    for _ in range(2):
        asker.client.get(asker.path("config"), headers=wrong)
    with django_assert_num_queries(0):
        answer = asker.client.get(asker.path("config"), headers=wrong)
    assert problem(answer) == (429, "rate_limited")
    assert int(answer["Retry-After"]) > 0


@pytest.mark.parametrize("limited", ["edge_key", "organization"])
def test_a_key_and_an_organization_have_limits(settings: Any, asker: Asker, limited: str) -> None:
    settings.EMS_LIMITS = {limited: [3, 0.01, 2, 5]}
    make_head(asker.edge)
    tag = {"If-None-Match": "*"}
    codes = [asker.get("config", **tag).status_code for _ in range(5)]
    assert codes == [304, 304, 429, 429, 429]  # what a lease might outlive is kept back: never above 3
    other = make_asker(asker.client, asker.edge)
    assert other.get("config", **tag).status_code == (304 if limited == "edge_key" else 429)


def test_the_use_of_a_key_is_noted_once_a_minute(client: Client, cast: build.Cast) -> None:
    before = build.NOW - timedelta(minutes=5)
    asker = make_asker(client, cast.acme_north, last_used_at=before)
    make_head(asker.edge)
    asker.get("config", **{"If-None-Match": "*"})
    with tenancy.scope([cast.acme.pk]):
        assert EdgeKey.objects.get(pk=asker.key.pk).last_used_at > before
