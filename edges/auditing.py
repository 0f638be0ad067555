"""What a person did that leaves no other row. Everything else that an auditor asks for is a row already."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from edges import tenancy
from edges.models import AuditEntry

SIGNED_IN = "signed_in"
EXPORTED = "exported"


def note(
    *, organization_id: UUID, what: str, by: str, about: str = "", detail: str = "", now: datetime
) -> AuditEntry:
    """One line of the audit trail, for ever. Needs a scope."""
    entry: AuditEntry = AuditEntry.objects.create(
        organization_id=organization_id, at=now, what=what, by=by, about=about, detail=detail
    )
    return entry


def note_everywhere(
    *, organization_ids: Iterable[UUID], what: str, by: str, detail: str = "", now: datetime
) -> None:
    """The same line in each organization of a person: what concerns their account concerns all of them."""
    ids = sorted(organization_ids)
    if not ids:
        return
    with tenancy.scope(ids):
        AuditEntry.objects.bulk_create(
            AuditEntry(organization_id=one, at=now, what=what, by=by, detail=detail) for one in ids
        )
