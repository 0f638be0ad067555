"""Signing in with a second factor, setting one up, and organizations that ask for it."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.db import connection
from django.test import Client

from edges import second_factor, tenancy
from edges.models import AuditEntry, Organization
from tests import build

PASSWORD = "correct horse battery"
ENROL, LOGIN, CODE = "/admin/second-factor/", "/admin/login/", "/admin/login/code/"


def code_of(secret: str, step: int = 0) -> str:
    """What an authenticator app shows, `step` half minutes from now."""
    return format_hotp_value(hotp_value(secret, int(datetime.now(UTC).timestamp()) // 30 + step))


@pytest.fixture
def alice(cast: build.Cast, settings: Any) -> Any:
    settings.EMS_LIMITS = {"failed": [1000, 1000, 1, 0], "second_factor": [1000, 1000, 1, 0]}
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # quick
    cast.alice.set_password(PASSWORD)
    cast.alice.save()
    return cast.alice


def browser() -> Client:
    return Client(headers={"Accept": "text/html"})


def signed_in(user: Any) -> Client:
    client = browser()
    client.force_login(user)
    return client


def page(answer: Any) -> str:
    return str(answer.content.decode())


def set_up(client: Client) -> tuple[str, list[str]]:
    """(the app's secret, the recovery codes)."""
    found = re.search(r'ems-code">([A-Z2-7]{32})<', page(client.get(ENROL)))
    assert found
    answer = client.post(ENROL, {"act": "enrol", "code": code_of(found[1], -1)})
    assert answer.status_code == 200, page(answer)
    return found[1], re.findall(r"\b\d{8}\b", page(answer))


def password_step(client: Client, follow: bool = False) -> Any:
    return client.post(
        f"{LOGIN}?next=/admin/fleet/", {"username": "alice", "password": PASSWORD}, follow=follow
    )


def test_the_password_alone_is_half_of_it(alice: Any) -> None:
    secret, _ = set_up(signed_in(alice))
    client = browser()
    assert password_step(client)["Location"] == CODE
    assert client.get("/admin/")["Location"].startswith(LOGIN)
    assert client.get("/api/v1/organizations").status_code == 401
    for wrong in ("000000", "ünïcode", "１２３４５６", "-1"):
        refused = client.post(CODE, {"code": wrong})
        assert (refused.status_code, "This code does not fit" in page(refused)) == (422, True)
    entered = client.post(CODE, {"code": code_of(secret)})
    assert (entered.status_code, entered["Location"]) == (302, "/admin/fleet/")
    assert client.get("/admin/fleet/").status_code == 200


def test_a_code_counts_once_and_so_does_a_recovery_code(alice: Any) -> None:
    secret, spare = set_up(signed_in(alice))
    assert len(spare) == 10
    for code in (code_of(secret), spare[3]):
        first, second = browser(), browser()
        for client in (first, second):
            password_step(client)
        assert first.post(CODE, {"code": code}).status_code == 302
        assert second.post(CODE, {"code": code}).status_code == 422


def test_the_second_step_does_not_stand_alone(alice: Any) -> None:
    """Without the password, after a changed password, and after its time there is nothing to enter."""
    secret, _ = set_up(signed_in(alice))
    assert browser().post(CODE, {"code": code_of(secret)})["Location"] == LOGIN
    changed, late = browser(), browser()
    for client in (changed, late):
        password_step(client)
    session = late.session
    session["second_factor_pending"] |= {"until": datetime.now(UTC).isoformat()}
    session.save()
    assert late.post(CODE, {"code": code_of(secret)})["Location"] == LOGIN
    alice.set_password("another horse battery")
    alice.save()
    assert changed.post(CODE, {"code": code_of(secret)})["Location"] == LOGIN


def test_guesses_beyond_the_limit_are_not_looked_at(alice: Any, settings: Any) -> None:
    secret, _ = set_up(signed_in(alice))
    settings.EMS_LIMITS = {"failed": [1000, 1000, 1, 0], "second_factor": [2, 0.001, 1, 0]}
    client = browser()
    password_step(client)
    answers = [page(client.post(CODE, {"code": code})) for code in ("1", "2", "3", code_of(secret))]
    assert ["Too many attempts" in answer for answer in answers[2:]] == [True, True]
    assert client.get("/admin/")["Location"].startswith(LOGIN)


def test_what_the_database_keeps_opens_nothing(alice: Any) -> None:
    client = signed_in(alice)
    secret, spare = set_up(client)
    with connection.cursor() as cursor:
        cursor.execute("select string_agg(data::text, ' ') from mfa_authenticator")
        (kept,) = cursor.fetchone()
    assert secret not in kept
    assert not [code for code in spare if code in kept]
    assert "second_factor_secret" not in client.session


def test_an_organization_that_asks_comes_before_everything(alice: Any, cast: build.Cast) -> None:
    with tenancy.scope([cast.acme.pk]):
        second_factor.require(organization_id=cast.acme.pk, is_required=True, by="alice", now=build.NOW)
    client = signed_in(alice)
    for path in ("/admin/", "/admin/fleet/", f"/admin/edges/edge/{cast.acme_north.pk}/change/"):
        assert client.get(path)["Location"] == ENROL
    refused = client.get("/api/v1/organizations")
    assert (refused.status_code, refused.json()["code"]) == (403, "second_factor_required")
    secret, _ = set_up(client)
    assert client.get("/admin/fleet/").status_code == 200
    kept = client.post(ENROL, {"act": "end", "code": code_of(secret)})
    assert "Acme asks its people" in page(kept)
    assert Authenticator.objects.filter(user=alice).count() == 2


def test_it_ends_with_a_code_and_leaves_a_trail(alice: Any, cast: build.Cast) -> None:
    client = signed_in(alice)
    secret, _ = set_up(client)
    assert client.post(ENROL, {"act": "end", "code": "000000"}).status_code == 422
    assert client.post(ENROL, {"act": "end", "code": code_of(secret)}).status_code == 302
    assert not Authenticator.objects.filter(user=alice).exists()
    assert password_step(browser())["Location"] == "/admin/fleet/"
    with tenancy.scope([cast.acme.pk]):
        told = list(AuditEntry.objects.order_by("id").values_list("what", "by"))
        assert Organization.objects.get().requires_second_factor is False
    assert told == [(what, "alice") for what in ("second_factor_set_up", "second_factor_ended", "signed_in")]
