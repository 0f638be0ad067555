"""Where values come from, what touched a path, what ran when - on the specification's own example."""

from copy import deepcopy
from datetime import timedelta
from typing import Any

import pytest

from configs import changesets, history, layers
from configs.changes import Actor, Address
from configs.models import Version
from configs.refusals import Unknown
from edge_protocol.pointers import join
from edge_protocol.provenance import leaves
from edges import tenancy
from edges.models import RunningChange
from tests import build
from tests.configs.conftest import ALICE, Desk, World, make_signer
from tests.configs.test_fates import fates

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
PERIOD = "/core_cycle/period_ms"
BOB = Actor("bob")
EXAMPLE = {
    "core_cycle": {"period_ms": 1000, "supervisor": {"overrun_alert_threshold": 2, "auto_recovery": True}},
    "scheduler": {
        "controllers": [
            {
                "id": "ctrlBalancing0",
                "class": "BalancingController",
                "enabled": True,
                "execution_order": 1,
                "parameters": {"target_grid_power": 0, "priority": "self_consumption"},
            },
            {
                "id": "ctrlPeakShaving0",
                "class": "PeakShavingController",
                "enabled": True,
                "execution_order": 2,
                "parameters": {"threshold_watts": 50000, "recharge_enabled": True},
            },
        ]
    },
    "modbus_devices": [
        {
            "device_id": "bms_main",
            "profile": "tesla_powerwall_2",
            "connection": {"protocol": "tcp", "host": "192.168.1.100", "port": 502, "unit_id": 1},
            "poll_groups": {"fast": ["ActivePower", "Soc"], "slow": ["Temperature", "Cycles"]},
        },
        {
            "device_id": "inverter_pv",
            "profile": "sma_sunny_tripower",
            "connection": {"protocol": "tcp", "host": "192.168.1.101", "port": 502, "unit_id": 2},
        },
    ],
    "alarms": [
        {
            "id": "alarm_soc_low",
            "channel": "bms_main/Soc",
            "condition": "<",
            "threshold": 20,
            "severity": "warning",
            "notification": ["email", "dashboard"],
        }
    ],
}


@pytest.fixture
def three_layers(db: None) -> World:
    """The example spread over organization, site and edge, with overrides on the way."""
    organization, site, edge = deepcopy(EXAMPLE), {}, {}
    organization["scheduler"]["controllers"][1]["parameters"]["threshold_watts"] = 80_000
    site["scheduler"] = {
        "controllers": [{"id": "ctrlPeakShaving0", "parameters": {"threshold_watts": 60_000}}]
    }
    site["alarms"] = organization.pop("alarms")
    edge["modbus_devices"] = organization.pop("modbus_devices")
    edge["scheduler"] = {
        "controllers": [{"id": "ctrlPeakShaving0", "parameters": {"threshold_watts": 50_000}}]
    }
    acme = build.make_organization("acme")
    north, south = build.make_site(acme, "north"), build.make_site(acme, "south")
    desk = Desk(acme, make_signer())
    one, two = desk.add_edge(north, "acme-north-1"), desk.add_edge(south, "acme-south-1")
    desk.publish(("organization/acme", "set", "", organization))
    desk.actor = BOB
    desk.publish(("site/north", "set", "", site))
    desk.actor = ALICE
    last = desk.publish(("edge/acme-north-1", "set", "", edge))
    return World(desk, acme, north, south, one, two, last)


def steps(world: World, path: str) -> list[dict[str, Any]]:
    with tenancy.scope([world.organization.pk]):
        rows = history.of_path(edge=world.north_edge, path=path).order_by(*history.NEWEST_FIRST)
        return [history.step(row) for row in rows]


def test_the_specs_example_merges_from_three_layers_exactly_as_it_stands(three_layers: World) -> None:
    assert fates(three_layers.first) == {"acme-north-1": 1}
    assert {one.rule for one in three_layers.first.warnings} == {"W12", "W13", "W16", "hidden"} - {"hidden"}
    document = history.effective(edge=three_layers.north_edge)["document"]
    assert set(document.pop("profiles")) == {"sma_sunny_tripower", "tesla_powerwall_2"}
    assert document == EXAMPLE


def test_every_value_says_where_it_comes_from(three_layers: World) -> None:
    answer = history.effective(edge=three_layers.north_edge)
    pointers = {join(path) for path, _ in leaves(answer["document"])}
    assert pointers == set(answer["provenance"])
    origin = answer["provenance"]["/alarms/alarm_soc_low/threshold"]
    assert (origin["scope"], origin["target"], origin["author"], origin["revision"]) == (
        "site",
        "north",
        "bob",
        1,
    )
    origin = answer["provenance"][THRESHOLD]
    assert (origin["scope"], origin["target"], origin["author"]) == ("edge", "acme-north-1", "alice")
    assert origin["hides"] == [
        {"scope": "site", "target": "north", "value": 60_000},
        {"scope": "organization", "target": "acme", "value": 80_000},
    ]
    assert answer["provenance"][PERIOD]["scope"] == "organization"
    profile = answer["provenance"]["/profiles/tesla_powerwall_2/vendor"]
    assert profile["scope"] == "registry"


def test_a_value_keeps_its_author_when_the_layer_is_edited_elsewhere(three_layers: World) -> None:
    world = three_layers
    set_by_alice = history.effective(edge=world.north_edge)["provenance"][
        "/core_cycle/supervisor/auto_recovery"
    ]
    world.desk.actor = BOB
    outcome = world.desk.publish(("organization/acme", "set", PERIOD, 500))
    provenance = history.effective(edge=world.north_edge)["provenance"]
    assert provenance["/core_cycle/supervisor/auto_recovery"] == set_by_alice
    changed = provenance[PERIOD]
    assert (changed["author"], changed["revision"], changed["change_set"]) == (
        "bob",
        2,
        str(outcome.change_set_id),
    )


def test_before_the_first_version_the_effective_document_is_what_there_is_so_far(three_layers: World) -> None:
    answer = history.effective(edge=three_layers.south_edge)
    assert answer["version"] == 0
    assert set(answer["document"]) == {"core_cycle", "scheduler"}


def test_a_path_tells_every_step_that_touched_it(world: World) -> None:
    world.desk.publish(("site/north", "set", THRESHOLD, 30_000), reason="summer")
    world.desk.publish(("site/south", "set", THRESHOLD, 20_000))
    world.desk.publish(("organization/acme", "set", PERIOD, 500))
    outcome = world.desk.publish(("edge/acme-north-1", "set", "/scheduler/strategy", "fixed_order"))
    removed = world.desk.publish(("edge/acme-north-1", "unset", "/scheduler"), reason="tidy")
    changesets.create_draft(
        organization_id=world.organization.pk,
        change=world.desk.change(("site/north", "set", THRESHOLD, 1)),
        actor=BOB,
        now=build.NOW,
    )
    items = steps(world, THRESHOLD)
    assert [(one["scope"], one["op"], one["path"]) for one in items] == [
        ("edge", "unset", "/scheduler"),
        ("site", "set", THRESHOLD),
        ("organization", "set", ""),
    ]
    assert (items[0]["number"], items[0]["reason"]) == (removed.number, "tidy")
    assert (items[1]["value"], items[1]["author"], items[1]["reason"]) == (30_000, "alice", "summer")
    below = steps(world, "/scheduler")
    assert len(below) == 4
    assert below[1]["change_set"] == outcome.change_set_id


def test_versions_are_read_and_compared(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    world.desk.publish(("organization/acme", "set", "/extensions", {"acme": {"a": 1}}))
    one = history.version(edge=world.north_edge, number=1)
    assert one["document"]["scheduler"] == build.document()["scheduler"]
    assert one["manifest"]["payloadType"].startswith("application/vnd.ems")
    found = history.difference(edge=world.north_edge, one=1, other=3)
    assert (found["changed"], found["removed"]) == (["extensions", "scheduler"], [])
    assert found["leaves"] == [
        {"path": "/extensions/acme/a", "after": 1},
        {"path": THRESHOLD, "before": 50_000, "after": 40_000},
    ]
    assert history.difference(edge=world.north_edge, one=3, other=1)["removed"] == ["extensions"]
    with pytest.raises(Unknown):
        history.version(edge=world.north_edge, number=9)


def test_what_ran_at_a_time_is_answered_from_reports(world: World) -> None:
    edge, later = world.north_edge, build.NOW + timedelta(hours=1)
    with tenancy.scope([world.organization.pk]):
        digest = Version.objects.get(edge=edge, number=1).digest
        RunningChange.objects.create(
            organization=world.organization,
            edge=edge,
            from_version=0,
            to_version=1,
            to_digest=digest,
            at=later,
        )
    before = history.running_at(edge=edge, at=build.NOW)
    assert before["running"] is None
    assert before["desired"]["version"] == 1
    after = history.running_at(edge=edge, at=later + timedelta(seconds=1))
    assert (after["running"]["version"], after["running"]["digest"]) == (1, digest)


def test_a_layer_that_does_not_exist_reads_as_empty(world: World) -> None:
    state = layers.read(world.organization.pk, Address("site", "north"))
    assert (state.body, state.number) == ({}, 0)
