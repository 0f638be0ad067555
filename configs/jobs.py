"""What is to be looked at, by whom it is due: rows that wake workers.

A job is a hint that names a subject, never an instruction: whoever takes it looks at the subject as it is.
Jobs of one subject melt together. They are taken in the transaction that does the work, so a worker that dies
leaves them as they were. Why not a library: docs/adr/0006-jobs-in-a-table-of-ours.md.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from edges import tenancy

CHANNEL = "ems_jobs"  # a notification's payload is the kind of a job
LONGEST_BACKOFF_SECONDS = 300
MOST_TEXT = 500


@dataclass(frozen=True, slots=True)
class Due:
    """A subject that something is to be done about. `about`: the edges that reported."""

    kind: str
    organization_id: UUID
    subject: UUID
    about: frozenset[UUID] = frozenset()


_ADD = """
INSERT INTO configs_job (kind, organization_id, subject, about, due_at, created_at, attempts, error)
VALUES (%s, %s, %s, %s, %s, %s, 0, '')
"""


def add(
    *, kind: str, organization_id: UUID, subject: UUID, now: datetime, due_at: datetime | None = None
) -> None:
    """In the caller's transaction; workers hear of it when that commits. `due_at` None: at once."""
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [kind, organization_id, subject, None, due_at or now, now])
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, kind])


def reschedule(
    *, kind: str, organization_id: UUID, subject: UUID, now: datetime, due_at: datetime | None
) -> None:
    """The subject's one deadline of this kind; None: it has none any more. What is due already stays."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM configs_job"
            " WHERE organization_id = %s AND subject = %s AND kind = %s AND due_at > %s",
            [organization_id, subject, kind, now],
        )
    if due_at is not None:
        add(kind=kind, organization_id=organization_id, subject=subject, now=now, due_at=due_at)


_NEXT = """
SELECT kind, organization_id, subject FROM configs_job
 WHERE organization_id = ANY(%s) AND due_at <= %s AND NOT subject = ANY(%s)
   AND (%s::text[] IS NULL OR kind = ANY(%s)) ORDER BY due_at, id LIMIT 1
"""
_LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
_TAKE = """
DELETE FROM configs_job WHERE organization_id = %s AND kind = %s AND subject = %s AND due_at <= %s
RETURNING about
"""


def organizations() -> list[UUID]:
    """All that are active: what a worker may look at, before it serves one of them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT org_ids()")
        return [row[0] for row in cursor.fetchall()]


def find(now: datetime, *, besides: Collection[UUID], kinds: Collection[str] | None = None) -> Due | None:
    """What has been due longest in the scope, of these kinds (None: of any), but for those subjects.

    Nothing is taken.
    """
    wanted = None if kinds is None else list(kinds)
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, [list(tenancy.current()), now, list(besides), wanted, wanted])
        row = cursor.fetchone()
    return None if row is None else Due(*row)


def take(due: Due, now: datetime) -> Due | None:
    """All that is due of the subject, for this transaction alone; None: another worker has it."""
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, [f"{due.kind} {due.subject}"])
        if not cursor.fetchone()[0]:
            return None
        cursor.execute(_TAKE, [due.organization_id, due.kind, due.subject, now])
        about = frozenset(row[0] for row in cursor.fetchall() if row[0] is not None)
    return Due(due.kind, due.organization_id, due.subject, about)


_POSTPONE = """
UPDATE configs_job SET attempts = attempts + 1, error = %s,
       due_at = %s + make_interval(secs => least(power(2, least(attempts, 16)), %s))
 WHERE organization_id = %s AND kind = %s AND subject = %s AND due_at <= %s
"""


def postpone(due: Due, error: str, now: datetime) -> None:
    """Try again later, each time twice as late."""
    with connection.cursor() as cursor:
        cursor.execute(
            _POSTPONE,
            [
                error[:MOST_TEXT],
                now,
                LONGEST_BACKOFF_SECONDS,
                due.organization_id,
                due.kind,
                due.subject,
                now,
            ],
        )


_NEXT_DUE_AT = """
SELECT min(due_at) FROM configs_job
 WHERE organization_id = ANY(%s) AND (%s::text[] IS NULL OR kind = ANY(%s))
"""


def next_due_at(kinds: Collection[str] | None = None) -> datetime | None:
    """The earliest time at which anything of these kinds (None: of any) is due in the scope."""
    wanted = None if kinds is None else list(kinds)
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_DUE_AT, [list(tenancy.current()), wanted, wanted])
        found: datetime | None = cursor.fetchone()[0]
    return found
