"""What happened to an alert becomes one waiting message a recipient, in the same transaction."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from configs import jobs
from monitoring import messages
from monitoring.models import Alert, AlertEntry, Delivery, Recipient

# Of jobs, by kind of recipient. Their subject is the recipient, so that one worker at a time has it.
KINDS = {"email": "email", "webhook": "webhook"}
OLD_KIND = "delivery"  # a job of before; its subject is the delivery
SPREAD = "spread"  # an open alert concerns somebody who has not heard of it yet
BEGUN = ("opened", "reopened")
TOLD = frozenset({*BEGUN, "grown", SPREAD, "resolved"})


def post(alert: Alert, entry: AlertEntry, *, now: datetime) -> None:
    """To the organization's recipients and to those of the sites that it reaches. Muted: to nobody.

    What has spread is told to newcomers alone, the end to those alone who heard of the alert.
    """
    if _is_muted(alert, now):
        return
    for recipient in _hearers(alert, entry.what, now):
        body = messages.of_alert(alert, entry, recipient)
        send(recipient, key=f"{alert.pk}:{entry.pk}", body=body, alert=alert, now=now)


def newcomers(alert: Alert, *, now: datetime) -> QuerySet[Recipient]:
    """Whom it concerns, and who has heard nothing of it since it began. Muted: nobody.

    So a site's recipient hears of an alert once it reaches the site, whatever the reach elsewhere.
    """
    return Recipient.objects.none() if _is_muted(alert, now) else _concerned(alert).exclude(_heard(alert))


def _hearers(alert: Alert, what: str, now: datetime) -> QuerySet[Recipient]:
    if what == SPREAD:
        return newcomers(alert, now=now)
    if what == "resolved":
        rows: QuerySet[Recipient] = Recipient.objects.filter(_heard(alert), removed_at=None)
        return rows
    return _concerned(alert)


def _concerned(alert: Alert) -> QuerySet[Recipient]:
    sites = alert.reached.filter(left_at=None).values("edge__site_id")
    rows: QuerySet[Recipient] = Recipient.objects.filter(Q(site=None) | Q(site__in=sites), removed_at=None)
    return rows if alert.by_email else rows.exclude(kind="email")


def _heard(alert: Alert) -> Exists:
    begun = AlertEntry.objects.filter(alert=alert, what__in=BEGUN).order_by("-id").values("at")[:1]
    told = Delivery.objects.filter(recipient=OuterRef("pk"), alert=alert, created_at__gte=Subquery(begun))
    return Exists(told)


def _is_muted(alert: Alert, now: datetime) -> bool:
    return alert.muted_until is not None and alert.muted_until > now


def send(
    recipient: Recipient, *, key: str, body: dict[str, Any], now: datetime, alert: Alert | None = None
) -> Delivery:
    """An outbox row and the job that takes it up once this transaction commits."""
    made: Delivery = Delivery.objects.create(
        organization_id=recipient.organization_id,
        recipient=recipient,
        alert=alert,
        key=key,
        body=body,
        created_at=now,
        next_at=now,
    )
    wake(recipient, now=now)
    return made


def wake(recipient: Recipient, *, now: datetime) -> None:
    """A worker is to look at what waits for this recipient."""
    kind = KINDS[recipient.kind]
    jobs.add(kind=kind, organization_id=recipient.organization_id, subject=recipient.pk, now=now)
