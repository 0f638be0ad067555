"""Journal entries as both of the people's doors show them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from edges import journals
from edges.models import Edge, JournalEntry


def entry_item(entry: JournalEntry) -> dict[str, Any]:
    """`corrections` must be prefetched, as edges.journals does."""
    correction = next(iter(entry.corrections.all()), None)
    return {
        "id": entry.pk,
        "at": entry.at,
        "written_at": entry.written_at,
        "by": entry.by,
        "text": entry.text,
        "edge": entry.edge and entry.edge.edge_id,
        "corrects": entry.corrects_id,
        "corrected_by": correction and correction.pk,
    }


def timeline(edge: Edge, most: int, *, before: datetime | None = None) -> Iterable[dict[str, Any]]:
    """The newest notes for an edge's page, of itself and of its site. Two queries."""
    rows = journals.of_edge(edge) if before is None else journals.of_edge(edge).filter(at__lt=before)
    return [entry_item(entry) for entry in rows.order_by("-at", "-id")[:most]]
