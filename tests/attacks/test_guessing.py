"""Guesses at keys, tokens and passwords: counted by who makes them, told nothing, paid with nothing."""

import secrets
from typing import Any

import pytest
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from doors import limits
from doors.models import Bucket
from edge_protocol.keys import KINDS, make_credential, new_credential
from tests import build

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("addresses", "clients"),
    [
        (["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "[2001:db8:1:2::3]:5678"], 1),
        (["2001:db8:1:2::1", "2001:db8:1:3::1"], 2),
        (["::ffff:192.0.2.7", "192.0.2.7", "192.0.2.7:1234", "192.0.2.7:9"], 1),
        (["192.0.2.7", "192.0.2.8"], 2),
        (["fe80::1%eth0", "fe80::2%eth0"], 1),
    ],
)
def test_a_client_is_one_however_many_addresses_and_ports_it_has(
    settings: Any, addresses: list[str], clients: int
) -> None:
    settings.TRUSTED_PROXIES = 1
    asked = [RequestFactory().get("/", HTTP_X_FORWARDED_FOR=address) for address in addresses]
    assert len({limits.client_address(request) for request in asked}) == clients


def test_an_address_of_a_megabyte_is_no_key_of_a_bucket(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    request = RequestFactory().get("/", HTTP_X_FORWARDED_FOR="x" * 1_000_000)
    assert len(limits.client_address(request)) <= 64


def test_every_wrong_credential_gets_one_answer(cast: build.Cast) -> None:
    """Known id or not, wrong secret, wrong kind, wrong shape: the bodies differ in the request's id alone."""
    key, text = build.make_key(cast.acme_north)
    _, ended = build.make_key(cast.acme_north, revoked_at=build.NOW)
    secret = secrets.token_hex(22)[:43]
    guesses = [
        make_credential("emse", key.key_id, secret),
        make_credential("emse", "A" * 12, secret),
        text[:-1] + ("0" if text[-1] != "0" else "1"),
        ended,
        *(new_credential(kind, secrets.token_bytes).text for kind in KINDS),
        "x",
    ]
    told = set()
    for guess in guesses:
        answer = Client().get("/api/v1/edges/acme-north-1/config", headers={"X-API-Key": guess})
        told.add((answer.status_code, answer.content.replace(answer.json()["instance"].encode(), b"")))
    assert len(told) == 1
    assert told.pop()[0] == 401


def test_guesses_cost_a_look_up_each_and_leave_one_row_behind(settings: Any, cast: build.Cast) -> None:
    """A look-up all the same: a good key behind the same address must still open."""
    settings.EMS_LIMITS = {"failed": [5, 0.001, 1, 0]}
    client = Client()
    guesses = [new_credential("emsn", secrets.token_bytes).text for _ in range(50)]
    with CaptureQueriesContext(connection) as captured:
        codes = [
            client.post(
                "/api/v1/enroll",
                {"token": guess, "nonce": "nonce-0001", "agent_version": "1", "schemas": []},
                content_type="application/json",
            ).status_code
            for guess in guesses
        ]
    assert codes == [401] * 5 + [429] * 45
    assert Bucket.objects.count() == 1
    # 50 look-ups; 6 counts, after which this process knows that the address is over its limit
    assert len(captured) == 50 + 6
