"""Drafts, previews that bind, conflicts, and the undoing of what was published."""

import pytest

from configs import changesets, layers
from configs.changes import Actor, Address
from configs.models import ChangeSet, Operation, State
from configs.outcomes import Drafted, Outcome
from configs.refusals import ChangeRefused, Conflict, NotInState, PreviewChanged, StaleLayer, Unknown
from edges import tenancy
from edges.models import Edge, EdgeHead
from tests import build
from tests.configs.conftest import ALICE, World
from tests.configs.test_fates import fates

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
PERIOD = "/core_cycle/period_ms"
BOB = Actor("bob")


def draft(world: World, *steps, **more) -> Drafted:
    return changesets.create_draft(
        organization_id=world.organization.pk,
        change=world.desk.change(*steps, **more),
        actor=BOB,
        now=build.NOW,
    )


def publish(world: World, made: Drafted, **more) -> Outcome:
    return changesets.publish_draft(
        organization_id=world.organization.pk,
        change_set_id=made.change_set_id,
        actor=ALICE,
        now=build.NOW,
        signer=world.desk.signer,
        **more,
    )


def revert(world: World, outcome: Outcome) -> Outcome | Drafted:
    return changesets.revert(
        organization_id=world.organization.pk,
        change_set_id=outcome.change_set_id,
        reason="undo",
        actor=ALICE,
        now=build.NOW,
        signer=world.desk.signer,
    )


def layer(world: World, scope: str, target: str) -> dict:
    return layers.read(world.organization.pk, Address(scope, target)).body


def heads(world: World) -> dict[str, int]:
    with tenancy.scope([world.organization.pk]):
        return dict(EdgeHead.objects.values_list("edge__edge_id", "version"))


def test_a_draft_changes_nothing_until_it_is_published(world: World) -> None:
    made = draft(world, ("organization/acme", "set", THRESHOLD, 40_000), reason="lower")
    assert (made.state, fates(made.preview)) == (State.DRAFT, {"acme-north-1": 2, "acme-south-1": 2})
    assert set(heads(world).values()) == {1}
    outcome = publish(world, made, preview_digest=made.preview.preview_digest)
    assert (outcome.change_set_id, outcome.number) == (made.change_set_id, made.number)
    assert set(heads(world).values()) == {2}
    with tenancy.scope([world.organization.pk]):
        row = ChangeSet.objects.get(pk=made.change_set_id)
        assert (row.state, row.author, row.published_by, row.reason) == ("published", "bob", "alice", "lower")
        step = Operation.objects.get(change_set=row)
        assert (step.old, step.value, step.scope, step.target) == ("50000", "40000", "organization", "acme")
    with pytest.raises(NotInState):
        publish(world, made)


def test_a_selector_is_resolved_when_the_draft_is_made(world: World) -> None:
    made = draft(world, ("edge/", "set", THRESHOLD, 30_000), selector={"sites": ["north"]})
    world.desk.add_edge(world.north, "acme-north-2")
    assert fates(publish(world, made)) == {"acme-north-1": 2}


def test_a_draft_whose_paths_others_touched_since_is_a_conflict(world: World) -> None:
    made = draft(world, ("organization/acme", "set", THRESHOLD, 40_000))
    world.desk.publish(("organization/acme", "set", PERIOD, 500))
    other = world.desk.publish(("organization/acme", "set", THRESHOLD, 45_000))
    with pytest.raises(Conflict) as refused:
        publish(world, made)
    (touched,) = refused.value.extra["paths"]
    assert (touched["path"], touched["number"], touched["author"]) == (THRESHOLD, other.number, "alice")
    elsewhere = draft(world, ("organization/acme", "set", "/core_cycle/supervisor", {"auto_recovery": False}))
    world.desk.publish(("organization/acme", "set", THRESHOLD, 46_000))
    assert len(publish(world, elsewhere).affected) == 2


def test_a_whole_layer_conflicts_with_any_of_its_paths(world: World) -> None:
    made = draft(world, ("organization/acme", "set", "/scheduler", build.document()["scheduler"]))
    world.desk.publish(("organization/acme", "set", THRESHOLD, 45_000))
    with pytest.raises(Conflict):
        publish(world, made)


def test_what_would_happen_now_and_was_not_previewed_is_refused_with_the_difference(world: World) -> None:
    step = ("organization/acme", "set", THRESHOLD, 40_000)
    preview = world.desk.preview(step)
    world.desk.publish(("edge/acme-north-1", "set", PERIOD, 500))
    with pytest.raises(PreviewChanged) as refused:
        world.desk.publish(step, preview_digest=preview.preview_digest)
    (changed,) = refused.value.extra["difference"]
    assert changed["edge_id"] == "acme-north-1"
    assert (changed["before"]["version"], changed["now"]["version"]) == (2, 3)
    now = refused.value.extra["preview"]
    assert fates(world.desk.publish(step, preview_digest=now["preview_digest"])) == {
        "acme-north-1": 3,
        "acme-south-1": 2,
    }


def test_a_preview_of_something_else_is_refused(world: World) -> None:
    preview = world.desk.preview(("organization/acme", "set", THRESHOLD, 40_000))
    with pytest.raises(PreviewChanged):
        world.desk.publish(("organization/acme", "set", PERIOD, 500), preview_digest=preview.preview_digest)
    assert set(heads(world).values()) == {1}


def test_a_draft_can_be_changed_and_cancelled(world: World) -> None:
    made = draft(world, ("organization/acme", "set", THRESHOLD, 40_000))
    with tenancy.scope([world.organization.pk]):
        changed = changesets.change_draft(
            change_set_id=made.change_set_id,
            change=world.desk.change(("site/north", "set", THRESHOLD, 30_000)),
            actor=BOB,
            now=build.NOW,
        )
    assert fates(changed.preview) == {"acme-north-1": 2}
    changesets.cancel(
        organization_id=world.organization.pk,
        change_set_id=made.change_set_id,
        reason="no",
        actor=BOB,
        now=build.NOW,
    )
    with pytest.raises(NotInState):
        publish(world, made)


def test_another_organizations_change_set_does_not_exist(world: World) -> None:
    birch = build.make_organization("birch")
    made = draft(world, ("organization/acme", "set", THRESHOLD, 40_000))
    with pytest.raises(Unknown):
        changesets.cancel(
            organization_id=birch.pk, change_set_id=made.change_set_id, reason="", actor=BOB, now=build.NOW
        )


def test_a_revert_publishes_the_inverse_steps(world: World) -> None:
    before = layer(world, "organization", "acme")
    outcome = world.desk.publish(
        ("organization/acme", "set", THRESHOLD, 40_000),
        ("organization/acme", "remove", "/scheduler/controllers/ctrlBalancing0"),
        ("site/north", "set", PERIOD, 500),
        ("site/north", "lock", PERIOD),
    )
    undone = revert(world, outcome)
    assert isinstance(undone, Outcome)
    assert layer(world, "organization", "acme") == before
    assert layer(world, "site", "north") == {"core_cycle": {}}  # says nothing, as before
    with tenancy.scope([world.organization.pk]):
        assert ChangeSet.objects.get(pk=outcome.change_set_id).state == State.REVERTED
        assert ChangeSet.objects.get(pk=undone.change_set_id).reverts_id == outcome.change_set_id
    with pytest.raises(NotInState):
        revert(world, outcome)


def test_a_revert_keeps_what_others_changed_elsewhere(world: World) -> None:
    outcome = world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    world.desk.publish(("organization/acme", "set", PERIOD, 500))
    assert isinstance(revert(world, outcome), Outcome)
    assert layer(world, "organization", "acme")["core_cycle"]["period_ms"] == 500


def test_a_revert_of_paths_that_others_touched_becomes_a_draft(world: World) -> None:
    outcome = world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    world.desk.publish(("organization/acme", "set", THRESHOLD, 30_000))
    made = revert(world, outcome)
    assert isinstance(made, Drafted)
    assert [one["path"] for one in made.to_dict()["touched"]] == [THRESHOLD]
    assert set(heads(world).values()) == {3}
    publish(world, made)
    assert set(heads(world).values()) == {4}


def test_a_move_is_reverted_and_a_retirement_is_not(world: World) -> None:
    moved = world.desk.publish(("edge/acme-north-1", "move", "", "south"))
    revert(world, moved)
    with tenancy.scope([world.organization.pk]):
        assert Edge.objects.get(pk=world.north_edge.pk).site_id == world.north.pk
    retired = world.desk.publish(("edge/acme-north-1", "retire"))
    with pytest.raises(ChangeRefused) as refused:
        revert(world, retired)
    assert refused.value.errors[0].rule == "retire"


def put(world: World, scope: str, target: str, body: dict, revision: int, **more):
    return layers.put(
        organization_id=world.organization.pk,
        address=Address(scope, target),
        body=body,
        revision=revision,
        reason="put",
        actor=ALICE,
        now=build.NOW,
        signer=world.desk.signer,
        **more,
    )


def test_a_layer_is_put_as_the_steps_that_lead_to_it(world: World) -> None:
    body = {
        "core_cycle": {"period_ms": 500, "supervisor": None},
        "version": 7,
        "edge_id": "x",
        "timestamp": "y",
    }
    outcome = put(world, "site", "north", body, 0)
    assert fates(outcome) == {"acme-north-1": 2}
    assert layer(world, "site", "north") == {"core_cycle": {"period_ms": 500, "supervisor": None}}
    with tenancy.scope([world.organization.pk]):
        steps = Operation.objects.filter(change_set_id=outcome.change_set_id)
        assert [(one.op, one.path) for one in steps] == [
            ("set", PERIOD),
            ("remove", "/core_cycle/supervisor"),
        ]
    with pytest.raises(StaleLayer) as refused:
        put(world, "site", "north", {}, 0)
    assert refused.value.extra["etag"] == '"1"'
    assert fates(put(world, "site", "north", {}, 1, dry_run=True)) == {"acme-north-1": 3}
    assert fates(put(world, "site", "north", {}, 1)) == {"acme-north-1": 3}
    assert layers.read(world.organization.pk, Address("site", "north")).number == 2


def test_a_put_that_is_no_layer_is_refused_by_layer(world: World) -> None:
    with pytest.raises(ChangeRefused) as refused:
        put(world, "edge", "acme-north-1", {"core_cycle": {"period_ms": "fast"}}, 0)
    (error,) = refused.value.errors
    assert (error.edge_id, error.path, error.rule) == ("acme-north-1", PERIOD, "schema/type")
