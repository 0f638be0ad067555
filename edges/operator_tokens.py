"""Tokens for programs that act for a person."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from edge_protocol.keys import OPERATOR_TOKEN, new_credential
from edges import credentials, tenancy
from edges.errors import ValueRefusedError
from edges.models import OperatorToken, Site
from edges.roles import ROLES

LONGEST = timedelta(days=366)
TOUCH_EVERY = timedelta(minutes=1)


def issue(
    *,
    user: Any,
    organization_id: UUID,
    name: str,
    role: str,
    site: Site | None,
    lifetime: timedelta,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> tuple[OperatorToken, str]:
    """A new token and its text, which is shown once and stored nowhere. Needs a scope.

    Errors: ValueRefusedError for an unknown role or a lifetime out of range.
    """
    if role not in ROLES:
        raise ValueRefusedError("role", f"The role must be one of: {', '.join(ROLES)}.")
    if not timedelta(0) < lifetime <= LONGEST:
        raise ValueRefusedError("lifetime", f"A token lives up to {LONGEST.days} days.")
    fresh = new_credential(OPERATOR_TOKEN, random_bytes)
    pepper = credentials.newest_pepper()
    token = OperatorToken.objects.create(
        organization_id=organization_id,
        user=user,
        name=name,
        token_id=fresh.key_id,
        mac=credentials.mac(pepper, fresh.text),
        pepper=pepper,
        role=role,
        site=site,
        created_at=now,
        expires_at=now + lifetime,
    )
    return token, fresh.text


def revoke(*, token_id: str, by: str, now: datetime) -> bool:
    """End a token at once; False when there is no such live token in scope."""
    rows = OperatorToken.objects.filter(token_id=token_id, revoked_at=None)
    return bool(rows.update(revoked_at=now, revoked_by=by))


def state(token: OperatorToken, *, now: datetime) -> str:
    """live, revoked or expired."""
    if token.revoked_at is not None:
        return "revoked"
    return "expired" if token.expires_at <= now else "live"


def touch(pk: UUID, organization_id: UUID, *, last_used_at: datetime | None, now: datetime) -> None:
    """Note the use of a token, at most once a minute."""
    if last_used_at is not None and now - last_used_at < TOUCH_EVERY:
        return
    with tenancy.scope([organization_id]):
        OperatorToken.objects.filter(pk=pk).update(last_used_at=now)
