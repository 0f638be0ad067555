"""A rollout from its first wave to its baseline, over real rows and real heartbeats."""

from configs.models import ChangeSet
from configs.rollouts import telling
from edges import tenancy
from tests.configs.rollouts.conftest import THRESHOLD, Driven, Fleet, baseline


def test_a_wave_gets_the_change_and_the_next_one_does_not(fleet: Fleet) -> None:
    before = baseline(fleet)
    rollout = fleet.start().work()
    (first,) = rollout.wave(0)
    assert fleet.head(first).version == 2
    assert {fleet.head(one).version for one in rollout.wave(1)} == {1}
    assert baseline(fleet) == before
    assert rollout.row.change_set.state == "in_rollout"
    assert rollout.wave_phases() == ["settling", "pending", "pending"]


def test_a_confirmed_wave_opens_the_next_and_the_last_completes(fleet: Fleet) -> None:
    rollout = fleet.start().work()
    fleet.takes(*rollout.wave(0))
    rollout.work()
    assert {fleet.head(one).version for one in fleet.edges} == {2}
    assert rollout.phase == "running"
    fleet.takes(*rollout.wave(1))
    rollout.work()
    assert rollout.phase == "completed"
    assert rollout.row.change_set.state == "published"
    assert baseline(fleet) == fleet.pins(rollout.wave(0)[0]).organization
    assert {fleet.value(one) for one in fleet.edges} == {30_000}


def test_a_failed_gate_halts_and_takes_back_what_was_not_touched(fleet: Fleet) -> None:
    before = baseline(fleet)
    rollout = fleet.start().work()
    fleet.takes(*rollout.wave(0))
    rollout.work()
    bad, *untouched = rollout.wave(1)
    fleet.refuses(bad)
    rollout.work()
    assert rollout.phase == "halted"
    assert rollout.row.said == "wave 2: 1 of 5 failed, limit 5 %: halted"
    assert rollout.in_state("pending") == sorted(untouched)
    assert {fleet.pins(one).organization for one in untouched} == {before}
    assert {fleet.value(one) for one in untouched} == {50_000}


def test_all_waves_are_rolled_back_and_the_candidate_is_discarded(fleet: Fleet) -> None:
    before = baseline(fleet)
    rollout = fleet.start().work()
    fleet.takes(*rollout.wave(0))
    rollout.work()
    fleet.refuses(rollout.wave(1)[0])
    rollout.work()
    rollout.command("roll_back", scope="all")
    assert rollout.phase == "rolling_back"
    assert rollout.in_state("recalling") == rollout.wave(0)
    fleet.takes(*fleet.edges)
    rollout.work()
    assert rollout.phase == "rolled_back"
    assert rollout.row.change_set.state == "reverted"
    assert {fleet.pins(one).organization for one in fleet.edges} == {before}
    assert baseline(fleet) == before
    with tenancy.scope([fleet.organization.pk]):
        recall = ChangeSet.objects.get(kind="recall")
    assert recall.reverts_id == rollout.row.change_set_id


def test_on_fail_rolls_back_by_itself(fleet: Fleet) -> None:
    rollout = fleet.start(on_fail="roll_back_all").work()
    fleet.takes(*rollout.wave(0))
    rollout.work()
    fleet.refuses(rollout.wave(1)[0])
    rollout.work()
    assert rollout.phase == "rolling_back"
    fleet.takes(*fleet.edges)
    rollout.work()
    assert rollout.phase == "rolled_back"
    assert {fleet.value(one) for one in fleet.edges} == {50_000}
    assert rollout.entries()[-3:] == ["halted", "rolling_back", "rolled_back"]


def test_who_is_retired_meanwhile_counts_nowhere_and_is_told(fleet: Fleet) -> None:
    """Five of six answer nothing and are scrapped: the wave does not wait for them, nor call them silent."""
    rollout = fleet.start().work()
    fleet.takes(*rollout.wave(0))
    rollout.work()
    stays, *scrapped = rollout.wave(1)
    for edge_id in scrapped:
        fleet.desk.publish((f"edge/{edge_id}", "retire"))
    rollout.work()
    assert rollout.in_state("gone") == sorted(scrapped)
    assert said(rollout).endswith("; 4 were retired meanwhile")
    assert rollout.phase == "running"
    fleet.takes(stays)
    rollout.work()
    assert (rollout.phase, rollout.row.said) == ("completed", "completed")
    assert rollout.target(scrapped[0]).why == "retired"


def test_a_rollout_whose_edges_all_vanish_ends_in_words(fleet: Fleet) -> None:
    rollout = fleet.start(bake_seconds=600).work()
    for edge_id in fleet.edges:
        fleet.desk.publish((f"edge/{edge_id}", "retire"))
    rollout.work()
    assert said(rollout) == "completed: nobody is left; 6 were retired meanwhile"
    assert rollout.row.due_at is None


def test_who_moves_out_of_the_reach_of_a_rollout_has_gone(fleet: Fleet) -> None:
    """The change is of one site; silent or not, who moves to the other one is not waited for."""
    rollout = fleet.start(("site/site-0", "set", THRESHOLD, 30_000)).work()
    fleet.takes(*rollout.wave(0))
    fleet.desk.publish(("edge/" + rollout.wave(1)[0], "move", "", "site-1"))
    rollout.work()
    assert rollout.in_state("gone") == [rollout.wave(1)[0]]
    fleet.takes(rollout.wave(1)[1])
    rollout.work()
    assert said(rollout) == "completed; 1 was moved out of its reach meanwhile"
    assert fleet.value(rollout.wave(1)[0]) == 50_000


def said(rollout: Driven) -> str:
    with tenancy.scope([rollout.fleet.organization.pk]):
        return str(telling.describe(rollout.row, now=rollout.fleet.now)["said"])
