"""Candidates are nobody's baseline: other changes beside them, under them, and what is left of them."""

from typing import Any

import pytest

from configs import changesets, history, holding, publishing, rolling_back
from configs.outcomes import Outcome
from configs.refusals import Conflict, LayerInRollout
from configs.rollouts.models import RolloutLayer
from edges import tenancy
from tests.configs.rollouts.conftest import THRESHOLD, Driven, Fleet, baseline

PERIOD = "/core_cycle/period_ms"


def rebase(fleet: Fleet, *steps: tuple[Any, ...]) -> Outcome:
    return publishing.publish(
        organization_id=fleet.organization.pk,
        change=fleet.desk.change(*steps),
        actor=fleet.desk.actor,
        now=fleet.now,
        signer=fleet.desk.signer,
        is_rebased=True,
    )


def finished(rollout: Driven) -> Driven:
    while rollout.phase == "running":
        rollout.fleet.takes(*rollout.in_state("offered", "staged", "applied"))
        rollout.work()
    return rollout


def test_publishing_on_a_layer_in_rollout_is_refused(fleet: Fleet) -> None:
    rollout = fleet.start().work()
    with pytest.raises(LayerInRollout) as refused:
        fleet.desk.publish(("organization/acme", "set", PERIOD, 2000))
    assert refused.value.extra["rollout"] == str(rollout.pk)
    fleet.desk.publish(("site/site-0", "set", PERIOD, 2000))


def test_a_second_rollout_of_the_layer_is_refused(fleet: Fleet) -> None:
    fleet.start()
    with pytest.raises(LayerInRollout):
        fleet.start(("organization/acme", "set", PERIOD, 2000))


def test_a_layer_is_free_again_when_its_rollout_is_over(fleet: Fleet) -> None:
    rollout = fleet.start()
    rollout.command("cancel")
    assert rollout.row.change_set.state == "cancelled"
    outcome = fleet.desk.publish(("organization/acme", "set", PERIOD, 2000))
    assert len(outcome.affected) == 6
    assert {fleet.value(one) for one in fleet.edges} == {50_000}


def test_a_new_revision_never_takes_a_discarded_candidates_number(fleet: Fleet) -> None:
    fleet.start().command("cancel")
    first = fleet.desk.publish(("organization/acme", "set", PERIOD, 2000))
    second = fleet.desk.publish(("organization/acme", "set", PERIOD, 3000))
    assert (first.revisions, second.revisions) == ({"organization/acme": 3}, {"organization/acme": 4})


def test_a_discarded_candidate_is_no_conflict_and_no_provenance(fleet: Fleet) -> None:
    draft = fleet.draft(("organization/acme", "set", THRESHOLD, 45_000))
    fleet.start().command("cancel")
    fleet.desk.publish(("organization/acme", "set", PERIOD, 2000))
    outcome = changesets.publish_draft(
        organization_id=fleet.organization.pk,
        change_set_id=draft,
        actor=fleet.desk.actor,
        now=fleet.now,
        signer=fleet.desk.signer,
    )
    edge = next(iter(fleet.edges.values()))
    with tenancy.scope([fleet.organization.pk]):
        provenance = history.effective(edge=edge)["provenance"]
    assert provenance[THRESHOLD]["change_set"] == str(outcome.change_set_id)


def test_a_rebased_change_reaches_edges_in_and_outside_the_open_waves(fleet: Fleet) -> None:
    rollout = fleet.start().work()
    (inside,) = rollout.wave(0)
    rebase(fleet, ("organization/acme", "set", PERIOD, 2000))
    with tenancy.scope([fleet.organization.pk]):
        periods = {
            one: history.effective(edge=edge)["document"]["core_cycle"]["period_ms"]
            for one, edge in fleet.edges.items()
        }
    assert set(periods.values()) == {2000}
    assert fleet.value(inside) == 30_000
    assert {fleet.value(one) for one in rollout.wave(1)} == {50_000}
    finished(rollout)
    assert rollout.phase == "completed"
    assert {fleet.value(one) for one in fleet.edges} == {30_000}


def test_a_rebased_change_survives_the_roll_back(fleet: Fleet) -> None:
    rollout = fleet.start().work()
    rebase(fleet, ("organization/acme", "set", PERIOD, 2000))
    fleet.takes(*fleet.edges)
    rollout.command("roll_back", scope="all")
    fleet.takes(*fleet.edges)
    rollout.work()
    assert rollout.phase == "rolled_back"
    with tenancy.scope([fleet.organization.pk]):
        documents = [history.effective(edge=edge)["document"] for edge in fleet.edges.values()]
    assert {one["core_cycle"]["period_ms"] for one in documents} == {2000}
    assert {fleet.value(one) for one in fleet.edges} == {50_000}
    assert {fleet.pins(one).organization for one in fleet.edges} == {baseline(fleet)}


def test_a_rebase_over_the_rollouts_own_paths_is_a_conflict(fleet: Fleet) -> None:
    fleet.start()
    with pytest.raises(Conflict) as refused:
        rebase(fleet, ("organization/acme", "remove", "/scheduler/controllers/ctrlPeakShaving0"))
    assert refused.value.extra["paths"][0]["path"] == THRESHOLD


def test_a_rebased_rollout_can_be_reverted_alone(fleet: Fleet) -> None:
    rollout = fleet.start().work()
    rebase(fleet, ("organization/acme", "set", PERIOD, 2000))
    fleet.takes(*fleet.edges)
    finished(rollout)
    outcome = changesets.revert(
        organization_id=fleet.organization.pk,
        change_set_id=rollout.row.change_set_id,
        reason="a test",
        actor=fleet.desk.actor,
        now=fleet.now,
        signer=fleet.desk.signer,
    )
    assert outcome.state == "published"
    with tenancy.scope([fleet.organization.pk]):
        edge = next(iter(fleet.edges.values()))
        document = history.effective(edge=edge)["document"]
    assert document["core_cycle"]["period_ms"] == 2000
    assert {fleet.value(one) for one in fleet.edges} == {50_000}


def test_an_edit_of_one_edge_keeps_it_in_its_wave(fleet: Fleet) -> None:
    rollout = fleet.start().work()
    (inside,), (outside, *_) = rollout.wave(0), rollout.wave(1)
    for edge_id in (inside, outside):
        fleet.desk.publish((f"edge/{edge_id}", "set", PERIOD, 4000))
    assert (fleet.value(inside), fleet.value(outside)) == (30_000, 50_000)
    fleet.takes(inside)
    rollout.work()
    assert rollout.target(inside).state == "confirmed"
    assert rollout.target(inside).version == fleet.head(inside).version == 3


def test_an_operators_roll_back_takes_one_edge_out(fleet: Fleet) -> None:
    rollout = fleet.start().work()
    (inside,) = rollout.wave(0)
    fleet.takes(inside)
    rolling_back.rollback(
        edge=fleet.edges[inside],
        to_version=1,
        reason="a test",
        actor=fleet.desk.actor,
        now=fleet.now,
        signer=fleet.desk.signer,
    )
    fleet.takes(inside)
    finished(rollout.work())
    assert rollout.target(inside).state == "superseded"
    assert fleet.value(inside) == 50_000
    assert {fleet.value(one) for one in rollout.wave(1)} == {30_000}


def test_a_held_edge_is_passed_by_and_gets_the_baseline_when_released(fleet: Fleet) -> None:
    rollout = fleet.start()
    held = rollout.wave(1)[0]
    holding.hold(edge=fleet.edges[held], reason="a test", actor=fleet.desk.actor, now=fleet.now)
    finished(rollout.work())
    assert (rollout.phase, rollout.target(held).why) == ("completed_with_exceptions", "held")
    assert fleet.value(held) == 50_000
    holding.release(
        edge=fleet.edges[held],
        reason="a test",
        actor=fleet.desk.actor,
        now=fleet.now,
        signer=fleet.desk.signer,
    )
    assert fleet.value(held) == 30_000


def test_a_new_edge_gets_the_baseline_and_follows_after_completion(fleet: Fleet) -> None:
    rollout = fleet.start().work()
    fleet.edges["acme-late-1"] = fleet.desk.add_edge(fleet.sites["site-0"], "acme-late-1", stage="in_service")
    fleet.takes("acme-late-1")
    assert fleet.value("acme-late-1") == 50_000
    finished(rollout)
    rollout.work()
    assert fleet.value("acme-late-1") == 30_000
    assert rollout.target("acme-late-1").state == "offered"


def test_the_layer_of_an_edge_is_rolled_out_too(fleet: Fleet) -> None:
    edge_ids = sorted(fleet.edges)[:4]
    rollout = fleet.start(
        ("edge/", "set", THRESHOLD, 35_000), change={"selector": {"edges": edge_ids}}
    ).work()
    finished(rollout)
    assert rollout.phase == "completed"
    assert [fleet.value(one) for one in sorted(fleet.edges)] == [35_000] * 4 + [50_000] * 2
    with tenancy.scope([fleet.organization.pk]):
        assert not RolloutLayer.objects.filter(is_open=True).exists()
        layers = RolloutLayer.objects.select_related("layer")
        assert all(one.layer.baseline_id == one.candidate_id for one in layers)


def test_a_discarded_candidate_leaves_a_layer_without_a_baseline_empty(fleet: Fleet) -> None:
    edge_id = min(fleet.edges)
    fleet.start((f"edge/{edge_id}", "set", THRESHOLD, 35_000)).command("cancel")
    outcome = fleet.desk.publish((f"edge/{edge_id}", "set", PERIOD, 4000))
    assert outcome.revisions == {f"edge/{edge_id}": 2}
    assert fleet.value(edge_id) == 50_000
