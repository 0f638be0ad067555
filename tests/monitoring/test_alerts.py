"""One alert a cause: opened, grown, resolved and reopened by what edges report, and by their silence."""

from datetime import timedelta
from typing import Any

import pytest

from configs import holding
from configs.changes import Actor
from configs.refusals import NotInState
from edges import tenancy
from edges.models import Edge, Stage
from monitoring import acts, looking
from tests.configs.rollouts.conftest import THRESHOLD
from tests.monitoring.conftest import Watch, tell

EVE = Actor("eve")
NORTH = [f"acme-site-0-{number}" for number in range(3)]
SOUTH = [f"acme-site-1-{number}" for number in range(3)]


def change(watch: Watch, value: int = 40_000) -> Any:
    return watch.fleet.desk.publish(("organization/acme", "set", THRESHOLD, value))


def test_one_failed_change_on_many_edges_is_one_alert_that_grows_and_resolves(watch: Watch) -> None:
    made = change(watch)
    watch.fleet.refuses(NORTH[0])
    (alert,) = watch.work().alerts()
    assert (alert.kind, alert.change_set_id, alert.reach) == ("failed_change", made.change_set_id, 1)
    assert "watchdog" in alert.what
    watch.fleet.refuses(*NORTH[1:], *SOUTH)
    (alert,) = watch.work(minutes=1).alerts()
    assert watch.reached(alert) == sorted(watch.fleet.edges)
    change(watch, 41_000)
    watch.fleet.takes(*watch.fleet.edges)
    (alert,) = watch.work(minutes=1).alerts()
    assert (alert.reach, alert.resolved_at) == (0, watch.fleet.now)
    assert watch.story(alert) == [("opened", 1), ("grown", 6), ("resolved", 0)]


def test_other_codes_are_other_causes_and_looking_twice_changes_nothing(watch: Watch) -> None:
    change(watch)
    watch.fleet.refuses(NORTH[0])
    watch.fleet.refuses(SOUTH[0], code="cycle_overrun")
    before = [(one.pk, watch.reached(one), watch.story(one)) for one in watch.work().alerts()]
    assert sorted(reached for _, reached, _ in before) == [[NORTH[0]], [SOUTH[0]]]
    everybody = {one.pk for one in watch.fleet.edges.values()}
    looking.reported(organization_id=watch.fleet.organization.pk, edges=everybody, now=watch.fleet.now)
    assert [(one.pk, watch.reached(one), watch.story(one)) for one in watch.alerts()] == before


def test_what_comes_back_within_the_hour_is_the_same_alert_with_its_owner(watch: Watch) -> None:
    watch.fleet.beat(NORTH[0], phase="safe_mode")
    (alert,) = watch.work().alerts(kind="safe_mode")
    where = {"organization_id": watch.fleet.organization.pk, "alert_id": alert.pk, "actor": EVE}
    acts.acknowledge(**where, now=watch.fleet.now)
    watch.fleet.beat(NORTH[0], phase="committed")
    watch.work(minutes=5)
    with pytest.raises(NotInState, match="resolved itself"):
        acts.acknowledge(**where, now=watch.fleet.now)
    watch.fleet.beat(NORTH[0], phase="safe_mode")
    (again,) = watch.work(minutes=5).alerts(kind="safe_mode")
    assert (again.pk, again.owner, again.resolved_at) == (alert.pk, "eve", None)
    assert [what for what, _ in watch.story(again)] == ["opened", "acknowledged", "resolved", "reopened"]
    watch.fleet.beat(NORTH[0], phase="committed")
    watch.work(minutes=1)
    watch.fleet.now += timedelta(hours=2)
    watch.fleet.beat(NORTH[0], phase="safe_mode")
    assert len(watch.work().alerts(kind="safe_mode")) == 2


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"running": {"version": 1, "digest": "f" * 64}}, "drifted"),
        ({"clock": {"synced": False, "offset_ms": 0}}, "clock"),
        ({"last_attempt": {"version": 1, "status": "rejected", "code": "trust_stale"}}, "trust_stale"),
    ],
)
def test_each_flag_is_a_cause(watch: Watch, body: dict[str, Any], kind: str) -> None:
    watch.fleet.beat(NORTH[0], **body)
    (alert,) = watch.work().alerts()
    assert (alert.kind, watch.reached(alert)) == (kind, [NORTH[0]])


def test_late_is_no_alert_offline_is_and_a_heartbeat_ends_it(watch: Watch) -> None:
    silent = NORTH[0]
    looking.silence(organization_id=watch.fleet.organization.pk, now=watch.fleet.now)
    for _ in range(29):
        watch.fleet.all_beat(besides=[silent])
        assert watch.work(minutes=1).alerts() == []
    watch.fleet.all_beat(besides=[silent])
    (alert,) = watch.work(minutes=2).alerts()
    assert (alert.kind, watch.reached(alert)) == ("offline", [silent])
    watch.fleet.beat(silent)
    (alert,) = watch.work(seconds=1).alerts()
    assert alert.resolved_at == watch.fleet.now


def test_a_part_of_a_site_that_is_late_together_is_told_at_once(watch: Watch) -> None:
    looking.silence(organization_id=watch.fleet.organization.pk, now=watch.fleet.now)
    for _ in range(4):
        watch.fleet.all_beat(besides=NORTH)
        watch.work(minutes=1)
    watch.fleet.all_beat(besides=NORTH)
    (alert,) = watch.work(minutes=1).alerts()
    assert (alert.what, watch.reached(alert)) == ("Edges of Site-0 are silent", NORTH)


def test_an_edge_out_of_service_or_held_on_site_has_no_alert(watch: Watch) -> None:
    hold = {"until": "2099-01-01T00:00:00Z", "reason": "works on the roof"}
    watch.fleet.beat(NORTH[0], phase="safe_mode", hold=hold)
    watch.fleet.beat(SOUTH[0], phase="safe_mode")
    (alert,) = watch.work().alerts()
    assert watch.reached(alert) == [SOUTH[0]]
    with tenancy.scope([watch.fleet.organization.pk]):
        Edge.objects.filter(edge_id=SOUTH[0]).update(stage=Stage.MAINTENANCE)
    looking.silence(organization_id=watch.fleet.organization.pk, now=watch.fleet.now)
    assert watch.alerts(resolved_at=None) == []


def test_an_alarm_of_edges_is_one_alert_by_its_rule(watch: Watch) -> None:
    tell(watch, NORTH[0], "raised", senders=["email"])
    tell(watch, SOUTH[0], "raised", senders=["email"])
    (alert,) = watch.work().alerts()
    assert (alert.key, alert.by_email, watch.reached(alert)) == ("alarm:hot", True, [NORTH[0], SOUTH[0]])
    tell(watch, NORTH[0], "cleared", senders=["email"])
    assert watch.reached(watch.work().alerts()[0]) == [SOUTH[0]]
    tell(watch, SOUTH[0], "cleared", senders=["email"])
    assert watch.work().alerts(resolved_at=None) == []


def test_a_hold_is_told_of_when_its_review_is_due(watch: Watch) -> None:
    edge = watch.fleet.edges[NORTH[0]]
    until = watch.fleet.now + timedelta(minutes=10)
    with tenancy.scope([edge.organization_id]):
        holding.hold(edge=edge, reason="tests", actor=EVE, now=watch.fleet.now, until=until)
    looking.silence(organization_id=edge.organization_id, now=watch.fleet.now)
    for _ in range(9):
        watch.fleet.all_beat()
        assert watch.work(minutes=1).alerts() == []
    watch.fleet.all_beat()
    watch.work(minutes=1)
    watch.fleet.all_beat()
    (alert,) = watch.work(minutes=1).alerts()
    assert (alert.kind, watch.reached(alert)) == ("hold", [NORTH[0]])


def test_a_mute_ends_and_needs_a_time_ahead(watch: Watch) -> None:
    watch.fleet.beat(NORTH[0], phase="safe_mode")
    (alert,) = watch.work().alerts()
    where = {"organization_id": watch.fleet.organization.pk, "alert_id": alert.pk, "actor": EVE}
    now = watch.fleet.now
    for until in (now, now + timedelta(days=31)):
        with pytest.raises(NotInState, match="30 days"):
            acts.mute(**where, until=until, reason="works", now=now)
    acts.mute(**where, until=now + timedelta(hours=1), reason="works", now=now)
    acts.unmute(**where, now=now)
    with pytest.raises(NotInState, match="not muted"):
        acts.unmute(**where, now=now)
