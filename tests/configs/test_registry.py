"""Device profiles: pinned, and changed by a change set of their own."""

from copy import deepcopy

import orjson

from configs import fetching, holding, registry, updating
from configs.models import DeviceProfile, EdgePins
from edge_protocol.registry import builtin_profiles
from edges import tenancy
from tests import build
from tests.configs.conftest import ALICE, World
from tests.configs.test_fates import fates, rules


def update(world: World, **more):
    return updating.publish_profiles(
        organization_id=world.organization.pk,
        reason="new firmware",
        actor=ALICE,
        now=build.NOW,
        signer=world.desk.signer,
        **more,
    )


def revised(**changes) -> int:
    profiles = deepcopy(builtin_profiles())
    for name, change in changes.items():
        profiles[name].update(change)
    return registry.revise(profiles, note="test", now=build.NOW)


def test_the_shipped_profiles_are_the_first_revision(world: World) -> None:
    assert registry.current(now=build.NOW) == 1
    assert set(DeviceProfile.objects.values_list("name", flat=True)) == set(builtin_profiles())
    assert revised() == 1


def test_new_profiles_reach_edges_only_by_a_change_set(world: World) -> None:
    assert revised(sunspec_meter={"version": "1.1.0"}) == 2
    assert (
        fates(world.desk.publish(("organization/acme", "set", "/core_cycle/period_ms", 500)))["acme-north-1"]
        == 2
    )
    document = orjson.loads(fetching.full(world.north_edge.pk, world.organization.pk).body)
    assert document["profiles"]["sunspec_meter"]["version"] != "1.1.0"
    holding.hold(edge=world.south_edge, reason="x", actor=ALICE, now=build.NOW)
    preview = updating.preview_profiles(organization_id=world.organization.pk, now=build.NOW)
    assert fates(preview) == {"acme-north-1": 3, "acme-south-1": "held"}
    outcome = update(world, preview_digest=preview.preview_digest)
    assert [one.changed_sections for one in outcome.affected] == [("profiles",)]
    document = orjson.loads(fetching.full(world.north_edge.pk, world.organization.pk).body)
    assert document["profiles"]["sunspec_meter"]["version"] == "1.1.0"
    assert DeviceProfile.objects.get(name="sunspec_meter").history.count() == 2


def test_a_profile_that_makes_an_edge_invalid_is_told_and_the_edge_keeps_what_it_has(world: World) -> None:
    revised(sunspec_meter={"role": "consumption_meter"})
    outcome = update(world)
    assert fates(outcome) == {"acme-north-1": "already_invalid", "acme-south-1": "already_invalid"}
    assert {rule for rule, edge_id, _ in rules(outcome) if edge_id == "acme-north-1"} == {"E08"}
    with tenancy.scope([world.organization.pk]):
        assert EdgePins.objects.get(edge=world.north_edge).registry_id == 2
    other = world.desk.publish(("organization/acme", "set", "/core_cycle/period_ms", 500))
    assert fates(other)["acme-north-1"] == "already_invalid"
    role = ("organization/acme", "set", "/modbus_devices/meter0/role", "grid_meter")
    assert fates(world.desk.publish(role)) == {"acme-north-1": 2, "acme-south-1": 2}
