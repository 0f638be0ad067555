"""Drafts that wait for their time, are looked at again when it comes, and end when they should."""

from datetime import datetime, timedelta

import pytest

from configs import changesets
from configs.models import ChangeSet
from configs.refusals import ChangeRefused, NotInState, PreviewChanged
from configs.rollouts.models import Rollout
from configs.rollouts.policies import Share, Wish
from configs.timed import ending, scheduling
from configs.timed.models import Progress
from configs.timed.scheduling import When
from configs.timed.windows import Window
from edges import tenancy
from edges.models import Edge, Stage
from tests.configs.conftest import ALICE
from tests.configs.timed.conftest import BOB, HOUR, PERIOD, Waiting


def test_a_draft_is_published_when_it_is_due_and_not_before(waiting: Waiting) -> None:
    made = waiting.draft()
    timing = waiting.schedule(made, When(at=waiting.now + HOUR))
    assert (waiting.row(made.change_set_id).state, timing.due_at) == ("scheduled", waiting.now + HOUR)
    assert waiting.work(HOUR - timedelta(seconds=1)) == []
    assert waiting.work(timedelta(seconds=1)) == ["change_set"]
    row = waiting.row(made.change_set_id)
    assert (row.state, row.published_by, row.published_at) == ("published", "bob", waiting.now)
    assert waiting.versions() == {2}
    with tenancy.scope([waiting.world.organization.pk]):
        told = Progress.objects.get(pk=made.change_set_id)
    assert (told.phase, told.done, told.of) == ("published", 2, 2)


def test_what_cannot_be_published_then_is_a_draft_again_with_the_reason(waiting: Waiting) -> None:
    moved, touched = waiting.draft(), waiting.draft(3000)
    waiting.schedule(moved, When(at=waiting.now + HOUR))
    waiting.schedule(touched, When(at=waiting.now + HOUR))
    waiting.world.desk.publish(
        ("edge/acme-north-1", "set", "/core_cycle/supervisor/overrun_alert_threshold", 9)
    )
    waiting.world.desk.publish(("organization/acme", "set", PERIOD, 4000))
    assert waiting.work(HOUR) == ["change_set", "change_set"]
    for made in (moved, touched):
        row = waiting.row(made.change_set_id)
        assert (row.state, row.timing.due_at) == ("draft", None)
        assert "was changed by #" in row.timing.said
        assert "nothing of it is lost" in row.timing.said
        assert waiting.story(made) == ["scheduled", "put_back"]
    assert waiting.versions() == {3, 2}


def test_another_preview_than_the_one_that_was_scheduled_is_not_published(waiting: Waiting) -> None:
    made = waiting.draft()
    waiting.schedule(made, When(at=waiting.now + HOUR))
    waiting.world.desk.publish(
        ("edge/acme-north-1", "set", "/core_cycle/supervisor", {"auto_recovery": False})
    )
    waiting.work(HOUR)
    row = waiting.row(made.change_set_id)
    assert row.state == "draft"
    assert "preview" in row.timing.said
    with pytest.raises(PreviewChanged):
        waiting.schedule(made, When(), preview_digest=made.preview.preview_digest)


def test_a_window_is_waited_for_and_one_that_was_missed_comes_again(waiting: Waiting) -> None:
    made = waiting.draft()
    nightly = Window.of({"time_zone": "Europe/Berlin", "opens": "01:00", "closes": "02:00"})
    first = waiting.schedule(made, When(window=nightly))
    late = first.closes_at - waiting.now + timedelta(minutes=1)
    assert waiting.work(late) == ["change_set"]
    row = waiting.row(made.change_set_id)
    assert (row.state, row.timing.due_at - first.due_at) == ("scheduled", timedelta(days=1))
    waiting.work(row.timing.due_at - waiting.now)
    assert waiting.row(made.change_set_id).state == "published"
    assert waiting.story(made) == ["scheduled", "window_missed"]


def test_it_is_rescheduled_taken_back_and_cancelled_while_it_waits(waiting: Waiting) -> None:
    made, other = waiting.draft(), waiting.draft(3000)
    which = {**waiting.which, "change_set_id": made.change_set_id, "reason": "no", "actor": BOB}
    waiting.schedule(made, When(at=waiting.now + HOUR))
    waiting.schedule(made, When(at=waiting.now + 3 * HOUR))
    assert waiting.work(2 * HOUR) == []
    scheduling.unschedule(**{**which, "now": waiting.now})
    assert waiting.row(made.change_set_id).state == "draft"
    with pytest.raises(NotInState):
        scheduling.unschedule(**which)
    waiting.schedule(other, When(at=waiting.now + HOUR))
    changesets.cancel(**{**which, "change_set_id": other.change_set_id})
    waiting.work(9 * HOUR)
    assert waiting.row(other.change_set_id).state == "cancelled"
    assert waiting.versions() == {1}


def test_a_rollout_starts_when_it_is_due(waiting: Waiting) -> None:
    made = waiting.draft()
    with tenancy.scope([waiting.world.organization.pk]):
        Edge.objects.update(stage=Stage.IN_SERVICE)
    wish = Wish(shares=[Share(count=1), Share(percent=100)], knobs={"bake_seconds": 9})
    waiting.schedule(made, When(at=waiting.now + HOUR), wish=wish)
    waiting.handlers["rollout"] = lambda **_: None
    waiting.work(HOUR)
    with tenancy.scope([waiting.world.organization.pk]):
        rollout = Rollout.objects.get(change_set=made.change_set_id)
    assert (rollout.by, rollout.policy["bake_seconds"], rollout.started_at) == ("bob", 9, waiting.now)
    assert waiting.row(made.change_set_id).state == "in_rollout"


def _past(now: datetime) -> When:
    return When(at=now - HOUR)


@pytest.mark.parametrize(
    ("when", "until", "said"),
    [
        (_past, None, "is past"),
        (lambda now: When(at=now + timedelta(days=400)), None, "more than a year ahead"),
        (lambda now: When(at=now + HOUR), HOUR, "is not after the beginning"),
    ],
)
def test_times_that_make_no_sense_are_said(waiting: Waiting, when, until, said: str) -> None:
    made = waiting.draft()
    with pytest.raises(ChangeRefused, match=said):
        waiting.schedule(made, when(waiting.now), until=until and waiting.now + until)
    assert waiting.row(made.change_set_id).state == "draft"


def test_a_change_with_an_end_is_reverted_by_itself(waiting: Waiting) -> None:
    made = waiting.draft()
    waiting.schedule(made, When(at=waiting.now + HOUR), until=waiting.now + 2 * HOUR)
    assert waiting.work(HOUR) == ["change_set"]
    assert waiting.work(HOUR) == ["change_set_end"]
    assert waiting.row(made.change_set_id).state == "reverted"
    with tenancy.scope([waiting.world.organization.pk]):
        undone = ChangeSet.objects.get(reverts_id=made.change_set_id)
    assert (undone.author, undone.state) == ("bob (planned end)", "published")
    assert waiting.versions() == {3}


def test_an_end_never_overwrites_what_others_changed_since(waiting: Waiting) -> None:
    outcome = waiting.world.desk.publish(("organization/acme", "set", PERIOD, 2000))
    which = {**waiting.which, "change_set_id": outcome.change_set_id, "actor": ALICE}
    ending.set_end(**which, until=waiting.now + HOUR)
    other = waiting.world.desk.publish(("organization/acme", "set", PERIOD, 4000))
    assert waiting.work(HOUR) == ["change_set_end"]
    row = waiting.row(outcome.change_set_id)
    assert row.state == "published"
    with tenancy.scope([waiting.world.organization.pk]):
        draft = ChangeSet.objects.get(reverts_id=row.pk)
    assert draft.state == "draft"
    assert f"{PERIOD} was changed by #{other.number} since" in row.timing.said
    assert f"draft #{draft.number}" in row.timing.said
    assert waiting.versions() == {3}


def test_an_end_is_moved_and_taken_away(waiting: Waiting) -> None:
    outcome = waiting.world.desk.publish(("organization/acme", "set", PERIOD, 2000))
    which = {**waiting.which, "change_set_id": outcome.change_set_id, "actor": ALICE}
    ending.set_end(**which, until=waiting.now + HOUR)
    ending.set_end(**which, until=waiting.now + 3 * HOUR)
    assert waiting.work(2 * HOUR) == []
    ending.set_end(**{**which, "now": waiting.now}, until=None)
    assert waiting.work(9 * HOUR) == []
    assert waiting.row(outcome.change_set_id).state == "published"
