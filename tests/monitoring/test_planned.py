"""A publish that was refused when due, and an end that was missed, are told of until somebody decides."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from configs import changesets
from configs.changes import Actor
from configs.models import ChangeSet
from configs.timed import approving, ending, scheduling
from configs.timed.scheduling import When
from configs.timed.windows import Window
from edges import tenancy
from monitoring import looking
from tests.configs.rollouts.conftest import THRESHOLD
from tests.monitoring.conftest import Watch

BOB, CAROL = Actor("bob"), Actor("carol")
HOUR = timedelta(hours=1)


pytestmark = pytest.mark.usefixtures("signing_key")


def which(watch: Watch, change_set: UUID) -> dict[str, Any]:
    organization = watch.fleet.organization.pk
    return {
        "organization_id": organization,
        "change_set_id": change_set,
        "actor": BOB,
        "now": watch.fleet.now,
    }


def planned(watch: Watch, when: When | None = None) -> UUID:
    made = watch.fleet.draft(("organization/acme", "set", THRESHOLD, 30_000))
    scheduling.schedule(**which(watch, made), when=when or When(at=watch.fleet.now + HOUR))
    return made


def number(watch: Watch, change_set: UUID) -> int:
    with tenancy.scope([watch.fleet.organization.pk]):
        return ChangeSet.objects.get(pk=change_set).number


def _conflict(watch: Watch) -> str:
    watch.fleet.desk.publish(("organization/acme", "set", THRESHOLD, 41_000))
    return "was changed by #"


def _approval(watch: Watch) -> str:
    approving.set_rule(
        organization_id=watch.fleet.organization.pk, above_edges=1, paths=(), actor=CAROL, now=watch.fleet.now
    )
    return "needs another person's approval"


def _published(watch: Watch, made: UUID) -> None:
    changesets.publish_draft(**which(watch, made), signer=watch.fleet.desk.signer, is_rebased=True)


def _scheduled_anew(watch: Watch, made: UUID) -> None:
    approving.set_rule(
        organization_id=watch.fleet.organization.pk, above_edges=None, paths=(), actor=CAROL,
        now=watch.fleet.now,
    )  # fmt: skip
    scheduling.schedule(**which(watch, made), when=When(at=watch.fleet.now + HOUR))


def _cancelled(watch: Watch, made: UUID) -> None:
    changesets.cancel(**which(watch, made), reason="no longer")


@pytest.mark.parametrize(
    ("meanwhile", "mended"), [(_conflict, _cancelled), (_approval, _scheduled_anew), (_approval, _cancelled)]
)
def test_a_publish_that_was_refused_is_told_of_until_somebody_decides(
    watch: Watch, meanwhile: Callable[[Watch], str], mended: Callable[[Watch, UUID], None]
) -> None:
    made = planned(watch)
    said = meanwhile(watch)
    watch.fleet.all_beat()
    assert watch.work(minutes=59).alerts(kind="not_published") == []
    (alert,) = watch.work(minutes=1).alerts(kind="not_published")
    assert alert.what == f"Change #{number(watch, made)} was not published when it was due"
    assert said in alert.detail
    assert "The change's reason: " in alert.detail
    assert (alert.change_set_id, alert.reach, alert.resolved_at) == (made, 0, None)
    mended(watch, made)
    (alert,) = watch.work(seconds=1).alerts(kind="not_published")
    assert alert.resolved_at == watch.fleet.now


def test_a_missed_window_is_told_of_until_the_change_is_published(watch: Watch) -> None:
    nightly = Window.of({"time_zone": "Europe/Berlin", "opens": "01:00", "closes": "02:00"})
    made = planned(watch, When(window=nightly))
    with tenancy.scope([watch.fleet.organization.pk]):
        timing = scheduling.Timing.objects.get(pk=made)
    watch.fleet.now = timing.closes_at + timedelta(minutes=1)
    (alert,) = watch.work().alerts(kind="not_published")
    assert "No worker took it up while its window was open" in alert.detail
    watch.fleet.now = timing.due_at + timedelta(days=1)
    (alert,) = watch.work().alerts(kind="not_published")
    assert alert.resolved_at == watch.fleet.now


def test_an_end_that_was_refused_is_told_of_until_it_is_ended(watch: Watch) -> None:
    ended, kept = (
        watch.fleet.desk.publish((f"site/{code}", "set", THRESHOLD, 30_000)).change_set_id
        for code in watch.fleet.sites
    )
    for made in (ended, kept):
        ending.set_end(**which(watch, made), until=watch.fleet.now + HOUR)
    for code in watch.fleet.sites:
        watch.fleet.desk.publish((f"site/{code}", "set", THRESHOLD, 41_000))
    found = {one.change_set_id: one for one in watch.work(hours=1).alerts(kind="not_ended")}
    assert found.keys() == {ended, kept}
    assert found[ended].what == f"Change #{number(watch, ended)} is still in force after its planned end"
    assert "was changed by #" in found[ended].detail
    ending.set_end(**which(watch, kept), until=None)
    with tenancy.scope([watch.fleet.organization.pk]):
        undoing = ChangeSet.objects.get(reverts_id=ended).pk
    _published(watch, undoing)
    assert watch.work(seconds=1).alerts(kind="not_ended", resolved_at=None) == []


def test_an_end_that_waits_for_a_rollout_is_told_of_after_half_an_hour(watch: Watch) -> None:
    driven = watch.fleet.start()
    made = driven.row.change_set_id
    ending.set_end(**which(watch, made), until=watch.fleet.now + HOUR)
    looking.silence(organization_id=watch.fleet.organization.pk, now=watch.fleet.now)
    assert watch.work(minutes=89).alerts(kind="not_ended") == []
    (alert,) = watch.work(minutes=1).alerts(kind="not_ended")
    assert "its rollout is still under way" in alert.detail
