"""The cloud's copy of what each edge refused."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from configs.models import Quarantine
from edge_protocol.canonical import JsonObject


def mirror(*, organization_id: UUID, edge_uid: UUID, reported: Sequence[JsonObject], now: datetime) -> None:
    """Take over what an edge reports: new entries are opened, those it dropped are lifted. Needs a scope.

    A version that was lifted stays lifted: a retry lifts it, and a report may still be on its way. A version
    that stands there twice counts once. One query when nothing is new.
    """
    known = {row.version: row for row in Quarantine.objects.filter(edge_id=edge_uid)}
    entries = {entry["version"]: entry for entry in reported}
    Quarantine.objects.bulk_create(
        [
            Quarantine(
                organization_id=organization_id,
                edge_id=edge_uid,
                version=version,
                sections=entry["sections"],
                code=entry.get("code") or "",
                created_at=now,
            )
            for version, entry in entries.items()
            if version not in known
        ]
    )
    dropped = [row.pk for version, row in known.items() if version not in entries and row.lifted_at is None]
    if dropped:
        Quarantine.objects.filter(pk__in=dropped).update(lifted_at=now)
