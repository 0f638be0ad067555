"""One NOTIFY inside the caller's transaction: heard when it commits, and only then."""

from typing import Literal
from uuid import UUID

from django.db import connection

CHANNEL = "ems_notices"
# The last statement of a feed that hears: who asks whether there is one looks for a session that shows it.
COUNTER = "SELECT seq FROM edges_noticecounter"
Kind = Literal["published", "revoked", "reissued", "rotated", "trust", "request"]

# The counter row orders notices as commits are ordered; a sequence would not.
_NOTIFY = """
with counted as (update edges_noticecounter set seq = seq + 1 where id = 1 returning seq)
select pg_notify(%s, json_build_object('seq', seq, 'org', %s::text, 'kind', %s::text, 'id', %s::text)::text)
from counted
"""


def notify(*, kind: Kind, organization_id: UUID | None, subject_id: object) -> None:
    """Tell every server process that `subject_id` changed. Call it last: it locks the counter."""
    organization = None if organization_id is None else str(organization_id)
    with connection.cursor() as cursor:
        cursor.execute(_NOTIFY, [CHANNEL, organization, kind, str(subject_id)])
