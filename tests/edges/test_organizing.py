"""Organizations, sites and edges come into being, change, and retire."""

from typing import Any
from uuid import uuid4

import pytest

from edges import keys, organizing, tenancy
from edges.credentials import Unauthenticated, authenticate_edge
from edges.errors import Suspended, TakenError, ValueRefusedError
from edges.models import Edge, EdgeStatus, Organization, Site
from tests.build import NOW, Cast, make_key


def organization(**values: Any) -> Organization:
    return organizing.create_organization(
        **{"organization_id": uuid4(), "code": "cedar", "name": "Cedar", "now": NOW, **values}
    )


def edge(site: Site, edge_id: str = "acme-north-2", **values: Any) -> Edge:
    with tenancy.scope([site.organization_id]):
        return organizing.create_edge(site=site, edge_id=edge_id, **{"now": NOW, **values})


def test_a_new_organization_is_seen_by_itself_only(cast: Cast) -> None:
    made = organization()
    with tenancy.scope([made.id]):
        assert Organization.objects.get() == made
        assert made.history.count() == 1
    with tenancy.scope([cast.acme.id]):
        assert Organization.objects.get() == cast.acme


def test_a_code_is_taken_whoever_has_it(cast: Cast) -> None:
    with pytest.raises(TakenError):
        organization(code="birch")


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"code": ""}, "code"),
        ({"code": "Cedar"}, "code"),
        ({"code": "a/b"}, "code"),
        ({"code": "a" * 41}, "code"),
        ({"name": "  "}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"time_zone": ""}, "time_zone"),
    ],
    ids=str,
)
def test_an_organization_without_sense_is_refused(db: None, values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueRefusedError) as refused:
        organization(**values)
    assert refused.value.field == field


def test_two_organizations_may_use_one_sites_code(cast: Cast) -> None:
    with tenancy.scope([cast.birch.id]):
        organizing.create_site(organization_id=cast.birch.id, code="north", name="North", now=NOW)
    with tenancy.scope([cast.acme.id]), pytest.raises(TakenError):
        organizing.create_site(organization_id=cast.acme.id, code="north", name="North", now=NOW)


def test_a_new_edge_has_never_been_heard(cast: Cast) -> None:
    made = edge(cast.north, tags=["roof", "phase-2", "roof"])
    assert made.tags == ["phase-2", "roof"]
    with tenancy.scope([cast.acme.id]):
        assert EdgeStatus.objects.get(edge=made).last_heartbeat_at is None


@pytest.mark.parametrize("taken", ["acme-north-1", "birch-main-1"])
def test_an_edges_id_is_taken_whoever_has_it(cast: Cast, taken: str) -> None:
    with pytest.raises(TakenError, match=r"^This edge id is taken\.$"):
        edge(cast.north, taken)


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"edge_id": "A"}, "edge_id"),
        ({"edge_id": "-acme"}, "edge_id"),
        ({"edge_id": "acme\n"}, "edge_id"),
        ({"edge_id": "a" * 64}, "edge_id"),
        ({"tags": ["Roof"]}, "tags"),
        ({"tags": [f"t{number}" for number in range(51)]}, "tags"),
        ({"stage": "retired"}, "stage"),
        ({"stage": "x"}, "stage"),
        ({"name": "x" * 201}, "name"),
    ],
    ids=str,
)
def test_an_edge_without_sense_is_refused(cast: Cast, values: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueRefusedError) as refused:
        edge(cast.north, **values)
    assert refused.value.field == field


def test_an_edge_changes_name_tags_and_stage(cast: Cast) -> None:
    with tenancy.scope([cast.acme.id]):
        organizing.change_edge(edge=cast.acme_north, name=" Roof ", tags=["b", "a"], stage="maintenance")
        found = Edge.objects.get(pk=cast.acme_north.pk)
    assert (found.name, found.tags, found.stage) == ("Roof", ["a", "b"], "maintenance")


def test_a_site_changes_name_and_time_zone(cast: Cast) -> None:
    with tenancy.scope([cast.acme.id]):
        organizing.change_site(site=cast.north, name="Far north", time_zone="Europe/Oslo")
        found = Site.objects.get(pk=cast.north.pk)
        assert (found.name, found.time_zone, found.code) == ("Far north", "Europe/Oslo", "north")
        with pytest.raises(ValueRefusedError):
            organizing.change_site(site=cast.north, time_zone="x")


def test_a_retired_edge_lost_its_keys_and_does_not_come_back(cast: Cast) -> None:
    _, text = make_key(cast.acme_north)
    with tenancy.scope([cast.acme.id]):
        retired = organizing.retire_edge(edge=cast.acme_north, by="alice", reason="sold", now=NOW)
        assert organizing.retire_edge(edge=retired, by="bob", reason="again", now=NOW) == retired
        assert [key.revoked_by for key in keys.listed(retired)] == ["alice"]
        with pytest.raises(ValueRefusedError):
            organizing.change_stage(edge=retired, stage="in_service")
    with pytest.raises((Unauthenticated, Suspended)):
        authenticate_edge(text, now=NOW)
    with pytest.raises(TakenError):
        edge(cast.south, "acme-north-1")
