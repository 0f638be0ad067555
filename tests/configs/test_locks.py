"""A lock keeps the layers below from touching a path, and stops nothing else."""

import pytest

from configs import rolling_back
from configs.refusals import ChangeRefused
from tests import build
from tests.configs.conftest import ALICE, World
from tests.configs.test_fates import fates

PEAK = "/scheduler/controllers/ctrlPeakShaving0"
THRESHOLD = f"{PEAK}/parameters/threshold_watts"
PERIOD = "/core_cycle/period_ms"


def refusal(world: World, *steps) -> list[tuple[str, str, str]]:
    with pytest.raises(ChangeRefused) as refused:
        world.desk.publish(*steps)
    assert {error.rule for error in refused.value.errors} == {"lock"}
    return [
        ("{scope}/{target}".format(**error.layer), error.path, error.edge_id)
        for error in refused.value.errors
    ]


def test_a_locked_path_cannot_be_set_below(world: World) -> None:
    world.desk.publish(("organization/acme", "lock", THRESHOLD))
    assert refusal(world, ("site/north", "set", THRESHOLD, 30_000)) == [("site/north", THRESHOLD, None)]
    assert refusal(world, ("edge/acme-south-1", "set", THRESHOLD, 30_000)) == [
        ("edge/acme-south-1", THRESHOLD, "acme-south-1")
    ]


def test_removing_what_holds_a_locked_path_touches_it(world: World) -> None:
    world.desk.publish(("organization/acme", "lock", THRESHOLD))
    assert refusal(world, ("site/north", "remove", PEAK)) == [("site/north", THRESHOLD, None)]


def test_a_lock_blocks_no_unrelated_edit_and_not_its_own_layer(world: World) -> None:
    world.desk.publish(("organization/acme", "lock", THRESHOLD))
    assert fates(world.desk.publish(("site/north", "set", PERIOD, 500))) == {"acme-north-1": 2}
    assert len(world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000)).affected) == 2


def test_locking_over_overrides_lists_them(world: World) -> None:
    world.desk.publish(("site/north", "set", THRESHOLD, 30_000))
    world.desk.publish(("edge/acme-south-1", "set", THRESHOLD, 30_000))
    assert refusal(world, ("organization/acme", "lock", THRESHOLD)) == [
        ("edge/acme-south-1", THRESHOLD, "acme-south-1"),
        ("site/north", THRESHOLD, None),
    ]
    world.desk.publish(
        ("organization/acme", "lock", THRESHOLD, {"except": ["site/north"]}),
        ("edge/acme-south-1", "unset", THRESHOLD),
    )
    assert fates(world.desk.publish(("site/north", "set", THRESHOLD, 20_000))) == {"acme-north-1": 3}
    refusal(world, ("edge/acme-north-1", "set", THRESHOLD, 20_000))


def test_a_sites_lock_binds_its_own_edges_only(world: World) -> None:
    world.desk.publish(("site/north", "lock", PERIOD))
    refusal(world, ("edge/acme-north-1", "set", PERIOD, 500))
    assert fates(world.desk.publish(("edge/acme-south-1", "set", PERIOD, 500))) == {"acme-south-1": 2}


def test_an_unlocked_path_is_free_again(world: World) -> None:
    world.desk.publish(("organization/acme", "lock", THRESHOLD))
    world.desk.publish(("organization/acme", "unlock", THRESHOLD))
    assert fates(world.desk.publish(("site/north", "set", THRESHOLD, 30_000))) == {"acme-north-1": 2}


def test_a_rollback_passes_a_lock_and_says_so(world: World) -> None:
    world.desk.publish(("edge/acme-north-1", "set", THRESHOLD, 30_000))
    world.desk.publish(("organization/acme", "lock", THRESHOLD), ("edge/acme-north-1", "unset", THRESHOLD))
    outcome = rolling_back.rollback(
        edge=world.north_edge,
        to_version=2,
        reason="it worked",
        actor=ALICE,
        now=build.NOW,
        signer=world.desk.signer,
    )
    assert fates(outcome) == {"acme-north-1": 4}
    assert [(one.rule, one.edge_id, one.path) for one in outcome.warnings] == [
        ("lock", "acme-north-1", THRESHOLD)
    ]
    assert fates(world.desk.publish(("edge/acme-north-1", "set", PERIOD, 500))) == {"acme-north-1": 5}
    refusal(world, ("edge/acme-north-1", "set", THRESHOLD, 20_000))


def test_an_empty_lock_path_locks_the_whole_layer(world: World) -> None:
    world.desk.publish(("organization/acme", "lock", ""))
    assert refusal(world, ("site/north", "set", PERIOD, 500)) == [("site/north", "", None)]


def test_an_edge_cannot_move_under_a_lock_that_it_overrides(world: World) -> None:
    world.desk.publish(("site/south", "lock", PERIOD))
    world.desk.publish(("edge/acme-north-1", "set", PERIOD, 500))
    assert refusal(world, ("edge/acme-north-1", "move", "", "south")) == [
        ("edge/acme-north-1", PERIOD, "acme-north-1")
    ]
    outcome = world.desk.publish(
        ("edge/acme-north-1", "move", "", "south"), ("edge/acme-north-1", "unset", PERIOD)
    )
    assert fates(outcome) == {"acme-north-1": 3}
