"""Device profiles: pinned, and changed by a change set of their own."""

import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import orjson
import pytest

from configs import fetching, holding, registry, updating
from configs.models import DeviceProfile, EdgePins, RegistryRevision, Version
from configs.refusals import ChangeRefused, Unknown
from edge_protocol.registry import builtin_profiles
from edges import tenancy
from tests import build
from tests.configs.conftest import ALICE, World, make_world
from tests.configs.test_fates import fates, rules
from tests.databases import Database

REPOSITORY = Path(__file__).resolve().parents[2]
SET_UP = "import django; django.setup(); from ems import setting_up; print(setting_up.found())"


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


def pinned(world: World) -> dict[str, int]:
    with tenancy.scope([world.organization.pk]):
        return dict(EdgePins.objects.values_list("edge__edge_id", "registry_id"))


def versions(world: World) -> list[tuple[Any, ...]]:
    with tenancy.scope([world.organization.pk]):
        return sorted(Version.objects.values_list("edge__edge_id", "number", "digest", "registry_id"))


def profiles_of(world: World, edge: Any) -> dict[str, str]:
    document = orjson.loads(fetching.full(edge.pk, world.organization.pk).body)
    return {name: one["version"] for name, one in document["profiles"].items()}


def test_an_upgrade_offers_its_profiles_and_moves_no_edge(
    committed: Database, tmp_path: Path, settings: Any
) -> None:
    """Founded by older software; the newer one's set-up runs in two processes at once, and once more."""
    older = deepcopy(builtin_profiles())
    del older["relay_board_8"]
    older["tesla_powerwall_2"]["version"] = "0.9.0"
    registry.revise(older, note="shipped profiles", now=build.NOW)
    world = make_world()
    other = ("site/south", "set", "/modbus_devices/ess0/profile", "sunspec_storage")
    world.desk.publish(other)
    before = versions(world)
    environment = os.environ | {
        "DATABASE_URL": committed.url,
        "DJANGO_SETTINGS_MODULE": "ems.settings",
        "EMS_SIGNING_KEY_FILE": str(tmp_path / "signing.key"),
    }
    command = [sys.executable, "-c", SET_UP]
    for starts in (2, 1):
        processes = [
            subprocess.Popen(command, env=environment, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
            for _ in range(starts)
        ]
        assert [process.communicate()[0] for process in processes] == ["2\n"] * starts
    assert list(RegistryRevision.objects.order_by("number").values_list("number", flat=True)) == [1, 2]
    assert (versions(world), set(pinned(world).values())) == (before, {1})

    relays = {"device_id": "io0", "profile": "relay_board_8", "enabled": True}
    relays["connection"] = {"protocol": "tcp", "host": "192.168.1.102", "port": 502, "unit_id": 1}
    step = ("edge/acme-north-1", "set", "/modbus_devices/io0", relays)
    with pytest.raises(ChangeRefused, match="no profile 'relay_board_8' in the revision"):
        world.desk.publish(step)
    new = world.desk.add_edge(world.north, "acme-north-2")
    assert pinned(world)["acme-north-2"] == 2
    assert profiles_of(world, new)["tesla_powerwall_2"] == "1.0.0"
    assert updating.behind([world.organization.pk]) == {world.organization.pk: 2}
    newest, oldest = updating.standing(organization_id=world.organization.pk)
    assert (newest.edges, newest.differs, oldest.edges) == (1, None, 2)
    assert oldest.differs == registry.Differences(("relay_board_8",), ("tesla_powerwall_2",), ())

    preview = updating.preview_profiles(organization_id=world.organization.pk, now=build.NOW)
    assert fates(preview) == {"acme-north-1": 2, "acme-north-2": "same", "acme-south-1": "same"}
    outcome = update(world, preview_digest=preview.preview_digest)
    assert [one.changed_sections for one in outcome.affected] == [("profiles",)]
    assert (set(pinned(world).values()), updating.behind([world.organization.pk])) == ({2}, {})
    assert profiles_of(world, world.north_edge) == {"sunspec_meter": "1.0.0", "tesla_powerwall_2": "1.0.0"}
    assert "tesla_powerwall_2" not in profiles_of(world, world.south_edge)
    assert fates(world.desk.publish(step)) == {"acme-north-1": 3}


def test_profiles_are_tried_on_named_edges_first_and_taken_back(world: World) -> None:
    revised(tesla_powerwall_2={"version": "1.1.0"})
    holding.hold(edge=world.south_edge, reason="x", actor=ALICE, now=build.NOW)
    trial = update(world, edges=["acme-north-1"])
    assert (fates(trial), pinned(world)) == ({"acme-north-1": 2}, {"acme-north-1": 2, "acme-south-1": 1})
    assert fates(update(world, edges=["acme-south-1"])) == {"acme-south-1": "held"}
    back = update(world, revision=1)
    assert (fates(back)["acme-north-1"], set(pinned(world).values())) == (3, {1})
    assert profiles_of(world, world.north_edge)["tesla_powerwall_2"] == "1.0.0"
    with pytest.raises(Unknown, match="no revision 9"):
        update(world, revision=9)
    with pytest.raises(ChangeRefused, match="no edge 'birch-1' here"):
        update(world, edges=["acme-north-1", "birch-1"])
