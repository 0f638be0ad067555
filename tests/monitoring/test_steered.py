"""A rollout that recalls itself or ends badly is told of, until somebody acknowledges it or it is over."""

from datetime import timedelta

import pytest

from configs.changes import Actor
from configs.rollouts.policies import Share
from monitoring import acts
from monitoring.models import Alert
from tests.configs.rollouts.conftest import Driven
from tests.monitoring.conftest import Watch

EVE = Actor("eve")
pytestmark = pytest.mark.usefixtures("signing_key")


def acknowledge(watch: Watch, alert: Alert) -> None:
    acts.acknowledge(organization_id=alert.organization_id, alert_id=alert.pk, actor=EVE, now=watch.fleet.now)


def failed(watch: Watch) -> Alert:
    (alert,) = watch.work(seconds=1).alerts(kind="rollout_failed")
    return alert


def test_a_rollout_that_rolls_itself_back_because_edges_did_not_answer_is_told_of(watch: Watch) -> None:
    rollout = watch.fleet.start(
        shares=[Share(percent=100)], on_fail="roll_back_all", bad_limit=1, settle_seconds=60
    )
    watch.work()
    for _ in range(2):
        watch.fleet.all_beat()
        watch.work(seconds=31)
    alert = failed(watch)
    number = rollout.row.change_set.number
    assert rollout.phase == "rolling_back"
    assert alert.what == f"The rollout of change #{number} is rolling itself back"
    assert "on_fail is roll_back_all" in alert.detail
    assert (alert.rollout_id, watch.reached(alert)) == (rollout.pk, sorted(watch.fleet.edges))
    watch.fleet.takes(*watch.fleet.edges)
    alert = failed(watch)
    assert rollout.phase == "rolled_back"
    assert (alert.what, alert.resolved_at) == (f"The rollout of change #{number} rolled itself back", None)
    acknowledge(watch, alert)
    assert failed(watch).resolved_at == watch.fleet.now
    assert watch.alerts(kind="rollout") == []


def test_a_roll_back_that_a_person_began_is_no_news(watch: Watch) -> None:
    rollout = watch.fleet.start(shares=[Share(percent=100)])
    watch.work()
    rollout.command("roll_back", scope="all")
    watch.work()
    assert rollout.phase == "rolling_back"
    assert watch.alerts() == []


def finished(watch: Watch, silent: str, **knobs: float) -> Driven:
    """One edge is silent, the others take it; the rollout completes without the one."""
    watch.fleet.now += timedelta(minutes=5)
    watch.fleet.all_beat(besides=[silent])
    rollout = watch.fleet.start(shares=[Share(percent=100)], minimum_coverage_percent=50, **knobs)
    watch.work()
    watch.fleet.takes(*(watch.fleet.edges.keys() - {silent}))
    watch.work(seconds=1)
    assert rollout.phase == "completed_with_exceptions"
    return rollout


def test_exceptions_are_told_of_until_they_are_over(watch: Watch) -> None:
    silent = "acme-site-0-0"
    rollout = finished(watch, silent)
    alert = failed(watch)
    assert alert.what == f"The rollout of change #{rollout.row.change_set.number} ended with exceptions"
    assert ("1 unreachable" in alert.detail, watch.reached(alert)) == (True, [silent])
    watch.fleet.beat(silent)
    watch.work(seconds=1)
    watch.fleet.takes(silent)
    assert watch.work(seconds=1).alerts(kind="rollout_failed", resolved_at=None) == []


def test_stragglers_that_take_it_badly_are_told_of_until_somebody_has_seen_it(watch: Watch) -> None:
    silent = "acme-site-0-0"
    finished(watch, silent, bad_limit=1)
    acknowledge(watch, failed(watch))
    assert failed(watch).resolved_at is not None
    watch.fleet.beat(silent)
    watch.work(seconds=1)
    watch.fleet.refuses(silent)
    (alert,) = watch.work(seconds=1).alerts(kind="rollout_failed", resolved_at=None)
    assert "stopped at its stragglers" in alert.what
    assert watch.reached(alert) == [silent]
    acknowledge(watch, alert)
    assert watch.work(seconds=1).alerts(kind="rollout_failed", resolved_at=None) == []
