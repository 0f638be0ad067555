"""What an edge reports to run, beside what it should run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection

from configs.history import leaves_between
from edge_protocol.canonical import JsonObject
from edges import tenancy
from edges.models import Edge, EdgeHead, EdgeStatus


@dataclass(frozen=True, slots=True)
class Beside:
    """`reported`: the version that the edge says it runs (0: nothing); `desired`: the one it should run.

    `version`: the one of ours that has the content that runs, None where we have no such content (it was
    never ours, or is kept no longer); `differing`: [{path, before?: what runs, after?: what should}].
    """

    reported: int
    desired: int
    digest: str | None
    version: int | None
    document: JsonObject = field(default_factory=dict)
    differing: tuple[dict[str, Any], ...] = ()


# By its content where the edge named it: the number alone may be claimed by something else.
_CONTENT = """
SELECT v.number, s.key, b.body
  FROM (SELECT number, organization_id, sections FROM configs_version
         WHERE edge_id = %(edge)s AND organization_id = %(organization)s
           AND CASE WHEN %(digest)s::text IS NULL THEN number = %(number)s ELSE digest = %(digest)s END
         ORDER BY number = %(number)s DESC, number DESC LIMIT 1) v
 CROSS JOIN LATERAL jsonb_each_text(v.sections) s
  LEFT JOIN configs_sectionblob b ON b.organization_id = v.organization_id AND b.digest = s.value
"""


def beside(*, edge: Edge, document: Mapping[str, Any]) -> Beside | None:
    """What the edge last reported to run beside `document`, the desired sections; load it with its facts.

    None before anything was desired. One query where the contents differ, else none. Errors: none.
    """
    head: EdgeHead | None = getattr(edge, "head", None)
    status: EdgeStatus | None = getattr(edge, "status", None)
    if head is None:
        return None
    if status is None or not status.running_version:
        return Beside(0, head.version, None, None)
    reported, digest = status.running_version, status.running_digest
    if digest == head.digest or (digest is None and reported == head.version):
        return Beside(reported, head.version, digest, head.version)
    version, running = _content(edge, reported, digest)
    differing = () if version is None else tuple(leaves_between(running, dict(document)))
    return Beside(reported, head.version, digest, version, running, differing)


def _content(edge: Edge, number: int, digest: str | None) -> tuple[int | None, JsonObject]:
    names: dict[str, Any] = {
        "edge": edge.pk,
        "organization": edge.organization_id,
        "number": number,
        "digest": digest,
    }
    with tenancy.scope([edge.organization_id]), connection.cursor() as cursor:
        cursor.execute(_CONTENT, names)
        rows = cursor.fetchall()
    if not rows or any(body is None for *_, body in rows):
        return None, {}
    return rows[0][0], {name: orjson.loads(bytes(body)) for _, name, body in rows}
