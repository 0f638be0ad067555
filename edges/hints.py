"""Hints to people's browsers: that something changed, never what. NOTIFY inside the caller's transaction.

Unlike edges/notices.py nothing is counted: a heartbeat must not wait for another's commit, and a lost hint
costs a page its speed only.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from django.db import connection

CHANNEL = "ems_hints"
Changed = Literal["edge", "rollout", "change_set", "fleet", "alerts"]
# PostgreSQL's notifications carry 7,999 bytes; what touches more sites is told to who sees the whole.
MOST_SITES = 150


@dataclass(frozen=True, slots=True)
class Hint:
    """`sites`: who sees all of them may hear it; None: only who sees the whole organization.

    `subject`: the thing's public name, as the operator API has it; "": any of that kind.
    """

    changed: Changed
    organization_id: UUID
    sites: frozenset[UUID] | None
    subject: str = ""

    def payload(self) -> str:
        is_told = self.sites is not None and len(self.sites) <= MOST_SITES
        sites = sorted(map(str, self.sites or ())) if is_told else None
        organization = str(self.organization_id)
        return json.dumps(
            {"changed": self.changed, "org": organization, "sites": sites, "subject": self.subject}
        )


def tell(hints: Iterable[Hint]) -> None:
    """Purpose: people who may see these things hear of them when the transaction commits. One query."""
    payloads = [hint.payload() for hint in hints]
    if payloads:
        with connection.cursor() as cursor:
            cursor.execute("select pg_notify(%s, told) from unnest(%s::text[]) as told", [CHANNEL, payloads])
