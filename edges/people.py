"""Who may do what in an organization. Every change keeps its history, and somebody always owns."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session

from edges import roles
from edges.errors import BeyondRoleError, LastOwnerError, ValueRefusedError
from edges.models import Invitation, Membership, OperatorToken, Organization, Site
from edges.roles import ROLES, Role


def grant(
    *,
    user: Any,
    organization_id: UUID,
    role: str,
    site: Site | None = None,
    by_role: Role | None = "owner",
) -> Membership:
    """Give or change a person's role there. Needs a scope. `by_role`: of whoever gives it.

    Errors: ValueRefusedError, BeyondRoleError, LastOwnerError.
    """
    check_role(role, by_role)
    _lock(organization_id)
    held = Membership.objects.filter(user=user, organization_id=organization_id, site=site).first()
    if held is None:
        return Membership.objects.create(user=user, organization_id=organization_id, role=role, site=site)
    if role != "owner":
        _keep_an_owner(held)
    held.role = role
    held.save(update_fields=["role"])
    return held


def check_role(role: str, by_role: Role | None) -> Role:
    """Nobody gives what they do not have. Errors: ValueRefusedError, BeyondRoleError."""
    for known in ROLES:
        if known == role:
            if by_role is None or roles.lesser(known, by_role) != known:
                raise BeyondRoleError("Nobody gives a role above their own.")
            return known
    raise ValueRefusedError("role", f"The role must be one of: {', '.join(ROLES)}.")


def withdraw(*, membership: Membership, now: datetime) -> None:
    """End a membership. Needs a scope. Errors: LastOwnerError.

    With a person's last role in the organization end their tokens for it and the invitations they sent; they
    are signed out everywhere at once.
    """
    _lock(membership.organization_id)
    _keep_an_owner(membership)
    user, organization_id = membership.user, membership.organization_id
    membership.delete()
    if not Membership.objects.filter(user=user, organization_id=organization_id).exists():
        ours = {"organization_id": organization_id, "revoked_at": None}
        OperatorToken.objects.filter(user=user, **ours).update(
            revoked_at=now, revoked_by="with the membership"
        )
        Invitation.objects.filter(created_by=user.get_username(), accepted_at=None, **ours).update(
            revoked_at=now, revoked_by="with the inviter's membership"
        )
    sign_out(user_id=user.pk, now=now)


def sign_out(*, user_id: int, now: datetime) -> int:
    """End every browser session of this person; how many there were."""
    live = Session.objects.filter(expire_date__gt=now)
    theirs = [one.pk for one in live.iterator() if one.get_decoded().get(SESSION_KEY) == str(user_id)]
    return Session.objects.filter(pk__in=theirs).delete()[0]


def tokens_of(*, user: Any) -> Any:
    """A person's tokens in the organizations in scope, newest first."""
    return OperatorToken.objects.filter(user=user).order_by("-created_at")


def _lock(organization_id: UUID) -> None:
    """Two owners who withdraw each other come one after the other."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


def _keep_an_owner(held: Membership) -> None:
    if held.role != "owner" or held.site_id is not None:
        return
    owners = Membership.objects.filter(organization_id=held.organization_id, role="owner", site=None)
    if not owners.exclude(pk=held.pk).exists():
        raise LastOwnerError("An organization keeps at least one owner.")
