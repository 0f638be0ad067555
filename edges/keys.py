"""An edge's keys: made, rotated with an overlap, replaced with the hardware, revoked."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce, Least

from edge_protocol.keys import EDGE_KEY, new_credential
from edges import credentials, notices, tenancy
from edges.credentials import EdgePrincipal
from edges.errors import LastKeyError, RetiredError, Unauthenticated
from edges.models import Edge, EdgeKey, Stage

GRACE = timedelta(hours=24)
TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Rotated:
    """The candidate's text, shown once, and when the key before it ends if the candidate is used."""

    key_id: str
    key: str = field(repr=False)
    old_key_expires_at: datetime


def live(edge: Edge, now: datetime) -> QuerySet[EdgeKey]:
    """The keys that open the door now, candidates included."""
    unexpired = Q(expires_at=None) | Q(expires_at__gt=now)
    return EdgeKey.objects.filter(unexpired, edge=edge, revoked_at=None)


def make(
    *,
    edge: Edge,
    now: datetime,
    random_bytes: Callable[[int], bytes],
    pending: bool = False,
    replaces: EdgeKey | None = None,
    replaces_hardware: bool = False,
) -> tuple[EdgeKey, str]:
    """A new key and its text, which is stored nowhere. Needs a scope and, for candidates, the edge's lock."""
    fresh = new_credential(EDGE_KEY, random_bytes)
    pepper = credentials.newest_pepper()
    key = EdgeKey.objects.create(
        organization_id=edge.organization_id,
        edge=edge,
        key_id=fresh.key_id,
        mac=credentials.mac(pepper, fresh.text),
        pepper=pepper,
        created_at=now,
        pending=pending,
        replaces=replaces,
        replaces_hardware=replaces_hardware,
    )
    return key, fresh.text


def lock_edge(edge_uid: object) -> Edge:
    """The edge, with its key changes serialised until the transaction ends."""
    return Edge.objects.select_for_update(no_key=True).get(pk=edge_uid)


def void_pending(edge: Edge, *, reason: str, now: datetime) -> None:
    """A candidate that nobody used makes room for the next."""
    EdgeKey.objects.filter(edge=edge, pending=True, revoked_at=None).update(
        revoked_at=now, revoked_by="system", revoked_reason=reason
    )


def rotate(*, principal: EdgePrincipal, now: datetime, random_bytes: Callable[[int], bytes]) -> Rotated:
    """A candidate beside the key in use; its first use confirms it and starts the old key's grace.

    Asking again voids the candidate before.
    Errors: RetiredError, Unauthenticated (revoked meanwhile). Source: wire protocol, `keys/rotate`.
    """
    with tenancy.scope([principal.organization_id]):
        edge = lock_edge(principal.edge_uid)
        if edge.stage == Stage.RETIRED:
            raise RetiredError("A retired edge gets no key.")
        old = EdgeKey.objects.get(pk=principal.key_uid)
        if old.revoked_at is not None:  # while this request waited for the edge's lock
            raise Unauthenticated
        void_pending(edge, reason="another rotation was asked for", now=now)
        key, text = make(edge=edge, now=now, random_bytes=random_bytes, pending=True, replaces=old)
    ends = now + GRACE if old.expires_at is None else min(old.expires_at, now + GRACE)
    return Rotated(key.key_id, text, ends)


def touch(*, principal: EdgePrincipal, now: datetime) -> None:
    """A key was used: confirms a candidate, notes the time at most once a minute, else asks nothing."""
    if principal.key_pending:
        _confirm(principal, now)
    elif principal.key_last_used_at is None or now - principal.key_last_used_at >= TOUCH_EVERY:
        with tenancy.scope([principal.organization_id]):
            EdgeKey.objects.filter(pk=principal.key_uid).update(
                last_used_at=now, first_used_at=Coalesce(F("first_used_at"), now)
            )


def _confirm(principal: EdgePrincipal, now: datetime) -> None:
    with tenancy.scope([principal.organization_id]):
        edge = lock_edge(principal.edge_uid)
        candidate = EdgeKey.objects.filter(pk=principal.key_uid, pending=True, revoked_at=None)
        if not candidate.update(pending=False, first_used_at=now, last_used_at=now):
            return  # another request of the same edge was first
        key = EdgeKey.objects.get(pk=principal.key_uid)
        others = EdgeKey.objects.filter(edge=edge, revoked_at=None).exclude(pk=key.pk)
        if key.replaces_hardware:
            others.update(revoked_at=now, revoked_by="system", revoked_reason="the hardware was replaced")
            notices.notify(kind="revoked", organization_id=edge.organization_id, subject_id=edge.pk)
            return
        ends = max(now, key.created_at + GRACE)
        others.update(expires_at=Least(Coalesce(F("expires_at"), ends), ends))
        notices.notify(kind="rotated", organization_id=edge.organization_id, subject_id=edge.pk)


def revoke(*, edge: Edge, key_id: str, by: str, reason: str, cut_off: bool, now: datetime) -> EdgeKey:
    """End a key at once, everywhere, and the candidate that was asked for with it. Needs a scope.

    Repeating it changes nothing.
    Errors: EdgeKey.DoesNotExist; LastKeyError when the edge would have no other key and `cut_off` is not set.
    """
    with tenancy.scope([edge.organization_id]):
        lock_edge(edge.pk)
        key = EdgeKey.objects.get(edge=edge, key_id=key_id)
        if key.revoked_at is not None:
            return key
        proven = set(live(edge, now).filter(pending=False).values_list("pk", flat=True))
        if proven == {key.pk} and not cut_off:
            raise LastKeyError("This is the edge's only live key: without it the edge cannot connect.")
        key.revoked_at, key.revoked_by, key.revoked_reason = now, by, reason
        key.save(update_fields=["revoked_at", "revoked_by", "revoked_reason"])
        # A thief who rotated holds the successor. New hardware came with a token of its own.
        EdgeKey.objects.filter(replaces=key, pending=True, replaces_hardware=False, revoked_at=None).update(
            revoked_at=now, revoked_by=by, revoked_reason="the key that asked for it was revoked"
        )
        notices.notify(kind="revoked", organization_id=edge.organization_id, subject_id=edge.pk)
    return key


def revoke_all(*, edge: Edge, by: str, reason: str, now: datetime) -> int:
    """End every key of an edge (it retires). Needs a scope."""
    ended = EdgeKey.objects.filter(edge=edge, revoked_at=None).update(
        revoked_at=now, revoked_by=by, revoked_reason=reason
    )
    if ended:
        notices.notify(kind="revoked", organization_id=edge.organization_id, subject_id=edge.pk)
    return ended


def listed(edge: Edge) -> QuerySet[EdgeKey]:
    """Every key that the edge ever had, newest first; never a secret, for none is stored."""
    return EdgeKey.objects.filter(edge=edge).order_by("-created_at", "key_id")
