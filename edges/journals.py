"""The journal of a site and of its edges: dated notes by people. Nothing is changed; what was wrong is
corrected by another note.
"""

from datetime import datetime, timedelta

from django.db.models import Q, QuerySet

from edges.errors import TakenError, ValueRefusedError
from edges.models import Edge, JournalEntry, Site

MOST_TEXT = 4000
AHEAD = timedelta(minutes=5)


def write(
    *,
    site: Site,
    edge: Edge | None = None,
    text: str,
    at: datetime | None = None,
    corrects: JournalEntry | None = None,
    by: str,
    now: datetime,
) -> JournalEntry:
    """A note about the site, or about one edge of it. Needs a scope. `at`: when it happened, now if absent.

    Errors: ValueRefusedError; TakenError when the note that it corrects was corrected already.
    """
    said = text.strip()
    if not 1 <= len(said) <= MOST_TEXT:
        raise ValueRefusedError("text", f"A note has 1 to {MOST_TEXT} characters.")
    if at is not None and at > now + AHEAD:
        raise ValueRefusedError("at", "A note is about what happened: its time cannot lie ahead.")
    if corrects is not None:
        _check_correction(corrects, site, edge)
    made: JournalEntry = JournalEntry.objects.create(
        organization_id=site.organization_id,
        site=site,
        edge=edge,
        at=at or (corrects.at if corrects else now),
        written_at=now,
        by=by,
        text=said,
        corrects=corrects,
    )
    return made


def _check_correction(corrected: JournalEntry, site: Site, edge: Edge | None) -> None:
    if corrected.site_id != site.pk or corrected.edge_id != (edge and edge.pk):
        raise ValueRefusedError("corrects", "There is no such note in this journal.")
    # Whoever comes second waits here, and then sees the first one's correction.
    JournalEntry.objects.select_for_update(no_key=True).get(pk=corrected.pk)
    if JournalEntry.objects.filter(corrects=corrected).exists():
        raise TakenError("This note was corrected already: correct its correction.")


def of_site(site: Site) -> QuerySet[JournalEntry]:
    """All of the site, its edges' too, in no order. Needs a scope."""
    rows: QuerySet[JournalEntry] = JournalEntry.objects.filter(site=site)
    return rows.select_related("edge").prefetch_related("corrections")


def of_edge(edge: Edge) -> QuerySet[JournalEntry]:
    """What belongs into the edge's timeline: notes about it, and those about its whole site."""
    rows: QuerySet[JournalEntry] = JournalEntry.objects.filter(
        Q(edge=edge) | Q(edge=None, site_id=edge.site_id)
    )
    return rows.select_related("edge").prefetch_related("corrections")
