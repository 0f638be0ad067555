"""Who presents this key or token? The order of the checks is the protocol's, and every miss costs the same.

Nothing here needs a tenant scope: the rows are read through the database's doors.
"""

import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from edge_protocol.errors import CredentialError
from edge_protocol.keys import EDGE_KEY, OPERATOR_TOKEN, Credential, parse_credential
from edges.errors import Suspended, Unauthenticated
from edges.roles import Role, greater, lesser

__all__ = ["EdgePrincipal", "OperatorPrincipal", "Suspended", "Unauthenticated"]

POLL_SQL = "select * from edge_poll(%s)"
# Compared on a miss, so that an unknown key id takes as long as a wrong secret.
_NOBODY: Mapping[str, Any] = {"mac": bytes(32), "pepper": None}

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Head:
    """The version that is desired of an edge, ready for the wire."""

    version: int
    digest: str
    etag: str
    epoch: int
    envelope: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class EdgePrincipal:
    """An edge that proved to hold a live key. `head` is what was desired when the key was read."""

    organization_id: UUID
    edge_uid: UUID
    edge_id: str
    stage: str
    key_uid: UUID
    key_id: str
    key_pending: bool
    key_created_at: datetime
    key_last_used_at: datetime | None
    rotation_days: int
    head: Head | None
    is_authenticated: bool = field(default=True, init=False)

    def rotation_due(self, now: datetime) -> bool:
        """Has the key served longer than its organization lets keys serve?"""
        return now >= self.key_created_at + timedelta(days=self.rotation_days)


@dataclass(frozen=True, slots=True)
class Grant:
    """A role in an organization, or (site_id) in one of its sites."""

    organization_id: UUID
    site_id: UUID | None
    role: Role


@dataclass(frozen=True, slots=True)
class OperatorPrincipal:
    """A person, through a token or a session, with what they may do where."""

    user_id: int
    username: str
    grants: tuple[Grant, ...]
    token_id: str | None
    # Names of the organizations that ask for a second factor, when this person signed in and has none.
    owes_second_factor: tuple[str, ...] = ()
    is_authenticated: bool = field(default=True, init=False)

    @property
    def organization_ids(self) -> frozenset[UUID]:
        return frozenset(grant.organization_id for grant in self.grants)

    def role_of(self, organization_id: UUID, site_id: UUID | None = None) -> Role | None:
        """The strongest role that holds for the whole organization, or there for this site."""
        role: Role | None = None
        for grant in self.grants:
            if grant.organization_id == organization_id and grant.site_id in {None, site_id}:
                role = greater(role, grant.role)
        return role

    def sites_of(self, organization_id: UUID) -> frozenset[UUID] | None:
        """The only sites that this person may see there; None: all of them."""
        sites = {grant.site_id for grant in self.grants if grant.organization_id == organization_id}
        return None if None in sites else frozenset(site for site in sites if site is not None)


def mac(pepper: int, text: str) -> bytes:
    """The keyed hash that is stored in place of a credential. Errors: KeyError for an unknown pepper."""
    return hmac.digest(settings.EMS_PEPPERS[pepper], text.encode(), sha256)


def newest_pepper() -> int:
    return max(settings.EMS_PEPPERS)


def matches(credential: Credential, stored_mac: bytes, pepper: int | None) -> bool:
    """Constant-time comparison; an unknown pepper matches nothing, and is logged: a setting is missing."""
    known = pepper in settings.EMS_PEPPERS
    if pepper is not None and not known:
        logger.error(
            "pepper %s is not among EMS_PEPPERS: credential %s cannot be checked", pepper, credential.key_id
        )
    computed = mac(pepper if pepper is not None and known else newest_pepper(), credential.text)
    return hmac.compare_digest(computed, bytes(stored_mac)) and known


def authenticate_edge(text: str, *, now: datetime) -> EdgePrincipal:
    """The edge that holds this key: one read.

    Errors: Unauthenticated, Suspended. Source: wire protocol, "Identity".
    """
    credential = parse_edge_key(text)
    with connection.cursor() as cursor:
        cursor.execute(POLL_SQL, [credential.key_id])
        row = cursor.fetchone()
        names = [column.name for column in cursor.description]
    return verify_edge(credential, dict(zip(names, row, strict=True)) if row else None, now=now)


def parse_edge_key(text: str) -> Credential:
    """Shape and checksum, without the database. Errors: Unauthenticated."""
    return _parse(text, EDGE_KEY)


def verify_edge(credential: Credential, row: Mapping[str, Any] | None, *, now: datetime) -> EdgePrincipal:
    """The checks on a row of `edge_poll` (None: no such key). Errors: Unauthenticated, Suspended."""
    facts = row or _NOBODY
    if not matches(credential, facts["mac"], facts["pepper"]) or row is None:
        raise Unauthenticated
    if row["revoked_at"] is not None or (row["expires_at"] is not None and row["expires_at"] <= now):
        raise Unauthenticated
    if not row["active"] or row["stage"] == "retired":
        raise Suspended
    head = None
    if row["version"] is not None:
        head = Head(
            **{name: row[name] for name in ("version", "digest", "etag", "epoch", "envelope", "issued_at")}
        )
    return EdgePrincipal(
        organization_id=row["organization_id"],
        edge_uid=row["edge_uid"],
        edge_id=row["edge_id"],
        stage=row["stage"],
        key_uid=row["key_uid"],
        key_id=credential.key_id,
        key_pending=row["pending"],
        key_created_at=row["created_at"],
        key_last_used_at=row["last_used_at"],
        rotation_days=row["rotation_days"],
        head=head,
    )


def _parse(text: str, kind: str) -> Credential:
    try:
        return parse_credential(text, kind)
    except CredentialError as error:
        raise Unauthenticated from error


def read_door(credential: Credential) -> dict[str, Any] | None:
    """The row of an enrollment or operator token whose secret fits, else None."""
    with connection.cursor() as cursor:
        cursor.execute("select credential(%s, %s)", [credential.kind, credential.key_id])
        text = cursor.fetchone()[0]
    row: dict[str, Any] | None = json.loads(text) if text else None
    stored, pepper = (bytes.fromhex(row["mac"]), row["pepper"]) if row else (_NOBODY["mac"], None)
    return row if matches(credential, stored, pepper) else None


def authenticate_operator(text: str, *, now: datetime) -> OperatorPrincipal:
    """The person behind an operator token, at most as strong as token and membership both say.

    Errors: Unauthenticated, Suspended.
    """
    from edges import operator_tokens  # it needs this module's hashes

    credential = _parse(text, OPERATOR_TOKEN)
    row = read_door(credential)
    if row is None or row["revoked_at"] is not None or datetime.fromisoformat(row["expires_at"]) <= now:
        raise Unauthenticated
    if not row["active"]:
        raise Suspended
    grants = _token_grants(row)
    if not grants:  # the membership that the token stood on is gone
        raise Unauthenticated
    organization_id = UUID(row["organization_id"])
    last_used = row["last_used_at"] and datetime.fromisoformat(row["last_used_at"])
    operator_tokens.touch(UUID(row["id"]), organization_id, last_used_at=last_used, now=now)
    return OperatorPrincipal(row["user_id"], row["username"], grants, credential.key_id)


def _token_grants(row: Mapping[str, Any]) -> tuple[Grant, ...]:
    organization_id, token_site = UUID(row["organization_id"]), row["site_id"]
    grants = []
    for membership in row["memberships"]:
        if token_site is not None and membership["site_id"] not in {None, token_site}:
            continue
        site = token_site or membership["site_id"]
        role = lesser(row["role"], membership["role"])
        grants.append(Grant(organization_id, UUID(site) if site else None, role))
    return tuple(grants)


def operator_of_user(user: Any) -> OperatorPrincipal:
    """A signed-in person with all their memberships in active organizations."""
    from edges import second_factor  # it needs this module's peppers

    with connection.cursor() as cursor:
        cursor.execute(
            "select organization_id, role, site_id, asks_second_factor from memberships(%s)", [user.pk]
        )
        rows = cursor.fetchall()
    grants = tuple(Grant(organization, site, role) for organization, role, site, _ in rows)
    asking = tuple(sorted({name for *_, name in rows if name is not None}))
    owes = asking if asking and not second_factor.has(user.pk) else ()
    return OperatorPrincipal(user.pk, user.get_username(), grants, None, owes)
