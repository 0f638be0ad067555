"""One other person's word, where the organization's rule asks for it; every door, no way round."""

from typing import Any

import pytest

from configs import adopting, changesets, layers, publishing, rolling_back
from configs.audit import trail
from configs.audit.trail import Wanted
from configs.changes import Actor, Address
from configs.outcomes import Outcome
from configs.refusals import (
    ApprovalOutdated,
    ApprovalRequired,
    ChangeRefused,
    Conflict,
    NotInState,
    OwnChange,
    PolicyChanged,
    PreviewChanged,
    Refusal,
)
from configs.rollouts import starting
from configs.rollouts.policies import Wish
from configs.timed import approving
from configs.timed.scheduling import When
from edges import tenancy
from tests.configs.conftest import ALICE
from tests.configs.timed.conftest import BOB, CAROL, HOUR, PERIOD, Waiting

ELSEWHERE = ("organization/acme", "set", "/core_cycle/supervisor", {"auto_recovery": False})


def guard(waiting: Waiting, above_edges: int | None = 1, paths: tuple[str, ...] = ()) -> None:
    approving.set_rule(**waiting.which, above_edges=above_edges, paths=paths, actor=ALICE)


def asked(waiting: Waiting) -> dict[str, Any]:
    """A draft of Bob's that awaits approval; what names it in a call."""
    made = waiting.draft()
    which = {**waiting.which, "change_set_id": made.change_set_id}
    approving.request(**which, actor=BOB)
    return which


def publish(waiting: Waiting, which: dict[str, Any]) -> Outcome:
    return changesets.publish_draft(**which, actor=BOB, signer=waiting.world.desk.signer)


def test_what_reaches_too_far_is_published_only_after_another_persons_yes(waiting: Waiting) -> None:
    guard(waiting)
    made = waiting.draft()
    which = {**waiting.which, "change_set_id": made.change_set_id}
    with pytest.raises(ApprovalRequired, match="it changes 2 edges; more than 1 take an approval") as refused:
        publish(waiting, which)
    assert "request an approval" in refused.value.detail
    approving.request(**which, actor=BOB)
    assert waiting.row(made.change_set_id).state == "awaiting_approval"
    with pytest.raises(NotInState):
        publish(waiting, which)
    for own in (BOB, Actor("bob", 7)):
        with pytest.raises(OwnChange):
            approving.approve(**which, actor=own)
    given = approving.approve(**which, actor=CAROL, comment="fine")
    assert (given.decided_by, given.decided_at, given.comment) == ("carol", waiting.now, "fine")
    assert given.preview_digest == made.preview.preview_digest
    assert len(publish(waiting, which).affected) == 2
    assert waiting.story(made) == ["approval_requested", "approved"]
    with tenancy.scope([waiting.world.organization.pk]):
        rows = trail.page(organization_id=waiting.world.organization.pk, wanted=Wanted(), most=100)
    told = {(row.what, row.by, row.about, row.detail) for row in rows}
    about = f"change #{made.number}"
    assert ("approval_rule_changed", "alice", "approvals", "from no rule to more than 1 edges") in told
    assert ("change_approved", "carol", about, "fine") in told
    assert "change_approval_requested" in {what for what, by, on, _ in told if (by, on) == ("bob", about)}


def test_no_door_goes_around_it(waiting: Waiting) -> None:
    guard(waiting)
    made, desk = waiting.draft(), waiting.world.desk
    by = {"actor": BOB, "now": waiting.now, "organization_id": waiting.world.organization.pk}
    body = layers.read(waiting.world.organization.pk, Address("organization", "acme")).body
    put = {**body, "core_cycle": {"period_ms": 7000}}
    doors = [
        lambda: desk.publish(("organization/acme", "set", PERIOD, 2000)),
        lambda: layers.put(
            **by,
            address=Address("organization", "acme"),
            body=put,
            revision=1,
            reason="x",
            signer=desk.signer,
        ),
        lambda: waiting.schedule(made, When(at=waiting.now + HOUR)),
        lambda: starting.start(**by, change_set_id=made.change_set_id, wish=Wish(preset="emergency")),
    ]
    waiting.world.desk.publish(
        ("edge/acme-north-1", "set", "/core_cycle/supervisor", {"auto_recovery": False})
    )
    with tenancy.scope([waiting.world.organization.pk]):
        type(waiting.world.north_edge).objects.update(stage="in_service")
    for door in doors:
        with pytest.raises(ApprovalRequired):
            door()
    assert waiting.versions() == {2, 1}


def test_what_brings_the_fleet_back_waits_for_nobody(waiting: Waiting) -> None:
    desk = waiting.world.desk
    outcome = desk.publish(("organization/acme", "set", PERIOD, 2000))
    guard(waiting, above_edges=0)
    adopting.create_edge(
        site=waiting.world.north, edge_id="acme-north-9", actor=ALICE, now=waiting.now, signer=desk.signer
    )
    undone = changesets.revert(
        organization_id=waiting.world.organization.pk,
        change_set_id=outcome.change_set_id,
        reason="undo",
        actor=ALICE,
        now=waiting.now,
        signer=desk.signer,
    )
    assert isinstance(undone, Outcome)
    back = rolling_back.rollback(
        edge=waiting.world.north_edge,
        to_version=2,
        reason="back",
        actor=ALICE,
        now=waiting.now,
        signer=desk.signer,
    )
    assert len(back.affected) == 1


def test_a_revert_that_became_a_draft_can_be_edited_and_so_is_asked_about(waiting: Waiting) -> None:
    desk = waiting.world.desk
    outcome = desk.publish(("organization/acme", "set", PERIOD, 2000))
    desk.publish(("organization/acme", "set", PERIOD, 3000))
    guard(waiting)
    made = changesets.revert(
        organization_id=waiting.world.organization.pk,
        change_set_id=outcome.change_set_id,
        reason="undo",
        actor=BOB,
        now=waiting.now,
        signer=desk.signer,
    )
    with pytest.raises(ApprovalRequired):
        publish(waiting, {**waiting.which, "change_set_id": made.change_set_id})  # type: ignore[union-attr]


def test_guarded_paths_ask_above_and_below_them_and_nothing_else_does(waiting: Waiting) -> None:
    guard(waiting, above_edges=None, paths=("/core_cycle/period_ms",))
    desk = waiting.world.desk
    for step in (
        ("edge/acme-north-1", "set", PERIOD, 2000),
        ("site/north", "set", "/core_cycle", {"period_ms": 2000}),
        ("site/north", "lock", PERIOD),
    ):
        with pytest.raises(ApprovalRequired, match="it touches /core_cycle/period_ms, which is guarded"):
            desk.publish(step)
    assert len(desk.publish(ELSEWHERE).affected) == 2


def test_an_edit_voids_what_was_asked_and_what_was_given(waiting: Waiting) -> None:
    guard(waiting)
    which = asked(waiting)
    edit = {
        "change_set_id": which["change_set_id"],
        "change": waiting.world.desk.change(("organization/acme", "set", PERIOD, 9000)),
        "actor": BOB,
        "now": waiting.now,
    }
    for _ in range(2):
        with tenancy.scope([waiting.world.organization.pk]):
            assert changesets.change_draft(**edit).state == "draft"
        with pytest.raises(NotInState):
            approving.approve(**which, actor=CAROL)
        with pytest.raises(ApprovalRequired):
            publish(waiting, which)
        approving.request(**which, actor=BOB)
        approving.approve(**which, actor=CAROL)
    publish(waiting, which)


def test_a_no_is_kept_with_its_reason_and_an_edit_makes_a_draft_of_it(waiting: Waiting) -> None:
    guard(waiting)
    which = asked(waiting)
    said = approving.reject(**which, actor=CAROL, comment="not before Monday")
    row = waiting.row(which["change_set_id"])
    assert (row.state, row.closed_at, said.comment) == ("rejected", waiting.now, "not before Monday")
    with tenancy.scope([waiting.world.organization.pk]):
        changesets.change_draft(
            change_set_id=row.pk,
            change=waiting.world.desk.change(("site/north", "set", PERIOD, 2000)),
            actor=BOB,
            now=waiting.now,
        )
    assert len(publish(waiting, which).affected) == 1


def _policy(waiting: Waiting) -> None:
    guard(waiting, above_edges=0)


def _base(waiting: Waiting) -> None:
    guard(waiting, above_edges=None)
    waiting.world.desk.publish(("organization/acme", "set", PERIOD, 4000))


def _content(waiting: Waiting) -> None:
    waiting.world.desk.publish(
        ("edge/acme-north-1", "set", "/core_cycle/supervisor", {"auto_recovery": False})
    )


@pytest.mark.parametrize(
    ("meanwhile", "refusal", "said"),
    [
        (_policy, PolicyChanged, "alice changed what takes an approval .* look at it again, then approve"),
        (_base, Conflict, "was changed by #.* requests the approval anew"),
        (_content, PreviewChanged, "."),
    ],
)
def test_an_approval_of_what_is_no_longer_so_is_refused(
    waiting: Waiting, meanwhile, refusal: type[Refusal], said: str
) -> None:
    guard(waiting)
    which = asked(waiting)
    meanwhile(waiting)
    with pytest.raises(refusal, match=said) as refused:
        approving.approve(**which, actor=CAROL)
    assert waiting.row(which["change_set_id"]).state == "awaiting_approval"
    if isinstance(refused.value, PolicyChanged):
        approving.approve(**which, actor=CAROL, rule_number=refused.value.extra["rule"])
        publish(waiting, which)


def test_what_was_approved_and_moved_since_is_not_published(waiting: Waiting) -> None:
    guard(waiting)
    which = asked(waiting)
    approving.approve(**which, actor=CAROL)
    _content(waiting)
    with pytest.raises(ApprovalOutdated, match="carol approved another preview"):
        publish(waiting, which)
    approving.request(**which, actor=BOB)
    approving.approve(**which, actor=CAROL)
    publish(waiting, which)


def test_what_needs_no_approval_is_not_asked_about_and_a_rule_of_nonsense_is_refused(
    waiting: Waiting,
) -> None:
    made = waiting.draft()
    with pytest.raises(NotInState, match="needs no approval: publish it"):
        approving.request(**waiting.which, change_set_id=made.change_set_id, actor=BOB)
    for wrong in ({"above_edges": -1, "paths": ()}, {"above_edges": None, "paths": ("core_cycle",)}):
        with pytest.raises(ChangeRefused):
            approving.set_rule(**waiting.which, **wrong, actor=ALICE)
    assert publishing.preview(
        organization_id=waiting.world.organization.pk,
        change=waiting.world.desk.change(ELSEWHERE),
        now=waiting.now,
    )
