"""What each role may do. Pure; the one table that every door asks."""

from typing import Final, Literal, get_args

Role = Literal["viewer", "approver", "operator", "administrator", "owner"]
Act = Literal[
    "read",
    "approve",
    "edit",
    "publish",
    "rollback",
    "manage_edges",
    "manage_keys",
    "manage_tokens",
    "manage_people",
]
ROLES: Final[tuple[Role, ...]] = get_args(Role)
ACTS: Final[tuple[Act, ...]] = get_args(Act)

_NEEDED: Final[dict[Act, Role]] = {
    "read": "viewer",
    "approve": "approver",
    "edit": "operator",
    "publish": "operator",
    "rollback": "operator",
    "manage_edges": "administrator",
    "manage_keys": "administrator",
    "manage_tokens": "administrator",
    "manage_people": "owner",
}


def allows(role: Role | None, act: Act) -> bool:
    """May somebody of this role (None: a stranger) do this?"""
    return role is not None and ROLES.index(role) >= ROLES.index(_NEEDED[act])


def lesser(one: Role, other: Role) -> Role:
    """A token never does more than the person it belongs to."""
    return min(one, other, key=ROLES.index)


def greater(one: Role | None, other: Role | None) -> Role | None:
    """A role in the organization and one in the site add up to the stronger."""
    given = [role for role in (one, other) if role is not None]
    return max(given, key=ROLES.index, default=None)
