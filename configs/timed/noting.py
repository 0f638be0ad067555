"""What happened to a change set besides its steps, kept for its page and for the audit trail."""

from datetime import datetime

from configs import hinting, watching
from configs.models import ChangeSet
from configs.timed.models import ChangeSetEntry, Timing

# A plan failed, or somebody made another one: the alerts look.
WATCHED = frozenset(
    {"scheduled", "rescheduled", "unscheduled", "put_back", "window_missed", "end_planned", "end_refused"}
)


def note(row: ChangeSet, what: str, *, by: str, now: datetime, detail: str = "") -> None:
    """Purpose: one line of a change set's story, and a hint to whoever looks at it. Needs a scope."""
    ChangeSetEntry.objects.create(
        organization_id=row.organization_id, change_set=row, at=now, what=what, by=by, detail=detail
    )
    hinting.moved(
        changed="change_set",
        organization_id=row.organization_id,
        subject=row.pk,
        change_set_id=row.pk,
    )
    if what in WATCHED:
        watching.look(organization_id=row.organization_id, now=now)


def timing(row: ChangeSet) -> Timing:
    """The change set's, or a new one that is not stored yet. Needs a scope."""
    found: Timing | None = Timing.objects.filter(pk=row.pk).first()
    return found or Timing(change_set=row, organization_id=row.organization_id)
