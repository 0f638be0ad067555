"""The audit trail of an organization: who did what, newest first or oldest first, in pages."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from configs.audit import sources
from configs.audit.sources import WORDS


@dataclass(frozen=True, slots=True)
class Row:
    """One act. `id` names the row that it was read from; `by` is empty where nobody was noted."""

    at: datetime
    what: str
    by: str
    about: str
    detail: str
    id: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Filters; empty and None: any. `since` is in, `until` is not."""

    what: str = ""
    by: str = ""
    text: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def condition(self) -> Q:
        found = Q()
        if self.what:
            found &= Q(trail_what=self.what)
        if self.by:
            found &= Q(trail_by=self.by)
        if self.text:
            found &= Q(trail_about__icontains=self.text) | Q(trail_detail__icontains=self.text)
        if self.since is not None:
            found &= Q(trail_at__gte=self.since)
        if self.until is not None:
            found &= Q(trail_at__lt=self.until)
        return found


def page(
    *,
    organization_id: UUID,
    wanted: Wanted,
    most: int,
    after: tuple[datetime, str] | None = None,
    is_oldest_first: bool = False,
) -> list[Row]:
    """At most `most` acts behind the place `after` (at, id). One query. Needs a scope."""
    condition = wanted.condition()
    if after is not None:
        than = "gt" if is_oldest_first else "lt"
        behind = Q(**{f"trail_at__{than}": after[0]})
        condition &= behind | Q(trail_at=after[0], **{f"trail_id__{than}": after[1]})
    order = ["trail_at", "trail_id"] if is_oldest_first else ["-trail_at", "-trail_id"]
    # Each source gives its own newest first, so that the database never sorts more than a page of each.
    first, *rest = (part.filter(condition).order_by(*order)[:most] for part in sources.parts(organization_id))
    found: Any = first.union(*rest, all=True).order_by(*order)[:most]
    return [Row(*(one[word] for word in WORDS)) for one in found]
