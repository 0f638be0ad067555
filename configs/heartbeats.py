"""A heartbeat, filed and answered."""

import logging
from datetime import datetime, timedelta
from functools import lru_cache
from uuid import UUID

import orjson
from django.db import connection

from configs import quarantining, sealing, watching
from configs.models import Version
from configs.refusals import ClockRefused
from configs.rollouts import waking
from configs.signing import Signer
from edge_protocol.canonical import JsonObject
from edge_protocol.defaults import with_defaults
from edge_protocol.envelope import Envelope
from edge_protocol.instants import format_instant
from edge_protocol.manifest import Manifest
from edge_protocol.messages import Desired, Heartbeat, HeartbeatAnswer, present
from edges import asking, health, hints, notices, tenancy
from edges.credentials import EdgePrincipal
from edges.models import EdgeHead, TrustRoot

REISSUE_AFTER = timedelta(days=1)

logger = logging.getLogger(__name__)


def receive(
    *, principal: EdgePrincipal, heartbeat: Heartbeat, transport: str, now: datetime, signer: Signer
) -> HeartbeatAnswer:
    """File what the edge says, mirror what it refused, renew an old manifest, and say what it should run.

    Errors: none of its own; an old manifest is left as it is while the clocks disagree (ClockRefused).
    """
    with tenancy.scope([principal.organization_id]):
        poll_seconds, heartbeat_seconds = _tempo(principal)
        filed = health.file_heartbeat(
            principal=principal,
            heartbeat=heartbeat,
            transport=transport,
            now=now,
            digest_of=lambda number: _digest_of(principal.edge_uid, number),
            heartbeat_seconds=heartbeat_seconds,
        )
        if filed.accepted and filed.quarantine_changed:
            quarantining.mirror(
                organization_id=principal.organization_id,
                edge_uid=principal.edge_uid,
                reported=_refused(heartbeat, filed.head),
                now=now,
            )
        if filed.running_changed or filed.returned or filed.changed & waking.TELLING:
            waking.reported(organization_id=principal.organization_id, edge_uid=principal.edge_uid, now=now)
            site = frozenset({filed.status.edge.site_id})
            hints.tell([hints.Hint("edge", principal.organization_id, site, principal.edge_id)])
        if filed.returned or filed.troubles_changed or filed.attempt_changed:
            watching.look(organization_id=principal.organization_id, edge_uid=principal.edge_uid, now=now)
        if filed.head is not None and now - filed.head.issued_at >= REISSUE_AFTER:
            _reissue(filed.head, signer=signer, now=now)
        requests = asking.open_for(principal.edge_uid, now)
        newest_root = (
            TrustRoot.objects.order_by("-root_version").values_list("root_version", flat=True).first()
        )
    return HeartbeatAnswer(
        server_time=format_instant(now),
        desired=None if filed.head is None else Desired(version=filed.head.version, etag=filed.head.etag),
        next_poll_seconds=poll_seconds,
        next_heartbeat_seconds=heartbeat_seconds,
        report_full=filed.report_full,
        rotate_key=principal.rotation_due(now),
        trust_root_version=newest_root,
        requests=requests,
    )


def _refused(heartbeat: Heartbeat, head: EdgeHead | None) -> list[JsonObject]:
    """What it says to have refused, of what there is to refuse: an edge cannot fill a table with numbers."""
    newest = 0 if head is None else head.version
    return [entry for entry in present(heartbeat.quarantine) or [] if entry["version"] <= newest]


def _digest_of(edge_uid: UUID, number: int) -> str | None:
    found: str | None = (
        Version.objects.filter(edge_id=edge_uid, number=number).values_list("digest", flat=True).first()
    )
    return found


def _reissue(head: EdgeHead, *, signer: Signer, now: datetime) -> None:
    """Fresh dates under the same version; whoever published meanwhile wins. Three queries, once a day."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        database_now = cursor.fetchone()[0]
    try:
        signer.check_clock(database_now)
    except ClockRefused as refused:
        logger.error("manifest of %s not renewed: %s", head.pk, refused.detail)
        return
    manifest = Manifest.from_payload(Envelope.from_header(head.envelope).payload)
    renewed = EdgeHead.objects.filter(pk=head.pk, version=head.version, issued_at=head.issued_at).update(
        envelope=sealing.reissued(manifest, signer=signer, now=now), issued_at=now
    )
    if renewed:
        notices.notify(kind="reissued", organization_id=head.organization_id, subject_id=head.pk)


_SYNC = """
SELECT b.body FROM configs_version v
  JOIN configs_sectionblob b ON b.organization_id = v.organization_id AND b.digest = v.sections ->> 'sync'
 WHERE v.edge_id = %s AND v.number = %s AND v.organization_id = %s
"""


def _tempo(principal: EdgePrincipal) -> tuple[int, int]:
    """Seconds between polls and between heartbeats, as the desired document says."""
    version = 0 if principal.head is None else principal.head.version
    return _tempo_of(principal.organization_id, principal.edge_uid, version)


@lru_cache(maxsize=50_000)
def _tempo_of(organization_id: UUID, edge_uid: UUID, version: int) -> tuple[int, int]:
    """A version never changes, so it is read once in a process. Needs a scope."""
    with connection.cursor() as cursor:
        cursor.execute(_SYNC, [edge_uid, version, organization_id])
        row = cursor.fetchone()
    sync = with_defaults({"sync": orjson.loads(bytes(row[0])) if row else {}})["sync"]
    return sync["sync_interval_s"], sync["heartbeat_interval_s"]
