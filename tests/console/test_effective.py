"""The effective configuration of one edge: what runs stands beside what should run, where they differ."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from benchmarks.desk import MARK, MOST_QUERIES
from configs.models import Version
from edges import tenancy
from edges.models import EdgeStatus
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import page, signed_in, text

PERIOD = "/core_cycle/period_ms"
WATCHDOG = "/core_cycle/supervisor/watchdog_timeout_ms"
# A test's request ends by taking the tenants back from a connection that the test goes on with.
RESET = "select set_config('ems.orgs', '', true)"


def own_layer(caller: Caller, body: dict, revision: int) -> None:
    address = "/organizations/acme/layers/edge/acme-north-1"
    answer = caller("PUT", address, body, If_Match=f'"{revision}"')
    assert answer.status_code == 200, answer.content


def runs(cast: build.Cast, version: int, digest: str | None = "") -> None:
    """The edge reports this version, with its digest or another."""
    with tenancy.scope([cast.acme.pk]):
        own = Version.objects.filter(edge=cast.acme_north, number=version).values_list("digest", flat=True)
        EdgeStatus.objects.filter(edge=cast.acme_north).update(
            running_version=version, running_digest=own.first() if digest == "" else digest
        )


@pytest.fixture
def two(published: build.Cast, alice: Caller) -> build.Cast:
    """Acme's edge in the north: version 2 has a watchdog, version 3 another period and none."""
    own_layer(alice, {"core_cycle": {"supervisor": {"watchdog_timeout_ms": 30_000}}}, 0)
    own_layer(alice, {"core_cycle": {"period_ms": 2000}}, 1)
    return published


def shown(cast: build.Cast, **query: str) -> str:
    return text(page(signed_in(cast.alice), "console_effective", cast.acme_north.pk, **query))


def row(told: str, path: str) -> str:
    found = re.search(rf"<tr><td><code>{path}</code>.*?</tr>", told)
    return " ".join(re.sub(r"<[^>]+>", " ", found[0]).split()) if found else ""


def test_what_runs_stands_beside_what_should_run(two: build.Cast) -> None:
    runs(two, 2)
    told = shown(two)
    assert "It runs version 2; it should run 3: 2 values differ." in told
    assert row(told, PERIOD).startswith(f"{PERIOD} 2000 ms runs 1000 ms edge acme-north-1")
    assert row(told, WATCHDOG).startswith(f"{WATCHDOG} goes runs 30000 ms")
    assert "runs" not in row(told, "/scheduler/strategy")
    assert '<a class="ems-link" href="?only=differing">Only what differs (2)</a>' in told
    only = shown(two, only="differing")
    assert len(re.findall(r"<tr><td><code>/", only)) == 2
    assert 'name="only" value="differing"' in only
    assert "/scheduler/strategy" not in shown(two, only="differing", path="period")
    runs(two, 1)
    told = shown(two)
    assert "It runs version 1; it should run 3: 1 value differs." in told
    assert row(told, WATCHDOG) == ""


def test_a_value_that_only_comes_runs_nowhere_yet(two: build.Cast, alice: Caller) -> None:
    runs(two, 3)
    own_layer(alice, {"core_cycle": {"period_ms": 2000, "supervisor": {"watchdog_timeout_ms": 40_000}}}, 2)
    told = shown(two)
    assert "It runs version 3; it should run 4: 1 value differs." in told
    assert row(told, WATCHDOG).startswith(f"{WATCHDOG} 40000 ms runs nothing here edge acme-north-1")


@pytest.mark.parametrize(
    ("version", "digest", "said"),
    [
        (3, "", "It runs version 3, as it should."),
        (3, None, "It runs version 3, as it should."),
        (0, None, "It has reported no version that it runs yet; it should run version 3."),
        (
            2,
            "f" * 64,
            "It says that it runs version 2; it should run 3. The content that runs (ffffffffffff…)",
        ),
        (9, None, "It says that it runs version 9; it should run 3. The content that runs is not known here"),
    ],
)
def test_one_sentence_and_no_column_where_nothing_can_be_set_side_by_side(
    two: build.Cast, version: int, digest: str | None, said: str
) -> None:
    runs(two, version, digest)
    told = shown(two, only="differing")
    assert said in told
    assert ("Runs now" in told, "Only what differs" in told) == (False, False)
    assert "No value differs from what runs." in told
    assert PERIOD in shown(two)


def test_what_runs_is_known_by_its_content_and_not_by_its_number(two: build.Cast, alice: Caller) -> None:
    with tenancy.scope([two.acme.pk]):
        first = Version.objects.get(edge=two.acme_north, number=1).digest
    runs(two, 3, first)
    assert "It says that it runs version 3, but what runs is version 1: 1 value differs." in shown(two)
    runs(two, 3)
    own_layer(alice, {"core_cycle": {"period_ms": 4000}}, 2)
    own_layer(alice, {"core_cycle": {"period_ms": 2000}}, 3)
    assert "It runs version 3; it should run 5: the values are the same." in shown(two)


@pytest.mark.parametrize("version", [2, 3])
def test_the_page_takes_few_queries_in_agreement_and_not(two: build.Cast, version: int) -> None:
    # Session, person, grants, tenants; the edge with its facts; the desired version; its layers, their marks
    # and the profiles; the change sets; the person's drafts; and what runs, where it differs.
    runs(two, version)
    client = signed_in(two.alice)
    address = reverse("admin:console_effective", args=[two.acme_north.pk])
    client.get(address)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    asked = [one["sql"] for one in captured if not MARK.match(one["sql"]) and one["sql"] != RESET]
    assert len(asked) == MOST_QUERIES - (version == 3), "\n".join(asked)
