"""A change that would break an edge is refused whole, with edge, path, rule and layer."""

from typing import Any

import pytest

from configs.models import ChangeSet, Revision
from configs.refusals import ChangeRefused
from edges import tenancy
from edges.models import EdgeHead
from tests import build
from tests.configs.conftest import Desk, World, make_signer

CONTROLLERS = "/scheduler/controllers"
THRESHOLD = f"{CONTROLLERS}/ctrlPeakShaving0/parameters/threshold_watts"

REFUSED: dict[str, tuple[tuple[Any, ...], str, str, str]] = {
    "a text for a number": (
        ("organization/acme", "set", "/core_cycle/period_ms", "fast"),
        "schema/type",
        "/core_cycle/period_ms",
        "organization/acme",
    ),
    "a number out of range": (
        ("site/north", "set", "/core_cycle/period_ms", 1),
        "schema/minimum",
        "/core_cycle/period_ms",
        "site/north",
    ),
    "an unknown section": (
        ("organization/acme", "set", "/nonsense", {}),
        "schema/",
        "/nonsense",
        "organization/acme",
    ),
    "a derived section": (("site/north", "set", "/profiles", {}), "schema/", "/profiles", "site/north"),
    "two controllers in one place": (
        ("site/north", "set", f"{CONTROLLERS}/ctrlBalancing0/execution_order", 1),
        "E02",
        f"{CONTROLLERS}/ctrlBalancing0/execution_order",
        "site/north",
    ),
    "a device that does not exist": (
        ("edge/acme-south-1", "set", f"{CONTROLLERS}/ctrlBalancing0/parameters/ess_id", "nobody"),
        "E08",
        f"{CONTROLLERS}/ctrlBalancing0/parameters/ess_id",
        "edge/acme-south-1",
    ),
    "a profile that does not exist": (
        ("organization/acme", "set", "/modbus_devices/ess0/profile", "unheard_of"),
        "E03",
        "/modbus_devices/ess0/profile",
        "organization/acme",
    ),
    "a required member removed": (
        ("edge/acme-north-1", "remove", "/core_cycle"),
        "schema/required",
        "",
        "",
    ),
    "another identity": (
        ("organization/acme", "set", f"{CONTROLLERS}/ctrlPeakShaving0", {"id": "other"}),
        "identity",
        f"{CONTROLLERS}/ctrlPeakShaving0",
        "organization/acme",
    ),
    "null in a set": (
        ("organization/acme", "set", "/core_cycle/period_ms", None),
        "schema/",
        "/core_cycle/period_ms",
        "organization/acme",
    ),
    "an unknown site": (
        ("site/nowhere", "set", "/core_cycle/period_ms", 500),
        "target",
        "/core_cycle/period_ms",
        "site/nowhere",
    ),
    "another organization's code": (
        ("organization/birch", "set", "/core_cycle/period_ms", 500),
        "target",
        "/core_cycle/period_ms",
        "organization/birch",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_wrong_change_is_refused_and_nothing_is_stored(world: World, case: str) -> None:
    step, rule, path, layer = REFUSED[case]
    with pytest.raises(ChangeRefused) as refused:
        world.desk.publish(step)
    (error, *_) = refused.value.errors
    assert error.rule.startswith(rule)
    assert error.path.startswith(path)
    if layer:
        assert "{scope}/{target}".format(**error.layer) == layer
    with tenancy.scope([world.organization.pk]):
        assert Revision.objects.count() == 1
        assert ChangeSet.objects.count() == 3  # the layer and two edges
        assert set(EdgeHead.objects.values_list("version", flat=True)) == {1}


def test_a_refusal_names_every_edge_that_it_is_about(world: World) -> None:
    with pytest.raises(ChangeRefused) as refused:
        world.desk.publish(("organization/acme", "set", f"{CONTROLLERS}/ctrlBalancing0/execution_order", 1))
    assert {error.edge_id for error in refused.value.errors} == {"acme-north-1", "acme-south-1"}


def test_one_bad_step_refuses_the_good_ones_beside_it(world: World) -> None:
    with pytest.raises(ChangeRefused):
        world.desk.publish(
            ("organization/acme", "set", THRESHOLD, 40_000),
            ("site/north", "set", "/core_cycle/period_ms", 1),
        )
    with tenancy.scope([world.organization.pk]):
        assert Revision.objects.count() == 1


def test_removing_an_item_that_is_overridden_below_is_refused_with_the_override(world: World) -> None:
    world.desk.publish(("edge/acme-north-1", "set", THRESHOLD, 30_000))
    with pytest.raises(ChangeRefused) as refused:
        world.desk.publish(("organization/acme", "unset", f"{CONTROLLERS}/ctrlPeakShaving0"))
    (error,) = refused.value.errors
    assert (error.rule, error.edge_id) == ("orphan", "acme-north-1")
    assert error.path == f"{CONTROLLERS}/ctrlPeakShaving0"
    assert error.layer == {"scope": "edge", "target": "acme-north-1"}
    outcome = world.desk.publish(
        ("organization/acme", "unset", f"{CONTROLLERS}/ctrlPeakShaving0"),
        ("edge/acme-north-1", "unset", f"{CONTROLLERS}/ctrlPeakShaving0"),
    )
    assert len(outcome.affected) == 2


def test_edges_that_are_still_incomplete_block_nobody_and_are_listed(db: None) -> None:
    acme = build.make_organization("acme")
    north, south = build.make_site(acme, "north"), build.make_site(acme, "south")
    desk = Desk(acme, make_signer())
    document = build.document()
    desk.publish(("organization/acme", "set", "/core_cycle", document.pop("core_cycle")))
    desk.add_edge(north, "acme-north-1")
    desk.add_edge(south, "acme-south-1")
    outcome = desk.publish(("site/north", "set", "", document))
    assert [one.to_dict() for one in outcome.affected] == [
        {
            "edge_id": "acme-north-1",
            "from_version": 0,
            "version": 1,
            "changed_sections": ["alarms", "core_cycle", "modbus_devices", "profiles", "scheduler"],
        }
    ]
    outcome = desk.publish(("organization/acme", "set", "/core_cycle/period_ms", 500))
    assert [one.to_dict() for one in outcome.unaffected] == [{"edge_id": "acme-south-1", "why": "incomplete"}]
    assert {one.rule for one in outcome.warnings if one.edge_id == "acme-south-1"} == {"schema/required"}
