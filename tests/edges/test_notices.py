"""A notice is heard exactly when its transaction commits, in the order of commits."""

import json

import psycopg
import pytest
from django.db import transaction

from edges import keys, notices, tenancy
from tests import build
from tests.databases import Database


def heard(listener: psycopg.Connection) -> list[dict]:
    """What has arrived by now: a round trip brings with it whatever was committed before."""
    listener.execute("select 1")
    return [json.loads(notice.payload) for notice in listener.notifies(timeout=0)]


@pytest.fixture
def listener(committed: Database):
    with psycopg.connect(committed.url, autocommit=True) as connection:
        connection.execute(f"LISTEN {notices.CHANNEL}")
        yield connection


def test_a_notice_is_numbered_and_heard_after_the_commit(listener) -> None:
    organization = build.make_organization()
    with tenancy.scope([organization.id]):
        notices.notify(kind="published", organization_id=organization.id, subject_id="x")
        notices.notify(kind="trust", organization_id=None, subject_id=3)
        assert heard(listener) == []
    assert heard(listener) == [
        {"seq": 1, "org": str(organization.id), "kind": "published", "id": "x"},
        {"seq": 2, "org": None, "kind": "trust", "id": "3"},
    ]


def test_a_notice_of_what_was_rolled_back_is_never_heard(listener) -> None:
    with transaction.atomic():
        notices.notify(kind="published", organization_id=None, subject_id="x")
        transaction.set_rollback(True)
    notices.notify(kind="published", organization_id=None, subject_id="y")
    assert [(item["seq"], item["id"]) for item in heard(listener)] == [(1, "y")]


def test_a_revoked_key_is_told_to_every_process(listener) -> None:
    edge = build.make_edge(build.make_site(build.make_organization()), "acme-north-1")
    key, _ = build.make_key(edge)
    with tenancy.scope([edge.organization_id]):
        keys.revoke(edge=edge, key_id=key.key_id, by="alice", reason="lost", cut_off=True, now=build.NOW)
    assert [(item["kind"], item["id"]) for item in heard(listener)] == [("revoked", str(edge.pk))]
