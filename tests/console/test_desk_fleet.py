"""The fleet page: a line that adds up, failures by cause, filters in the address, and how dear it is."""

import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from configs.models import Version
from configs.rollouts.models import Rollout
from edges import tenancy
from edges.models import Edge, EdgeStatus, Stage
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text

FLEET = "/admin/fleet/"
LINK = re.compile(r'href="([^"]+)">([^<]*)</a>')
# What each query of the page is about, in order. Savepoints, which read nothing, are not told.
QUERIES = [
    ("who is signed in", 'FROM "django_session"'),
    ("the account", 'FROM "auth_user"'),
    ("their memberships", "from memberships("),
    ("the tenants, on", "set_config('ems.orgs'"),
    ("organizations and sites to choose from", 'FROM "edges_organization"'),
    ("every edge, in groups that are alike", "GROUP BY"),
    ("the changes after which edges failed", "JOIN configs_version"),
    ("whether the cloud itself is well", "FROM configs_job"),
    ("the person's drafts", 'FROM "configs_changeset"'),
    ("rollouts under way, with their waves", 'FROM "configs_rolloutwave"'),
    ("their targets, counted", 'FROM "configs_rollouttarget"'),
    ("one page of edges", "LIMIT 50"),
    ("the tenants, off", "set_config('ems.orgs', ''"),
]
MOST = 12 + 1  # the last one only inside a transaction of the test


def in_service(cast: build.Cast) -> None:
    with tenancy.scope([cast.acme.pk]):
        Edge.objects.update(stage=Stage.IN_SERVICE)


def fail(edge: Edge, code: str, detail: str, **more: Any) -> None:
    with tenancy.scope([edge.organization_id]):
        attempt = {"version": 1, "status": "rejected", "code": code, "detail": detail} | more
        EdgeStatus.objects.update_or_create(
            edge=edge, defaults={"organization_id": edge.organization_id, "last_attempt": attempt}
        )


def plain(shown: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", shown).split())


def rows(shown: str) -> set[str]:
    """The edges in the table."""
    return set(re.findall(r">(acme-\w+-1)</a>", shown.partition('id="edges"')[2]))


def test_the_line_of_truth_adds_up_and_each_number_is_a_link(published: build.Cast) -> None:
    in_service(published)
    fail(published.acme_north, "schema", "No such profile")
    shown = text(signed_in(published.alice).get(FLEET))
    assert "0 of 2 run what they should · 1 failed · 1 never" in plain(shown)
    assert 'href="/admin/fleet/?word=failed"' in shown
    assert "birch" not in shown


def test_failures_are_grouped_by_cause(published: build.Cast) -> None:
    in_service(published)
    for edge in (published.acme_north, published.acme_south):
        fail(edge, "schema", "No such profile")
    shown = plain(text(signed_in(published.bob).get(FLEET)))
    assert "2 schema No such profile — acme-north-1, acme-south-1" in shown


def failed_after_a_change(cast: build.Cast, alice: Caller) -> None:
    """Both edges tried version 2: one is back, the other in safe mode."""
    in_service(cast)
    step = {"scope": "organization", "target": "acme", "op": "set", "path": "/core_cycle/period_ms"}
    body = {"reason": "A slower cycle", "operations": [step | {"value": 2000}], "publish": True}
    assert alice("POST", "/organizations/acme/change-sets", body).status_code == 201
    for edge, status, at in ((cast.acme_north, {}, "04"), (cast.acme_south, {"phase": "safe_mode"}, "59")):
        fail(edge, "watchdog", "", version=2, status="rolled_back", at=f"2026-01-01T12:00:{at}Z")
        with tenancy.scope([cast.acme.pk]):
            EdgeStatus.objects.filter(edge=edge).update(running_version=1, **status)


def test_failures_are_told_by_change_with_what_to_do(published: build.Cast, alice: Caller) -> None:
    failed_after_a_change(published, alice)
    client = signed_in(published.alice)
    shown = text(client.get(FLEET))
    told = r"2 failed since 12:00:04 Thu 1 Jan after change #(\d+) \(alice, A slower cycle\)"
    found = re.search(told + "; all the same: watchdog; 1 back on version 1, 1 in safe mode", plain(shown))
    assert found
    panel = shown.partition('id="after"')[2].partition("</section>")[0]
    links = {label: where.replace("&amp;", "&") for where, label in LINK.findall(panel)}
    assert set(links) >= {"2 failed", f"Roll back #{found[1]}", "See the 1 in safe mode"}
    assert "Stop" not in links  # no rollout lets it out
    assert rows(text(client.get(links["See the 1 in safe mode"]))) == {"acme-south-1"}
    both = text(client.get(links["2 failed"]))
    assert rows(both) == {"acme-north-1", "acme-south-1"}
    assert f"Only those that failed after change #{found[1]}." in plain(both)
    assert client.get(links[f"Roll back #{found[1]}"]).status_code == 200
    for nothing in ("x", "0" * 32):
        assert rows(text(client.get(FLEET, {"change": nothing}))) == set()
    assert "Roll back #" not in text(signed_in(published.bob).get(FLEET))


def test_what_a_rollout_lets_out_is_stopped_and_rolled_back_by_it(
    published: build.Cast, rollout: Rollout
) -> None:
    with tenancy.scope([published.acme.pk]):
        Version.objects.filter(edge=published.acme_north).update(change_set=rollout.change_set_id)
    fail(published.acme_north, "watchdog", "")
    shown = text(signed_in(published.alice).get(FLEET))
    acts = f"/admin/rollouts/{rollout.pk}/act/"
    assert f'href="{acts}pause/">Stop' in shown
    assert f'href="{acts}rollback_all/">Roll back #' in shown


def test_a_cause_leads_to_its_own_edges(published: build.Cast) -> None:
    in_service(published)
    fail(published.acme_north, "schema", "No such profile")
    fail(published.acme_south, "watchdog", "")
    client = signed_in(published.bob)
    for code, edge_id in (("schema", "acme-north-1"), ("watchdog", "acme-south-1")):
        found = re.search(
            rf'href="([^"]+)"><strong>1</strong></a> <code[^>]*>{code}<', text(client.get(FLEET))
        )
        assert found
        shown = text(client.get(found[1].replace("&amp;", "&")))
        assert rows(shown) == {edge_id}
        assert f"Only those that failed with one cause: {code}" in plain(shown)
    assert rows(text(client.get(FLEET, {"cause": "0" * 16}))) == set()


def test_the_last_attempt_has_its_age_and_the_last_change_its_number(published: build.Cast) -> None:
    at = {"at": "2026-01-01T00:00:00Z"}
    fail(published.acme_north, "schema", "No such profile", **at)
    shown = plain(text(signed_in(published.bob).get(FLEET, {"text": "north"})))
    assert re.search(r"1 rejected \(schema\) \d+ \w+ ago", shown)
    assert re.search(r"#\d+ set-up", shown)


def test_filters_stand_in_the_address(published: build.Cast) -> None:
    in_service(published)
    fail(published.acme_north, "schema", "No such profile")
    client = signed_in(published.alice)
    for query, found in (
        ({"word": "failed"}, {"acme-north-1"}),
        ({"word": "never"}, {"acme-south-1"}),
        ({"site": published.south.code}, {"acme-south-1"}),
        ({"site": f"acme/{published.south.code}"}, {"acme-south-1"}),
        ({"site": f"birch/{published.south.code}"}, set()),
        ({"text": "NORTH"}, {"acme-north-1"}),
        ({"organization": "birch"}, set()),
        ({"organization": "acme", "page": "99"}, {"acme-north-1", "acme-south-1"}),
    ):
        assert rows(text(client.get(FLEET, query))) == found, query


def test_a_role_in_one_site_sees_its_edges_alone(published: build.Cast, nora: Caller) -> None:
    shown = text(signed_in(get_user_model().objects.get(username="nora")).get(FLEET))
    assert "acme-north-1" in shown
    assert "acme-south-1" not in shown
    assert 'value="acme/north"' in shown
    assert 'value="acme/south"' not in shown


@pytest.mark.django_db
def test_an_empty_fleet_says_what_to_do_next() -> None:
    eve = build.make_user("eve")
    build.make_membership(eve, build.make_organization("empty"), "owner")
    assert "Add your first edge" in text(signed_in(eve).get(FLEET))
    assert "You belong to no organization yet" in text(signed_in(build.make_user("fred")).get(FLEET))


def queries(client: Client) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(FLEET).status_code == 200
    return [one["sql"] for one in captured if "SAVEPOINT" not in one["sql"]]


def test_the_queries_are_few_named_and_the_same_for_a_larger_fleet(
    published: build.Cast, rollout: Rollout
) -> None:
    client = signed_in(published.alice)
    fail(published.acme_north, "schema", "No such profile")
    queries(client)
    before = queries(client)
    for index in range(60):
        build.make_edge(published.north, f"acme-more-{index}")
    after = queries(client)
    assert len(after) == len(before) == len(QUERIES) <= MOST, "\n".join(sql[:120] for sql in after)
    wrong = [name for (name, part), sql in zip(QUERIES, after, strict=True) if part not in sql]
    assert not wrong
