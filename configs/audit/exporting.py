"""The audit trail for an auditor: one ZIP that anybody verifies offline with `python -m ems.audit_check`."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from configs.audit import trail
from configs.audit.trail import Row, Wanted
from configs.models import Version
from configs.signing import Signer
from edge_protocol import audit
from edge_protocol.audit import MANIFESTS, READ_ME, ROOTS, ROWS, STATEMENT, TABLE, Chain
from edge_protocol.canonical import canonical
from edges import auditing
from edges.errors import ValueRefusedError
from edges.models import Organization, TrustRoot

A_READ = 2000
MOST_ROWS, MOST_MANIFESTS = 200_000, 50_000
IN_MEMORY_BYTES = 4 * 1024 * 1024
COLUMNS = ("seq", "at", "what", "by", "about", "detail", "id", "hash")
# A spreadsheet would take these for the beginning of a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
EXPLAINED = """The audit trail of one organization, to be checked by anybody.

rows.jsonl       who did what, oldest first; each row carries the hash of the one before
rows.csv         the same for a spreadsheet
manifests.jsonl  every manifest that edges were given in this time, as it was signed
roots.jsonl      the public trust roots: which keys may sign
statement.json   the head of the chain and the digest of each file, signed

Check it without any network or database, with this software's source and Python:

    python -m ems.audit_check EXPORT.zip --root-sha256 <digest of trust root 1>

With --earlier OLDER.zip it also says whether a row of an older export was rewritten or is gone since.
The digest is the one that edges are enrolled with. Exit code 0: sound. 1: one sentence says what is wrong.
"""


class _Member:
    """One file of the archive, hashed as it is written."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.hash.update(data)


def export(
    *,
    organization: Organization,
    since: datetime | None,
    until: datetime | None,
    by: str,
    now: datetime,
    signer: Signer,
) -> bytes:
    """The archive; that it was made stands in the trail from now on. Needs a scope.

    Errors: ValueRefusedError for a period that ends before it begins, or holds more than MOST_ROWS acts or
    MOST_MANIFESTS manifests.
    """
    begin = since or organization.created_at
    end = min(until or now, now)
    if begin >= end:
        raise ValueRefusedError("since", "The period ends before it begins.")
    made = io.BytesIO()
    chain = _write(made, organization, begin, end, by=by, now=now, signer=signer)
    period = f"{_instant(begin)} to {_instant(end)}"
    auditing.note(
        organization_id=organization.pk,
        what=auditing.EXPORTED,
        by=by,
        about=f"audit trail, {period}",
        detail=f"{chain.length} rows, head {chain.head}",
        now=now,
    )
    return made.getvalue()


def _write(
    made: IO[bytes],
    organization: Organization,
    begin: datetime,
    end: datetime,
    *,
    by: str,
    now: datetime,
    signer: Signer,
) -> Chain:
    digests: dict[str, str] = {}
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        chain = _write_rows(archive, digests, organization, Wanted(since=begin, until=end))
        manifests = _write_lines(archive, digests, MANIFESTS, _manifests(organization, begin, end))
        roots = TrustRoot.objects.order_by("root_version").values_list("envelope", flat=True)
        _write_lines(archive, digests, ROOTS, iter(roots))
        with archive.open(READ_ME, "w") as file:
            member = _Member(file)
            member.write(EXPLAINED.encode())
        digests[READ_ME] = member.hash.hexdigest()
        statement = audit.state(
            files=digests,
            chain=chain,
            manifests=manifests,
            organization={
                "code": organization.code,
                "name": organization.name,
                "uid": str(organization.pk),
            },
            since=_instant(begin),
            until=_instant(end),
            made_at=_instant(now),
            made_by=by,
            signers=[signer.key],
        )
        archive.writestr(STATEMENT, statement)
    return chain


def _write_rows(
    archive: zipfile.ZipFile, digests: dict[str, str], organization: Organization, wanted: Wanted
) -> Chain:
    """Rows and table in one reading: what is committed meanwhile stands in both or in none."""
    chain = Chain()
    with SpooledTemporaryFile(max_size=IN_MEMORY_BYTES) as aside:
        table = _Member(aside)
        table.write(_csv(COLUMNS))
        with archive.open(ROWS, "w", force_zip64=True) as file:
            rows = _Member(file)
            for row in _all(organization, wanted):
                told = _told(row)
                chain, line = chain.add(told)
                rows.write(line)
                table.write(_csv([chain.length, *(told[name] for name in COLUMNS[1:-1]), chain.head]))
        digests |= {ROWS: rows.hash.hexdigest(), TABLE: table.hash.hexdigest()}
        aside.seek(0)
        with archive.open(TABLE, "w", force_zip64=True) as file:
            while data := aside.read(IN_MEMORY_BYTES):
                file.write(data)
    return chain


def _all(organization: Organization, wanted: Wanted) -> Iterator[Row]:
    count, after = 0, None
    while rows := trail.page(
        organization_id=organization.pk, wanted=wanted, most=A_READ, after=after, is_oldest_first=True
    ):
        count += len(rows)
        if count > MOST_ROWS:
            raise ValueRefusedError("until", f"More than {MOST_ROWS:,} acts: choose a shorter period.")
        yield from rows
        after = (rows[-1].at, rows[-1].id)


def _instant(at: datetime) -> str:
    """To the microsecond, so that texts compare as the instants do: a period's end lies between two rows."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _told(row: Row) -> dict[str, str]:
    return {
        "at": _instant(row.at),
        "what": row.what,
        "by": row.by,
        "about": row.about,
        "detail": row.detail,
        "id": row.id,
    }


def _csv(values: Any) -> bytes:
    text = io.StringIO()
    safe = (f"'{value}" if str(value).startswith(FORMULA) else value for value in values)
    csv.writer(text).writerow(safe)
    return text.getvalue().encode()


def _manifests(organization: Organization, begin: datetime, end: datetime) -> Iterator[str]:
    rows = Version.objects.filter(organization=organization, issued_at__gte=begin, issued_at__lt=end)
    if rows.count() > MOST_MANIFESTS:
        raise ValueRefusedError("until", f"More than {MOST_MANIFESTS:,} manifests: choose a shorter period.")
    return rows.order_by("id").values_list("envelope", flat=True).iterator(A_READ)


def _write_lines(archive: zipfile.ZipFile, digests: dict[str, str], name: str, values: Iterator[Any]) -> int:
    count = 0
    with archive.open(name, "w", force_zip64=True) as file:
        member = _Member(file)
        for count, value in enumerate(values, start=1):  # noqa: B007 - the last one is how many there are
            member.write(canonical(value) + b"\n")
    digests[name] = member.hash.hexdigest()
    return count
