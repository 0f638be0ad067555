"""Who is told: added, tested, removed. A webhook's secret is derived, shown once and stored nowhere."""

import re
from datetime import datetime
from urllib.parse import urlsplit
from uuid import UUID, uuid4

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from configs.changes import Actor
from configs.refusals import NotInState, Refusal
from edges import credentials, tenancy
from edges.models import Site
from monitoring import messages, outbox
from monitoring.models import Delivery, Recipient

MOST = 50
LONGEST = 500


class BadAddress(Refusal):
    """What was given cannot be told anything."""

    code, status = "bad_address", 422


def add(
    *,
    organization_id: UUID,
    kind: str,
    address: str,
    site: Site | None,
    actor: Actor,
    now: datetime,
    new_id: UUID | None = None,
) -> tuple[Recipient, str]:
    """Purpose: tell this address of alerts, of one site or (None) of the whole organization.

    Gives the recipient and, of a webhook, its secret: the only time that it is shown.
    Errors: BadAddress; NotInState when it is there already or there are 50.
    """
    address = address.strip()
    _check(kind, address)
    with tenancy.scope([organization_id]):
        if Recipient.objects.filter(removed_at=None).count() >= MOST:
            raise NotInState(f"There are {MOST} recipients already. Remove one first.")
        made = Recipient(
            id=new_id or uuid4(),
            organization_id=organization_id,
            kind=kind,
            address=address,
            site=site,
            pepper=credentials.newest_pepper() if kind == "webhook" else 0,
            by=actor.name,
            created_at=now,
        )
        try:
            with transaction.atomic():
                made.save(force_insert=True)
        except IntegrityError as taken:
            raise NotInState("This address is told already. Nothing was changed.") from taken
    return made, secret_of(made).hex() if kind == "webhook" else ""


def _check(kind: str, address: str) -> None:
    if len(address) > LONGEST or not address.isprintable():
        raise BadAddress(f"The address is longer than {LONGEST} characters or holds unprintable ones.")
    if kind == "email":
        try:
            validate_email(address)
        except ValidationError as wrong:
            raise BadAddress("This is no e-mail address. Write it like name@example.com.") from wrong
        return
    try:
        parts = urlsplit(address)
        port_is_good = parts.port is None or parts.port > 0
    except ValueError as wrong:
        raise BadAddress(
            "This is no address of a webhook. Write it like https://example.com/hook."
        ) from wrong
    plain = parts.hostname and port_is_good and not parts.username and not parts.fragment
    if parts.scheme not in ("https", "http") or not plain or re.search(r"\s", address):
        raise BadAddress("Write the webhook like https://example.com/hook, without a user name.")


def secret_of(recipient: Recipient) -> bytes:
    """What its messages are signed with. Errors: KeyError for a pepper that is no longer set."""
    return credentials.mac(recipient.pepper, f"webhook {recipient.pk}")


def remove(*, organization_id: UUID, recipient_id: UUID, now: datetime) -> None:
    """Purpose: tell this address nothing more; what waits for it is given up. Errors: none."""
    with tenancy.scope([organization_id]):
        Recipient.objects.filter(pk=recipient_id, removed_at=None).update(removed_at=now)


def test(*, organization_id: UUID, recipient_id: UUID, actor: Actor, now: datetime) -> Delivery:
    """Purpose: a message that says that it is a test, by the way that alerts go. Errors: NotInState."""
    with tenancy.scope([organization_id]):
        rows = Recipient.objects.select_related("organization")
        found = rows.filter(pk=recipient_id, removed_at=None).first()
        if found is None:
            raise NotInState("This recipient has been removed. Nothing was sent.")
        body = messages.of_test(found, by=actor.name, now=now)
        return outbox.send(found, key=f"test:{uuid4()}", body=body, now=now)


def redeliver(*, organization_id: UUID, delivery_id: UUID, now: datetime) -> Delivery:
    """Purpose: send a message once more, under the same key. Errors: NotInState while it waits anyway."""
    with tenancy.scope([organization_id]):
        rows = Delivery.objects.select_for_update(of=("self",)).select_related("recipient")
        row: Delivery = rows.get(pk=delivery_id)
        if row.state == "waiting":
            raise NotInState("This message waits to be sent anyway. Nothing was changed.")
        row.state, row.next_at = "waiting", now
        row.save(update_fields=["state", "next_at"])
        outbox.wake(row.recipient, now=now)
    return row
