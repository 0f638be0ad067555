"""What an edge says of itself is filed as facts: what it runs, what it has seen, what it last tried."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from edge_protocol.canonical import JsonValue
from edge_protocol.errors import DocumentError
from edge_protocol.messages import Event, EventsAnswer, Heartbeat, present
from edge_protocol.pointers import MISSING
from edges import asking, tenancy
from edges.credentials import EdgePrincipal
from edges.models import EdgeHead, EdgeStatus, RunningChange
from edges.words import link_word, troubles

# Member of the heartbeat -> column of the status. What a heartbeat leaves out stays as it was.
FACTS: Final = {
    "highest_seen": "highest_seen",
    "last_known_good": "last_known_good",
    "phase": "phase",
    "staged": "staged",
    "last_attempt": "last_attempt",
    "quarantine": "quarantine",
    "hold": "local_hold",
    "health": "health",
    "sync": "sync",
    "schemas": "schemas",
    "capabilities": "capabilities",
    "hardware_id": "hardware_id",
    "limits_digest": "limits_digest",
    "agent_version": "agent_version",
    "uptime_seconds": "uptime_seconds",
    "clock": "clock",
}
# Columns that nearly every heartbeat moves; of the facts only those that changed are written.
ALWAYS: Final = (
    "boot_id",
    "previous_boot_id",
    "seq",
    "running_version",
    "running_digest",
    "drifted",
    "transport",
    "last_heartbeat_at",
    "heartbeat_seconds",
)
TEXTS: Final = frozenset({"hardware_id", "limits_digest"})


@dataclass(frozen=True, slots=True)
class Filed:
    """What became of a heartbeat. `accepted` False: an old one, nothing was changed.

    `running_changed` and `attempt_changed` compare with the facts before, `changed` names the facts that
    changed; `returned`: it was silent for so long that it counted as late; `head` is what is desired now.
    `troubles_changed`: something else is wrong with it than before, or nothing any more.
    """

    status: EdgeStatus
    head: EdgeHead | None
    accepted: bool
    report_full: bool
    running_changed: bool = False
    attempt_changed: bool = False
    quarantine_changed: bool = False
    changed: frozenset[str] = frozenset()
    returned: bool = False
    troubles_changed: bool = False


def file_heartbeat(
    *,
    principal: EdgePrincipal,
    heartbeat: Heartbeat,
    transport: str,
    now: datetime,
    digest_of: Callable[[int], str | None],
    heartbeat_seconds: int = 60,
) -> Filed:
    """Purpose: merge a heartbeat into the edge's status; every change of what it runs becomes a row.

    Shape: `digest_of(version)` = the digest of that version's content, None if it was never published; asked
    only when the edge runs something new. `heartbeat_seconds` = the interval the edge is told to keep.
    Errors: none; an old heartbeat is ignored. Source: wire protocol, "Heartbeat".
    """
    with tenancy.scope([principal.organization_id]):
        # One row by key, locked: heartbeats of one edge come one after the other, publishing is not held up.
        rows = EdgeStatus.objects.select_related("edge__head").select_for_update(no_key=True, of=("self",))
        status = rows.get(pk=principal.edge_uid)
        head = getattr(status.edge, "head", None)
        accepted, report_full = _take_turn(status, heartbeat)
        if not accepted:
            return Filed(status, head, accepted=False, report_full=report_full)
        before = (status.last_attempt, status.quarantine)
        returned = link_word(status, now) != "online"
        had = troubles(head, status, now)
        columns = _merge(status, heartbeat)
        change = _run(status, heartbeat, head, now, digest_of)
        status.transport, status.last_heartbeat_at = transport, now
        status.heartbeat_seconds = heartbeat_seconds
        status.save(update_fields=[*ALWAYS, *columns])
        if change is not None:
            change.save(force_insert=True)
        has = troubles(head, status, now)
    return Filed(
        status,
        head,
        accepted=True,
        report_full=report_full,
        running_changed=change is not None,
        attempt_changed=status.last_attempt != before[0],
        quarantine_changed=status.quarantine != before[1],
        changed=frozenset(columns),
        returned=returned,
        troubles_changed=has != had,
    )


def _take_turn(status: EdgeStatus, heartbeat: Heartbeat) -> tuple[bool, bool]:
    """(accepted, report_full) by boot and sequence; moves both on. Without them it stands for itself."""
    boot_text, seq = present(heartbeat.boot_id), present(heartbeat.seq)
    if boot_text is None or seq is None:
        return True, False
    boot = UUID(boot_text)
    if boot == status.previous_boot_id:  # it was under way while the agent started anew
        return False, False
    if boot == status.boot_id:
        if seq <= status.seq:
            return False, False
        gap = seq > status.seq + 1
    else:
        status.previous_boot_id, status.boot_id = status.boot_id, boot
        gap = seq > 1
    status.seq = seq
    return True, gap


def _merge(status: EdgeStatus, heartbeat: Heartbeat) -> list[str]:
    """The columns that the heartbeat changed."""
    changed = []
    for member, column in FACTS.items():
        value: Any = getattr(heartbeat, member)
        if value is MISSING:
            continue
        value = "" if value is None and member in TEXTS else value
        if value != getattr(status, column):
            setattr(status, column, value)
            changed.append(column)
    return changed


def _run(
    status: EdgeStatus,
    heartbeat: Heartbeat,
    head: EdgeHead | None,
    now: datetime,
    digest_of: Callable[[int], str | None],
) -> RunningChange | None:
    """Note what runs; the change, if there is one. Drift = not the content of the version it reports."""
    version, digest = heartbeat.running.version, heartbeat.running.digest
    before = (status.running_version, status.running_digest)
    changed = (version, digest) != before
    if head is not None and version == head.version:
        status.drifted = digest is not None and digest != head.digest
    elif changed:
        status.drifted = version > 0 and digest is not None and digest != digest_of(version)
    if not changed:
        return None
    status.running_version, status.running_digest = version, digest
    attempt = status.last_attempt or {}
    return RunningChange(
        organization_id=status.organization_id,
        edge_id=status.pk,
        from_version=before[0],
        to_version=version,
        from_digest=before[1],
        to_digest=digest,
        # Only an attempt at another version than the one that runs now explains the change.
        code=(attempt.get("code") or "") if attempt.get("version") != version else "",
        at=now,
    )


_INSERT = """
insert into edges_edgeevent
    (organization_id, edge_id, event_id, seq, type, at, received_at, version, code, detail, data)
select %s, %s, e.id, e.seq, e.type, e.at, %s, e.version, coalesce(e.code, ''), coalesce(e.detail, ''), e.data
from jsonb_to_recordset(%s::jsonb) as e (
    id uuid, seq bigint, type text, at timestamptz, version bigint, code text, detail text, data jsonb)
on conflict (edge_id, event_id) do nothing
returning event_id
"""


def file_events(*, principal: EdgePrincipal, events: Sequence[JsonValue], now: datetime) -> EventsAnswer:
    """Purpose: store each event once, by its id; a bad one is rejected alone.

    Shape: the raw items of the request. Errors: none. Source: wire protocol, "events".
    """
    good: list[Event] = []
    rejected: list[dict[str, JsonValue]] = []
    for raw in events:
        try:
            good.append(Event.from_dict(raw))
        except DocumentError as error:
            offered = raw.get("id") if isinstance(raw, dict) else None
            rejected.append({"id": offered, "code": error.code})
    stored = _store(principal, good, now) if good else set()
    accepted: list[str] = []
    duplicate: list[str] = []
    for event in good:
        new = UUID(event.id) in stored
        (accepted if new else duplicate).append(event.id)
        stored.discard(UUID(event.id))  # the same id twice in one request: the second is a duplicate
    return EventsAnswer(accepted=accepted, duplicate=duplicate, rejected=rejected)


def _store(principal: EdgePrincipal, events: Sequence[Event], now: datetime) -> set[UUID]:
    texts = json.dumps([event.to_dict() for event in events])
    with tenancy.scope([principal.organization_id]):
        with connection.cursor() as cursor:
            cursor.execute(_INSERT, [principal.organization_id, principal.edge_uid, now, texts])
            stored = {row[0] for row in cursor.fetchall()}
        asking.finish(edge_uid=principal.edge_uid, events=events, now=now)
    return stored
