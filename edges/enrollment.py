"""A new edge, or new hardware for one, gets its key for a token that works once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from edge_protocol.errors import CredentialError
from edge_protocol.keys import ENROLLMENT_TOKEN, new_credential, parse_credential
from edges import credentials, keys, notices, tenancy
from edges.errors import EnrollTokenInvalid, RetiredError, Suspended, ValueRefusedError
from edges.models import Edge, EdgeKey, EdgeStatus, EnrollmentToken, Stage

DEFAULT_TTL_HOURS, LONGEST_TTL_HOURS = 24, 24 * 14
# A lost answer may be asked for again, with the same nonce, for this long.
SAME_NONCE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Who the edge is from now on; `key` is shown this once."""

    edge_id: str
    edge_uid: UUID
    org_uid: UUID
    key_id: str
    key: str = field(repr=False)


def issue_token(
    *,
    edge: Edge,
    ttl_hours: int = DEFAULT_TTL_HOURS,
    by: str,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> tuple[str, datetime]:
    """A token for one enrollment of this edge, and its end; the text is shown once. Needs a scope.

    Errors: ValueRefusedError for a lifetime out of range, RetiredError.
    """
    if not 1 <= ttl_hours <= LONGEST_TTL_HOURS:
        raise ValueRefusedError("ttl_hours", f"A token lives 1 to {LONGEST_TTL_HOURS} hours.")
    if edge.stage == Stage.RETIRED:
        raise RetiredError("A retired edge cannot be enrolled.")
    fresh = new_credential(ENROLLMENT_TOKEN, random_bytes)
    pepper = credentials.newest_pepper()
    expires_at = now + timedelta(hours=ttl_hours)
    EnrollmentToken.objects.create(
        organization_id=edge.organization_id,
        edge=edge,
        token_id=fresh.key_id,
        mac=credentials.mac(pepper, fresh.text),
        pepper=pepper,
        created_by=by,
        created_at=now,
        expires_at=expires_at,
    )
    return fresh.text, expires_at


def enroll(
    *,
    token: str,
    nonce: str,
    agent_version: str,
    schemas: Sequence[str],
    hardware_id: str | None,
    now: datetime,
    random_bytes: Callable[[int], bytes],
) -> Enrolled:
    """Spend the token for a key. On an enrolled edge it is a replacement: its first use ends the old key.

    Errors: EnrollTokenInvalid (unknown, used, expired, retired alike), Suspended.
    Source: wire protocol, `enroll`.
    """
    try:
        credential = parse_credential(token, ENROLLMENT_TOKEN)
    except CredentialError as error:
        raise EnrollTokenInvalid from error
    row = credentials.read_door(credential)
    if row is None or row["stage"] == Stage.RETIRED:
        raise EnrollTokenInvalid
    if not row["active"]:
        raise Suspended
    with tenancy.scope([UUID(row["organization_id"])]):
        edge = keys.lock_edge(row["edge_uid"])  # two requests with one token come one after the other
        spent = EnrollmentToken.objects.select_related("issued_key").get(pk=row["id"])
        _make_room(spent, nonce, now)
        key, text = _issue(edge, now, random_bytes)
        spent.used_at, spent.used_nonce, spent.issued_key = spent.used_at or now, nonce, key
        spent.save(update_fields=["used_at", "used_nonce", "issued_key"])
        EdgeStatus.objects.filter(edge=edge).update(
            agent_version=agent_version, schemas=list(schemas), hardware_id=hardware_id or ""
        )
    return Enrolled(edge.edge_id, edge.pk, edge.organization_id, key.key_id, text)


def _make_room(token: EnrollmentToken, nonce: str, now: datetime) -> None:
    """Refuse a token that is spent or expired; the same nonce soon after voids the key that got lost."""
    if token.used_at is None:
        if token.expires_at <= now:
            raise EnrollTokenInvalid
        return
    if token.used_nonce != nonce or now - token.used_at > SAME_NONCE or token.issued_key is None:
        raise EnrollTokenInvalid
    lost = EdgeKey.objects.filter(pk=token.issued_key.pk, revoked_at=None)
    lost.update(revoked_at=now, revoked_by="system", revoked_reason="enrolled again with the same nonce")
    notices.notify(kind="revoked", organization_id=token.organization_id, subject_id=token.edge_id)


def _issue(edge: Edge, now: datetime, random_bytes: Callable[[int], bytes]) -> tuple[EdgeKey, str]:
    keys.void_pending(edge, reason="the edge was enrolled again", now=now)
    old = keys.live(edge, now).order_by("-created_at").first()
    return keys.make(
        edge=edge,
        now=now,
        random_bytes=random_bytes,
        pending=old is not None,
        replaces=old,
        replaces_hardware=old is not None,
    )
