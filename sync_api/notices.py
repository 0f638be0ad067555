"""What the feed reads when it hears of a change: plain reads, each for the sockets of one organization."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Max, Q

from edges import tenancy
from edges.models import EdgeHead, EdgeKey, EdgeRequest, NoticeCounter, Stage, TrustRoot


@dataclass(frozen=True)
class Head:
    """What an edge is desired to run."""

    version: int
    digest: str


def counter() -> int:
    """The number of the newest committed notice."""
    return NoticeCounter.objects.values_list("seq", flat=True).get()


def heads(organization_id: UUID, edge_uids: Iterable[UUID]) -> dict[UUID, Head]:
    """The heads of these edges; an edge that was never published is missing."""
    with tenancy.scope([organization_id]):
        rows = EdgeHead.objects.filter(edge_id__in=list(edge_uids)).values_list(
            "edge_id", "version", "digest"
        )
        return {edge_uid: Head(version, digest) for edge_uid, version, digest in rows}


def live_keys(organization_id: UUID, key_ids: Iterable[str], *, now: datetime) -> dict[str, datetime | None]:
    """When each of these keys ends (None: never); one that is revoked, expired or suspended is missing."""
    with tenancy.scope([organization_id]):
        rows = (
            EdgeKey.objects.filter(
                Q(expires_at=None) | Q(expires_at__gt=now),
                key_id__in=list(key_ids),
                revoked_at=None,
                edge__site__is_active=True,
                organization__is_active=True,
            )
            .exclude(edge__stage=Stage.RETIRED)
            .values_list("key_id", "expires_at")
        )
        return dict(rows)


def open_requests(
    organization_id: UUID, edge_uids: Iterable[UUID], *, now: datetime
) -> dict[UUID, list[dict[str, Any]]]:
    """What these edges are still asked to do, as the heartbeat's answer words it."""
    with tenancy.scope([organization_id]):
        rows = EdgeRequest.objects.filter(
            edge_id__in=list(edge_uids), done_at=None, expires_at__gt=now
        ).values_list("edge_id", "id", "kind", "payload")
        found: dict[UUID, list[dict[str, Any]]] = {}
        for edge_uid, request_id, kind, payload in rows:
            found.setdefault(edge_uid, []).append({**payload, "id": str(request_id), "kind": kind})
        return found


def trust_root_version() -> int:
    """The newest issued trust root; 0 before the first."""
    return TrustRoot.objects.aggregate(newest=Max("root_version"))["newest"] or 0
