"""Invitations: a code by which somebody new takes up one role, once and in time."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import connection, transaction

from edge_protocol.errors import CredentialError
from edge_protocol.keys import INVITATION, new_credential, parse_credential
from edges import credentials, people, roles, tenancy
from edges.errors import InvitationInvalid, TakenError, ValueRefusedError
from edges.models import Invitation, Membership, Site
from edges.roles import Role

LONGEST = timedelta(days=30)
INVALID = "This invitation does not hold: it is unknown, used, revoked or expired. Ask for a new one."


@dataclass(frozen=True, slots=True)
class Offer:
    """What an invitation's code stands for."""

    invitation_id: UUID
    organization_id: UUID
    organization: str
    site: str | None
    email: str
    role: Role
    invited_by: str
    expires_at: datetime


def invite(
    *,
    organization_id: UUID,
    email: str,
    role: str,
    site: Site | None,
    by: str,
    by_role: Role | None,
    lifetime: timedelta,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> tuple[Invitation, str]:
    """An invitation and its code, which is shown once and stored nowhere. Needs a scope.

    Errors: ValueRefusedError (address, role, lifetime), BeyondRoleError.
    """
    people.check_role(role, by_role)
    try:
        validate_email(email)
    except ValidationError as error:
        raise ValueRefusedError("email", "This is no e-mail address.") from error
    if not timedelta(0) < lifetime <= LONGEST:
        raise ValueRefusedError("lifetime", f"An invitation holds up to {LONGEST.days} days.")
    fresh = new_credential(INVITATION, random_bytes)
    pepper = credentials.newest_pepper()
    made = Invitation.objects.create(
        organization_id=organization_id,
        email=email,
        role=role,
        site=site,
        code_id=fresh.key_id,
        mac=credentials.mac(pepper, fresh.text),
        pepper=pepper,
        created_by=by,
        created_at=now,
        expires_at=now + lifetime,
    )
    return made, fresh.text


def revoke(*, invitation: Invitation, by: str, now: datetime) -> Invitation:
    """It stops holding; a second time changes nothing. Needs a scope. Errors: TakenError when it was used."""
    row: Invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if row.accepted_at is not None:
        raise TakenError(f"{row.accepted_by} has accepted it already: end their membership instead.")
    if row.revoked_at is None:
        row.revoked_at, row.revoked_by = now, by
        row.save(update_fields=["revoked_at", "revoked_by"])
    return row


def state(invitation: Invitation, *, now: datetime) -> str:
    """open, accepted, revoked or expired."""
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.revoked_at is not None:
        return "revoked"
    return "expired" if invitation.expires_at <= now else "open"


def look(*, code: str, now: datetime) -> Offer:
    """What this code offers; needs no scope. Errors: InvitationInvalid, the same whatever is wrong."""
    try:
        given = parse_credential(code.strip(), INVITATION)
    except CredentialError as error:
        raise InvitationInvalid(INVALID) from error
    with connection.cursor() as cursor:
        cursor.execute("select invitation(%s)", [given.key_id])
        text = cursor.fetchone()[0]
    row: dict[str, Any] | None = json.loads(text) if text else None
    mac, pepper = (bytes.fromhex(row["mac"]), row["pepper"]) if row else (bytes(32), None)
    holds = credentials.matches(given, mac, pepper)
    if row is None or not holds or not row["open"] or datetime.fromisoformat(row["expires_at"]) <= now:
        raise InvitationInvalid(INVALID)
    return Offer(
        UUID(row["id"]),
        UUID(row["organization_id"]),
        row["organization"],
        row["site"],
        row["email"],
        row["role"],
        row["created_by"],
        datetime.fromisoformat(row["expires_at"]),
    )


def accept(*, offer: Offer, user: Any, now: datetime) -> Membership:
    """Take the offered role; one that is stronger already stays. Errors: InvitationInvalid when it was used
    or revoked meanwhile.
    """
    with tenancy.scope([offer.organization_id]):
        row = Invitation.objects.select_for_update().filter(pk=offer.invitation_id).first()
        if row is None or row.accepted_at is not None or row.revoked_at is not None or row.expires_at <= now:
            raise InvitationInvalid(INVALID)
        row.accepted_at, row.accepted_by = now, user.get_username()
        row.save(update_fields=["accepted_at", "accepted_by"])
        held = Membership.objects.filter(user=user, site=row.site_id).first()
        role = roles.greater(held.role if held else None, row.role)
        return people.grant(user=user, organization_id=row.organization_id, role=str(role), site=row.site)


def join(*, offer: Offer, username: str, password: str, now: datetime) -> Any:
    """A new person with the offered role. Errors: ValueRefusedError (name, password), InvitationInvalid."""
    users = get_user_model()
    name = username.strip()
    fresh = users(username=name, email=offer.email)
    try:
        fresh.clean_fields(exclude=["password"])
        validate_password(password, fresh)
    except ValidationError as error:
        field = "password" if not hasattr(error, "error_dict") else "username"
        raise ValueRefusedError(field, " ".join(error.messages)) from error
    if users.objects.filter(username__iexact=name).exists():
        raise ValueRefusedError("username", "Somebody signs in by this name already. Choose another.")
    with transaction.atomic():
        user = users.objects.create_user(name, offer.email, password)
        accept(offer=offer, user=user, now=now)
    return user
