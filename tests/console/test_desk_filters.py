"""What is looked for is found, on the desk and by the API: flag, tag, version, number, kind and cause."""

from datetime import timedelta
from typing import Any

import pytest

from configs.models import ChangeSet, EdgePins
from edges import tenancy
from edges.models import Edge, EdgeStatus
from monitoring.models import Alert
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import page, signed_in, text

BOTH = {"acme-north-1", "acme-south-1"}


@pytest.fixture
def varied(published: build.Cast) -> build.Cast:
    """North's clock is off and it refused what it should run; south is tagged and runs version 1."""
    with tenancy.scope([published.acme.pk]):
        tried = {"version": 1, "status": "failed", "code": "overruns"}
        EdgeStatus.objects.filter(edge=published.acme_north).update(
            clock={"synced": False}, running_version=7, last_attempt=tried
        )
        EdgeStatus.objects.filter(edge=published.acme_south).update(running_version=1)
        Edge.objects.filter(pk=published.acme_south.pk).update(tags=["roof"], stage="maintenance")
    return published


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"flag": "clock"}, {"acme-north-1"}),
        ({"flag": "staged"}, set()),
        ({"tag": "roof"}, {"acme-south-1"}),
        ({"version": "7"}, {"acme-north-1"}),
        ({"version": "seven"}, set()),
        ({"version": "1", "tag": "roof"}, {"acme-south-1"}),
        ({}, BOTH),
    ],
)
def test_the_fleet_by_flag_tag_and_version(
    varied: build.Cast, query: dict[str, str], found: set[str]
) -> None:
    shown = text(page(signed_in(varied.alice), "console_fleet", **query))
    assert {name for name in BOTH if f">{name}</a></td>" in shown} == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("stage=maintenance", {"acme-south-1"}),
        ("cause=overruns", {"acme-north-1"}),
        ("cause=overruns&stage=maintenance", set()),
    ],
)
def test_edges_by_stage_and_cause_by_the_api(
    varied: build.Cast, alice: Caller, query: str, found: set[str]
) -> None:
    items = alice("GET", f"/organizations/acme/edges?{query}").json()["items"]
    assert {one["edge_id"] for one in items} == found
    assert alice("GET", "/organizations/acme/edges?stage=asleep").status_code == 400


def test_a_change_by_its_number(published: build.Cast, alice: Caller) -> None:
    with tenancy.scope([published.acme.pk]):
        number = ChangeSet.objects.latest("number").number
    client = signed_in(published.alice)
    for query in ({"number": str(number)}, {"text": f"#{number}"}):
        assert text(page(client, "console_history", **query)).count(">#") == 1
    for query in ({"number": "x"}, {"text": "#999999"}):
        assert "No change matches." in text(page(client, "console_history", **query))
    answer: Any = alice("GET", f"/organizations/acme/change-sets?number={number}").json()
    assert [one["number"] for one in answer["items"]] == [number]
    assert alice("GET", "/organizations/acme/change-sets?number=x").status_code == 400


def test_alerts_by_kind_and_muted(alerts: dict[str, str], cast: build.Cast) -> None:
    with tenancy.scope([cast.acme.pk]):
        clock = Alert.objects.get(pk=alerts["clock"])
        Alert.objects.filter(pk=clock.pk).update(muted_until=build.NOW + timedelta(days=36500))
    client = signed_in(cast.alice)
    for query, found in (
        ({"kind": "clock"}, {"clock"}),
        ({"muted": "yes"}, {"clock"}),
        ({"muted": "no"}, {"safe_mode"}),
        ({"kind": "safe_mode", "muted": "yes"}, set()),
    ):
        shown = text(page(client, "console_alerts", **query))
        assert {name for name, pk in alerts.items() if pk in shown} == found


def test_layers_that_became_invalid_are_flagged(published: build.Cast, alice: Caller) -> None:
    problem = {"rule": "E09", "path": "/modbus_devices/meter0", "detail": "There is no such device."}
    with tenancy.scope([published.acme.pk]):
        EdgePins.objects.filter(edge=published.acme_north).update(problems=[problem])
    client = signed_in(published.alice)
    assert text(page(client, "console_fleet")).count("<td>invalid</td>") == 1
    of_edge = text(page(client, "edges_edge_change", published.acme_north.pk))
    assert ("There is no such device." in of_edge, ">invalid</span>" in of_edge) == (True, True)
    items = alice("GET", "/organizations/acme/edges").json()["items"]
    assert {one["edge_id"]: one["flags"] for one in items} == {
        "acme-north-1": ["invalid"],
        "acme-south-1": [],
    }
