"""`python -m ems.audit_check EXPORT.zip`: verify an audit export offline, without a database and without
settings. Exit code 0: sound; 1: not, with one sentence that says what is wrong; 2: called wrongly.
"""

import argparse
import sys
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

from edge_protocol.audit import AuditError, Report, check, compare

MOST_BYTES = 2 * 1024**3


def read(path: Path) -> dict[str, bytes]:
    """The files of an export. Errors: AuditError."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len({one.filename for one in members}) != len(members):
                raise AuditError("A file stands in the export twice.")
            if sum(one.file_size for one in members) > MOST_BYTES:
                raise AuditError(f"The export unpacks to more than {MOST_BYTES // 1024**3} GiB.")
            return {one.filename: archive.read(one) for one in members}
    except OSError as error:
        raise AuditError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise AuditError(f"{path} is no whole ZIP file: {error}.") from error


def told(report: Report, *, is_pinned: bool) -> str:
    by = (
        ""
        if is_pinned
        else (
            f" Compare the digest of trust root 1 with one that you know from elsewhere: {report.root_sha256}"
        )
    )
    return (
        f"Sound: {report.rows} rows and {report.manifests} manifests of {report.organization}, "
        f"{report.since} to {report.until}, exported by {report.made_by} at {report.made_at}.{by}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ems.audit_check", description=__doc__)
    parser.add_argument("export", type=Path)
    parser.add_argument("--root-sha256", help="the digest of trust root 1, as edges pin it at enrollment")
    parser.add_argument(
        "--earlier", type=Path, help="an older export: no row of it may be changed or gone since"
    )
    asked = parser.parse_args(arguments)
    kept = ""
    try:
        files = read(asked.export)
        report = check(files, root_sha256=asked.root_sha256)
        if asked.earlier is not None:
            older = read(asked.earlier)
            check(older, root_sha256=asked.root_sha256)
            kept = f" {compare(older, files)} rows of {asked.earlier} are unchanged."
    except AuditError as wrong:
        sys.stdout.write(f"Not sound: {wrong}\n")
        return 1
    sys.stdout.write(f"{told(report, is_pinned=asked.root_sha256 is not None)}{kept}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
