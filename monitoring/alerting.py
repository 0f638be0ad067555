"""Alerts are opened, grown, resolved and reopened, so that they match what stands."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, Q

from edges import hints
from monitoring import outbox
from monitoring.causes import Cause
from monitoring.models import Alert, AlertEdge, AlertEntry

# What comes back so soon is the same alert, with its owner and its mute.
REOPENS_WITHIN = timedelta(hours=1)


def settle(
    organization_id: UUID,
    standing: Mapping[Cause, set[UUID]],
    *,
    kinds: Collection[str],
    edges: Collection[UUID] | None,
    now: datetime,
) -> None:
    """Make the open alerts of `kinds` reach what stands, as far as it is about `edges` (None: about all).

    Needs a scope and the organization's alert lock.
    """
    if edges is not None and not edges:
        return
    alerts = {one.key: one for one in Alert.objects.filter(kind__in=list(kinds), resolved_at=None)}
    if edges is None:
        _reword(alerts, standing)
    asked = _ask(alerts, standing)
    began = {cause.key: _open(organization_id, cause, now) for cause in standing if cause.key not in alerts}
    alerts |= {key: alert for key, (alert, _) in began.items()}
    touched = _move(organization_id, alerts, standing, edges, now) | {alerts[key].pk for key in began} | asked
    if edges is None:
        touched |= {one.pk for key, one in alerts.items() if key not in {cause.key for cause in standing}}
    _close_up(alerts, touched, standing, {key: word for key, (_, word) in began.items()}, edges, now)


def _reword(alerts: Mapping[str, Alert], standing: Iterable[Cause]) -> None:
    """What stands for other reasons than before says so."""
    for cause in standing:
        alert = alerts.get(cause.key)
        if alert is not None and (alert.what, alert.detail) != (cause.what, cause.detail):
            alert.what, alert.detail = cause.what, cause.detail
            alert.save(update_fields=["what", "detail"])


def _ask(alerts: Mapping[str, Alert], standing: Iterable[Cause]) -> set[UUID]:
    """Another edge asks that people be told by e-mail: from now on they are. Gives those alerts."""
    asked = set()
    for cause in standing:
        alert = alerts.get(cause.key)
        if alert is not None and cause.by_email and not alert.by_email:
            alert.by_email = True
            alert.save(update_fields=["by_email"])
            asked.add(alert.pk)
    return asked


def _open(organization_id: UUID, cause: Cause, now: datetime) -> tuple[Alert, str]:
    """The alert of this cause and how it began; its edges and its entry follow."""
    again = (
        Alert.objects.filter(key=cause.key, resolved_at__gt=now - REOPENS_WITHIN)
        .order_by("-resolved_at")
        .first()
    )
    if again is not None:
        again.resolved_at, again.changed_at = None, now
        again.what, again.detail, again.by_email = cause.what, cause.detail, cause.by_email
        again.save(update_fields=["resolved_at", "changed_at", "what", "detail", "by_email"])
        return again, "reopened"
    made = Alert.objects.create(
        organization_id=organization_id,
        kind=cause.kind,
        key=cause.key,
        what=cause.what,
        detail=cause.detail,
        change_set_id=cause.change_set,
        rollout_id=cause.rollout,
        by_email=cause.by_email,
        opened_at=now,
        changed_at=now,
    )
    return made, "opened"


def _move(
    organization_id: UUID,
    alerts: Mapping[str, Alert],
    standing: Mapping[Cause, set[UUID]],
    edges: Collection[UUID] | None,
    now: datetime,
) -> set[UUID]:
    """Edges come and leave; gives the alerts whose edges changed."""
    wanted = {(alerts[cause.key].pk, edge) for cause, reached in standing.items() for edge in reached}
    rows = AlertEdge.objects.filter(alert__in=[one.pk for one in alerts.values()], left_at=None)
    if edges is not None:
        rows = rows.filter(edge__in=list(edges))
    present = {(row.alert_id, row.edge_id): row.pk for row in rows}
    gone, new = present.keys() - wanted, wanted - present.keys()
    AlertEdge.objects.filter(pk__in=[present[pair] for pair in gone]).update(left_at=now)
    AlertEdge.objects.bulk_create(
        [
            AlertEdge(organization_id=organization_id, alert_id=alert, edge_id=edge, since=now)
            for alert, edge in sorted(new)
        ],
        update_conflicts=True,
        unique_fields=["alert", "edge"],
        update_fields=["since", "left_at"],
    )
    return {alert for alert, _ in gone | new}


def _close_up(
    alerts: Mapping[str, Alert],
    touched: set[UUID],
    standing: Mapping[Cause, set[UUID]],
    began: Mapping[str, str],
    edges: Collection[UUID] | None,
    now: datetime,
) -> None:
    """Count again, and say what became of each."""
    reach = _reach(touched)
    stand = {cause.key for cause in standing}
    for key, alert in sorted(alerts.items()):
        if alert.pk not in touched:
            continue
        number = reach[alert.pk]
        over = key not in stand and (edges is None or not number)
        alert.reach, alert.changed_at = number, now
        what = began.get(key) or ("resolved" if over else "grown" if number >= 2 * alert.told > 0 else "")
        if what == "resolved":
            alert.resolved_at = now
        elif what:
            alert.told = number
        alert.save(update_fields=["reach", "told", "changed_at", "resolved_at"])
        if what:
            note(alert, what, now=now)
        elif outbox.newcomers(alert, now=now).exists():
            note(alert, outbox.SPREAD, now=now)


def _reach(alerts: Iterable[UUID]) -> dict[UUID, int]:
    counted: dict[UUID, int] = defaultdict(int)
    rows = Alert.objects.filter(pk__in=list(alerts)).annotate(n=Count("reached", Q(reached__left_at=None)))
    counted |= dict(rows.order_by().values_list("pk", "n"))
    return counted


def note(alert: Alert, what: str, *, now: datetime, **more: Any) -> None:
    """What happened becomes an entry, a hint to open pages, and messages to whoever is to be told."""
    entry = AlertEntry.objects.create(
        organization_id=alert.organization_id, alert=alert, what=what, at=now, reach=alert.reach, **more
    )
    sites = frozenset(AlertEdge.objects.filter(alert=alert).values_list("edge__site_id", flat=True))
    hints.tell([hints.Hint("alerts", alert.organization_id, sites or None, str(alert.pk))])
    if what in outbox.TOLD:
        outbox.post(alert, entry, now=now)
