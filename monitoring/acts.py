"""What people do to an alert: take it, mute it for a while, hear it again."""

from datetime import datetime, timedelta
from uuid import UUID

from configs import watching
from configs.changes import Actor
from configs.refusals import NotInState
from edges import tenancy
from monitoring import alerting, looking
from monitoring.models import Alert

LONGEST_MUTE = timedelta(days=30)


def acknowledge(
    *, organization_id: UUID, alert_id: UUID, actor: Actor, now: datetime, reason: str = ""
) -> Alert:
    """Purpose: the person owns the alert from now on; of two, the last one does. Of a rollout that failed and
    is over nothing else is left to wait for: the alert resolves.

    Errors: NotInState when it is resolved.
    """
    with tenancy.scope([organization_id]):
        alert = _open(organization_id, alert_id)
        alert.owner, alert.acknowledged_at = actor.name, now
        alert.save(update_fields=["owner", "acknowledged_at"])
        alerting.note(alert, "acknowledged", now=now, by=actor.name, reason=reason)
        watching.look(organization_id=organization_id, now=now)  # what only waited for that is closed
    return alert


def mute(
    *, organization_id: UUID, alert_id: UUID, until: datetime, reason: str, actor: Actor, now: datetime
) -> Alert:
    """Purpose: nobody is told of this alert until then, also when it grows or comes back within the hour.

    Errors: NotInState when it is resolved, or when `until` is past or more than 30 days ahead.
    """
    if not now < until <= now + LONGEST_MUTE:
        raise NotInState("Mute until a time that is ahead, 30 days at most. Nothing was changed.")
    with tenancy.scope([organization_id]):
        alert = _open(organization_id, alert_id)
        alert.muted_until, alert.muted_by, alert.mute_reason = until, actor.name, reason
        alert.save(update_fields=["muted_until", "muted_by", "mute_reason"])
        alerting.note(alert, "muted", now=now, by=actor.name, reason=reason)
    return alert


def unmute(*, organization_id: UUID, alert_id: UUID, actor: Actor, now: datetime, reason: str = "") -> Alert:
    """Purpose: tell of it again. Errors: NotInState when it is resolved or not muted."""
    with tenancy.scope([organization_id]):
        alert = _open(organization_id, alert_id)
        if alert.muted_until is None or alert.muted_until <= now:
            raise NotInState("The alert is not muted. Nothing was changed.")
        alert.muted_until, alert.muted_by, alert.mute_reason = None, "", ""
        alert.save(update_fields=["muted_until", "muted_by", "mute_reason"])
        alerting.note(alert, "unmuted", now=now, by=actor.name, reason=reason)
    return alert


def _open(organization_id: UUID, alert_id: UUID) -> Alert:
    looking.lock(organization_id)
    alert: Alert = Alert.objects.get(pk=alert_id)
    if alert.resolved_at is not None:
        raise NotInState("The alert has resolved itself meanwhile. Nothing was changed.")
    return alert
