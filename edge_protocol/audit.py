"""The export of an audit trail, and how anybody checks one without the cloud.

An export is six files. `rows.jsonl` is the trail: each row names the hash of the row before, so that an
edited, removed or added row breaks the chain at its place. `statement.json` is a DSSE envelope over the
chain's head, its length and the digest of every other file, signed by a key that the trust roots vouch for:
whoever makes a new chain cannot sign it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edge_protocol.canonical import canonical, digest, parse
from edge_protocol.envelope import Envelope, Signer, seal, verify
from edge_protocol.errors import ProtocolError
from edge_protocol.manifest import MANIFEST_TYPE, Manifest
from edge_protocol.trust import TrustRoot, first_root, next_root

STATEMENT_TYPE = "application/vnd.ems.audit-statement.v1+json"
ROWS, TABLE, MANIFESTS, ROOTS, STATEMENT, READ_ME = (
    "rows.jsonl",
    "rows.csv",
    "manifests.jsonl",
    "roots.jsonl",
    "statement.json",
    "README.txt",
)
SIGNED = (ROWS, TABLE, MANIFESTS, ROOTS, READ_ME)
NOTHING_BEFORE = "0" * 64
MEMBERS = ("about", "at", "by", "detail", "id", "what")
MOST_LINE_BYTES = 256 * 1024


class AuditError(Exception):
    """The export is not what was signed; the text is one sentence that names the place."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The head of a chain and its length: what the next row continues."""

    head: str = NOTHING_BEFORE
    length: int = 0

    def add(self, row: Mapping[str, str]) -> tuple["Chain", bytes]:
        """The chain with this row ({about, at, by, detail, id, what}), and the row's line."""
        linked = {**row, "previous": self.head, "seq": self.length + 1}
        hashed = digest(canonical(linked))
        return Chain(hashed, self.length + 1), canonical({**linked, "hash": hashed}) + b"\n"


@dataclass(frozen=True, slots=True)
class Report:
    """What a sound export says of itself."""

    organization: str
    since: str
    until: str
    made_at: str
    made_by: str
    rows: int
    manifests: int
    root_sha256: str


def state(
    *,
    files: Mapping[str, str],
    chain: Chain,
    manifests: int,
    organization: Mapping[str, str],
    since: str,
    until: str,
    made_at: str,
    made_by: str,
    signers: Iterable[Signer],
) -> bytes:
    """`statement.json`: signed. `files`: the digest of each of SIGNED; `organization`: {code, name, uid}."""
    payload = {
        "type": "ems.audit-statement",
        "spec": 1,
        "organization": dict(organization),
        "since": since,
        "until": until,
        "made_at": made_at,
        "made_by": made_by,
        "rows": chain.length,
        "head": chain.head,
        "manifests": manifests,
        "files": dict(files),
    }
    return canonical(seal(STATEMENT_TYPE, canonical(payload), list(signers)).to_json()) + b"\n"


def check(files: Mapping[str, bytes], *, root_sha256: str | None = None) -> Report:
    """Verify an export from its bytes alone. `root_sha256`: the digest of trust root 1, known from elsewhere;
    without it the export only proves that it agrees with itself.

    Errors: AuditError with one sentence.
    """
    _check_names(files)
    roots = _roots(files[ROOTS], root_sha256)
    stated = _statement(files[STATEMENT], roots[-1])
    chain = _follow(files[ROWS])
    if chain.length < stated["rows"]:
        raise AuditError(
            f"Rows are missing from the end: {stated['rows']} were signed, {chain.length} are here."
        )
    if (chain.length, chain.head) != (stated["rows"], stated["head"]):
        raise AuditError("The rows agree among themselves and are not those that were signed.")
    count = _check_manifests(files[MANIFESTS], roots, stated["organization"]["uid"])
    if count != stated["manifests"]:
        raise AuditError(f"{stated['manifests']} manifests were signed for, {count} are here.")
    for name in SIGNED:
        if digest(files[name]) != stated["files"].get(name):
            raise AuditError(f"{name} was changed after the export was signed.")
    return Report(
        organization=f"{stated['organization']['name']} ({stated['organization']['code']})",
        since=stated["since"],
        until=stated["until"],
        made_at=stated["made_at"],
        made_by=stated["made_by"],
        rows=chain.length,
        manifests=count,
        root_sha256=roots[0].sha256,
    )


def compare(older: Mapping[str, bytes], newer: Mapping[str, bytes]) -> int:
    """How many rows of an older export stand unchanged in a newer one; both are sound by `check`.

    A chain proves what an export was; two exports prove that nobody rewrote the database between them.
    Errors: AuditError naming the first row that was changed or is gone.
    """
    told, now = (_value(_payload(files), "The statement") for files in (older, newer))
    if told["organization"]["uid"] != now["organization"]["uid"]:
        raise AuditError("The two exports are of different organizations.")
    if now["made_at"] < told["made_at"]:
        raise AuditError("The export to compare with is the newer one: give them the other way round.")
    kept = {row["id"]: row for _, row in _lines(newer[ROWS], ROWS)}
    count = 0
    for _, row in _lines(older[ROWS], ROWS):
        if not now["since"] <= row["at"] < now["until"]:
            continue
        if row["id"] not in kept:
            raise AuditError(f"A row of the older export is gone: {_told(row)}.")
        if any(row[name] != kept[row["id"]][name] for name in MEMBERS):
            raise AuditError(f"A row was rewritten since the older export: {_told(row)}.")
        count += 1
    return count


def _payload(files: Mapping[str, bytes]) -> bytes:
    return Envelope.from_json(_value(files[STATEMENT], STATEMENT)).payload


def _check_names(files: Mapping[str, bytes]) -> None:
    for name in (*SIGNED, STATEMENT):
        if name not in files:
            raise AuditError(f"{name} is missing: this is no whole export.")
    for name in sorted(set(files) - {*SIGNED, STATEMENT}):
        raise AuditError(f"{name[:80]!r} does not belong to an export.")


def _lines(data: bytes, name: str) -> Iterator[tuple[int, Any]]:
    """Each line's number and value."""
    for number, line in enumerate(data.splitlines(), start=1):
        yield number, _value(line, f"Line {number} of {name}")


def _value(text: bytes, place: str) -> Any:
    try:
        return parse(text, max_bytes=MOST_LINE_BYTES)
    except ProtocolError as error:
        raise AuditError(f"{place} cannot be read: {error.detail}.") from error


def _follow(data: bytes) -> Chain:
    """Along the chain from its first row; the sentence names the first row that breaks it."""
    chain = Chain()
    for number, row in _lines(data, ROWS):
        if not isinstance(row, dict) or set(row) != {*MEMBERS, "previous", "seq", "hash"}:
            raise AuditError(f"Row {number} has other members than a row of the trail.")
        if row["previous"] != chain.head or row["seq"] != number:
            raise AuditError(f"A row is missing or out of place before row {number} ({_told(row)}).")
        chain, line = chain.add({name: row[name] for name in MEMBERS})
        if _value(line, "The row") != row:
            raise AuditError(f"Row {number} was edited: {_told(row)}.")
    return chain


def _told(row: Mapping[str, Any]) -> str:
    return f"{row['at']} {row['what']} by {row['by'] or 'nobody named'}"[:120]


def _roots(data: bytes, pinned: str | None) -> list[TrustRoot]:
    found: list[TrustRoot] = []
    try:
        for _, value in _lines(data, ROOTS):
            envelope = Envelope.from_json(value)
            if found:
                found.append(next_root(found[-1], envelope))
            else:
                found.append(first_root(envelope, pinned or digest(envelope.payload)))
    except ProtocolError as error:
        raise AuditError(f"The trust roots do not hold: {error.detail}.") from error
    if not found:
        raise AuditError("The export has no trust root to check it by.")
    return found


def _statement(data: bytes, root: TrustRoot) -> Any:
    try:
        envelope = Envelope.from_json(_value(data, STATEMENT))
        role = root.config
        verify(
            envelope,
            payload_type=STATEMENT_TYPE,
            keys=root.public_keys(),
            keyids=role.keyids,
            threshold=role.threshold,
        )
    except ProtocolError as error:
        raise AuditError(f"The statement is not signed by a trusted key: {error.detail}.") from error
    return _value(envelope.payload, "The statement")


def _check_manifests(data: bytes, roots: list[TrustRoot], org_uid: str) -> int:
    """How many there are; each was signed under one of the roots, for an edge of this organization."""
    count = 0
    for number, value in _lines(data, MANIFESTS):
        try:
            envelope = Envelope.from_header(str(value))
            manifest = Manifest.from_payload(envelope.payload)
            if not any(_signed_under(envelope, root) for root in roots):
                raise AuditError(
                    f"The manifest of {manifest.edge_id}, version {manifest.version}, is not signed by a "
                    "trusted key."
                )
        except ProtocolError as error:
            raise AuditError(f"Manifest {number} cannot be read: {error.detail}.") from error
        if manifest.org_uid != org_uid:
            raise AuditError(f"The manifest of {manifest.edge_id} belongs to another organization.")
        count = number
    return count


def _signed_under(envelope: Envelope, root: TrustRoot) -> bool:
    role = root.config
    try:
        verify(
            envelope,
            payload_type=MANIFEST_TYPE,
            keys=root.public_keys(),
            keyids=role.keyids,
            threshold=role.threshold,
        )
    except ProtocolError:
        return False
    return True
