"""What an edge fetches: ready bytes, put together from stored blobs and never written anew."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

import orjson
from django.db import connection

from configs.refusals import BadSince, FullRequired, NothingPublished, SinceAhead, Unknown
from edge_protocol.canonical import MAX_INTEGER
from edge_protocol.delta import difference
from edge_protocol.envelope import Envelope
from edge_protocol.instants import format_instant
from edges import tenancy


@dataclass(frozen=True, slots=True)
class Ready:
    """An answer to send as it is. `envelope_header` is the EMS-Manifest header's value."""

    etag: str
    envelope_header: str
    version: int
    body: bytes


@dataclass(frozen=True, slots=True)
class NotModified:
    """The edge has what it should have."""

    etag: str
    envelope_header: str
    version: int


# One row a blob: the head, the version it names, and the blobs whose digests it carries.
_FULL = """
SELECT h.version, h.etag, h.envelope, v.timestamp, e.edge_id, s.key, b.body
  FROM edges_edgehead h
  JOIN edges_edge e ON e.id = h.edge_id
  JOIN configs_version v ON v.edge_id = h.edge_id AND v.number = h.version
 CROSS JOIN LATERAL jsonb_each_text(v.sections) s
  JOIN configs_sectionblob b ON b.organization_id = v.organization_id AND b.digest = s.value
 WHERE h.edge_id = %s AND h.organization_id = %s
 ORDER BY s.key
"""
_DELTA = """
SELECT h.version, h.etag, h.envelope, v.timestamp, e.edge_id, v.sections::text, o.sections::text
  FROM edges_edgehead h
  JOIN edges_edge e ON e.id = h.edge_id
  JOIN configs_version v ON v.edge_id = h.edge_id AND v.number = h.version
  LEFT JOIN configs_version o ON o.edge_id = h.edge_id AND o.number = %s
 WHERE h.edge_id = %s AND h.organization_id = %s
"""


def full(edge_uid: UUID, organization_id: UUID) -> Ready:
    """The desired document. One query. Errors: NothingPublished."""
    with tenancy.scope([organization_id]), connection.cursor() as cursor:
        cursor.execute(_FULL, [edge_uid, organization_id])
        rows = cursor.fetchall()
    if not rows:
        raise _nothing()
    version, etag, envelope, timestamp, edge_id = rows[0][:5]
    sections = [(name, bytes(body)) for *_, name, body in rows]
    return Ready(etag, envelope, version, document(version, format_instant(timestamp), edge_id, sections))


def delta(edge_uid: UUID, organization_id: UUID, *, since: int) -> Ready | NotModified:
    """The sections that differ from version `since`. At most two queries.

    Errors: NothingPublished, BadSince, SinceAhead, FullRequired.
    """
    if not 0 <= since <= MAX_INTEGER:
        raise BadSince("since is the number of a version.")
    with tenancy.scope([organization_id]), connection.cursor() as cursor:
        cursor.execute(_DELTA, [since, edge_uid, organization_id])
        row = cursor.fetchone()
        if row is None:
            raise _nothing()
        version, etag, envelope, timestamp, edge_id, sections, base = row
        _check_since(since, version, base)
        if since == version:
            return NotModified(etag, envelope, version)
        now_has, had = orjson.loads(sections), orjson.loads(base)
        found = difference(had, now_has)
        blobs = _blobs(cursor, organization_id, [now_has[name] for name in found.changed])
    changed = [(name, blobs[now_has[name]]) for name in found.changed]
    head = _members(from_version=since, version=version, timestamp=format_instant(timestamp), edge_id=edge_id)
    body = b'{%b,"changed":{%b},"removed":%b}' % (head, _joined(changed), orjson.dumps(found.removed))
    return Ready(etag, envelope, version, body)


def _check_since(since: int, version: int, base: str | None) -> None:
    if since > version:
        raise SinceAhead(f"Version {since} was never published; the newest is {version}.")
    if since == 0 or base is None:
        raise FullRequired(f"There is no version {since} to start from: fetch the full document.")


def _blobs(cursor: object, organization_id: UUID, digests: list[str]) -> dict[str, bytes]:
    if not digests:
        return {}
    cursor.execute(  # type: ignore[attr-defined]
        "SELECT digest, body FROM configs_sectionblob WHERE organization_id = %s AND digest = ANY(%s)",
        [organization_id, digests],
    )
    return {digest: bytes(body) for digest, body in cursor.fetchall()}  # type: ignore[attr-defined]


_BUNDLE = """
SELECT v.number, v.timestamp, e.edge_id, v.sections::text,
       CASE WHEN h.version = v.number THEN h.envelope ELSE v.envelope END,
       (SELECT json_agg(r.envelope ORDER BY r.root_version)::text FROM edges_trustroot r)
  FROM configs_version v
  JOIN edges_edge e ON e.id = v.edge_id
  LEFT JOIN edges_edgehead h ON h.edge_id = v.edge_id
 WHERE v.edge_id = %s AND v.organization_id = %s AND v.number = %s
"""


def bundle(edge_uid: UUID, organization_id: UUID, *, number: int) -> bytes:
    """A version with its manifest and every trust root, for a site without internet. Two queries.

    Shape: {"document", "manifest", "roots"}. Errors: Unknown.
    """
    with tenancy.scope([organization_id]), connection.cursor() as cursor:
        cursor.execute(_BUNDLE, [edge_uid, organization_id, number])
        row = cursor.fetchone()
        if row is None:
            raise Unknown(f"There is no version {number} of this edge.")
        version, timestamp, edge_id, sections, header, roots = row
        digests = orjson.loads(sections)
        blobs = _blobs(cursor, organization_id, list(digests.values()))
    parts = [(name, blobs[digest]) for name, digest in sorted(digests.items())]
    manifest = orjson.dumps(Envelope.from_header(header).to_json())
    written = document(version, format_instant(timestamp), edge_id, parts)
    return b'{"document":%b,"manifest":%b,"roots":%b}' % (written, manifest, (roots or "[]").encode())


def document(version: int, timestamp: str, edge_id: str, sections: Iterable[tuple[str, bytes]]) -> bytes:
    """A document from its sections' canonical bytes."""
    head = _members(version=version, timestamp=timestamp, edge_id=edge_id)
    return b"{%b,%b}" % (head, _joined(sections))


def _members(**members: int | str) -> bytes:
    return orjson.dumps(members)[1:-1]


def _joined(sections: Iterable[tuple[str, bytes]]) -> bytes:
    return b",".join(b'"%b":%b' % (name.encode(), body) for name, body in sections)


def _nothing() -> NothingPublished:
    return NothingPublished("Nothing has been published for this edge yet.")
