"""One message, sent: by e-mail, or signed to a webhook. Tried again, each time later, for about two days.

A webhook gets `EMS-Timestamp` (seconds), `EMS-Key` (the same for every attempt) and `EMS-Signature`:
`v1=` HMAC-SHA256 of `<timestamp>.<body>` with its secret, in hex (docs/webhooks.md).
"""

import hmac
import json
import smtplib
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Min

from configs import jobs
from edges import tenancy
from monitoring import dialling, messages, outbox, recipients
from monitoring.models import Delivery

# Half a minute, then four times as long each time, at most eight hours: 30 s ... 8 h, 8 h, about two days.
FIRST, LONGEST = timedelta(seconds=30), timedelta(hours=8)
MOST_ATTEMPTS = 12


def wait_after(attempts: int) -> timedelta | None:
    """How long to wait after so many attempts; None: give up. Pure."""
    return None if attempts >= MOST_ATTEMPTS else min(FIRST * 4 ** (attempts - 1), LONGEST)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of an attempt. `is_reached`: somebody answered, though it may not have been a yes."""

    said: str
    is_done: bool = False
    is_reached: bool = True


def deliver(*, organization_id: UUID, recipient_id: UUID, now: datetime) -> None:
    """Purpose: one attempt at the message that waits longest for a recipient; it is written down.

    At least once: a worker that dies after sending sends again, under the same key. Where nobody answers, the
    recipient's other messages wait a while too, unattempted, so that each of them does not hold a worker for
    as long. Errors: none.
    """
    with tenancy.scope([organization_id]):
        waiting = Delivery.objects.filter(recipient_id=recipient_id, state="waiting")
        rows = waiting.select_for_update(of=("self",)).select_related("recipient").filter(next_at__lte=now)
        row = rows.order_by("next_at", "created_at", "pk").first()
        if row is None:
            return
        if row.recipient.removed_at is not None:
            row.state, row.next_at = "given_up", None
            row.attempts = [*row.attempts, {"at": now.isoformat(), "said": "the recipient was removed"}]
        elif not _attempt(row, now):
            waiting.filter(next_at__lte=now).exclude(pk=row.pk).update(next_at=now + FIRST)
        row.save(update_fields=["state", "attempts", "next_at", "delivered_at"])
        jobs.reschedule(
            kind=outbox.KINDS[row.recipient.kind],
            organization_id=organization_id,
            subject=recipient_id,
            now=now,
            due_at=waiting.aggregate(due_at=Min("next_at"))["due_at"],
        )


def hand_over(*, organization_id: UUID, delivery_id: UUID, now: datetime) -> None:
    """Purpose: a job of before jobs named recipients becomes one that does. Errors: none."""
    with tenancy.scope([organization_id]):
        row = Delivery.objects.select_related("recipient").filter(pk=delivery_id, state="waiting").first()
        if row is not None:
            outbox.wake(row.recipient, now=now)


def _attempt(row: Delivery, now: datetime) -> bool:
    """Whether somebody answered."""
    tried = (_email if row.recipient.kind == "email" else _webhook)(row, now)
    row.attempts = [*row.attempts, {"at": now.isoformat(), "said": tried.said}]
    if tried.is_done:
        row.state, row.next_at, row.delivered_at = "delivered", None, now
        return True
    wait = wait_after(len(row.attempts))
    row.state = "given_up" if wait is None else "waiting"
    row.next_at = None if wait is None else now + wait
    return tried.is_reached


def _webhook(row: Delivery, now: datetime) -> Tried:
    body = json.dumps(row.body, sort_keys=True, separators=(",", ":")).encode()
    try:
        headers = signed(recipients.secret_of(row.recipient), body, key=row.key, now=now)
        answer = dialling.call(
            "POST", row.recipient.address, body=body, headers=headers, to_private=settings.WEBHOOKS_TO_PRIVATE
        )
    except dialling.NotDialledError as no:
        return Tried(str(no), is_reached=False)
    except KeyError:
        return Tried("the pepper of its secret is no longer set: add the webhook anew")
    return Tried(f"answered {answer.status}", is_done=answer.is_good)


def signed(secret: bytes, body: bytes, *, key: str, now: datetime) -> dict[str, str]:
    """The headers of a message. Pure."""
    timestamp = str(int(now.timestamp()))
    # The text that the person was shown is the key: nobody has to know that it is hex.
    mac = hmac.new(secret.hex().encode(), f"{timestamp}.".encode() + body, sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "EMS-Timestamp": timestamp,
        "EMS-Key": key,
        "EMS-Signature": f"v1={mac}",
    }


def _email(row: Delivery, now: datetime) -> Tried:  # noqa: ARG001 - as `_webhook`
    if not settings.EMAIL_IS_SET:
        return Tried("no e-mail server is set (EMAIL_URL)")
    subject, text = messages.written(row.body)
    message = EmailMessage(
        subject, text, settings.DEFAULT_FROM_EMAIL, [row.recipient.address], headers={"X-EMS-Key": row.key}
    )
    try:
        message.send()
    except (OSError, smtplib.SMTPException) as lost:
        return Tried(f"the e-mail server said: {lost}"[:300], is_reached=False)
    return Tried("handed to the e-mail server", is_done=True)
