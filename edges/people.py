"""Who may do what in an organization. Every change keeps its history, and somebody always owns."""

from typing import Any
from uuid import UUID

from edges.errors import LastOwnerError, ValueRefusedError
from edges.models import Membership, OperatorToken, Organization, Site
from edges.roles import ROLES


def grant(*, user: Any, organization_id: UUID, role: str, site: Site | None = None) -> Membership:
    """Give or change a person's role there. Needs a scope. Errors: ValueRefusedError, LastOwnerError."""
    if role not in ROLES:
        raise ValueRefusedError("role", f"The role must be one of: {', '.join(ROLES)}.")
    _lock(organization_id)
    held = Membership.objects.filter(user=user, organization_id=organization_id, site=site).first()
    if held is None:
        return Membership.objects.create(user=user, organization_id=organization_id, role=role, site=site)
    if role != "owner":
        _keep_an_owner(held)
    held.role = role
    held.save(update_fields=["role"])
    return held


def withdraw(*, membership: Membership) -> None:
    """End a membership; tokens that stood on it stop working. Needs a scope. Errors: LastOwnerError."""
    _lock(membership.organization_id)
    _keep_an_owner(membership)
    membership.delete()


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
