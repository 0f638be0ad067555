"""The audit trail by REST and on its page; its export, checked offline, and every way to forge one."""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from configs.models import ChangeSet
from edge_protocol import audit
from edge_protocol.audit import MANIFESTS, ROWS, STATEMENT, TABLE, AuditError, Chain
from edge_protocol.canonical import canonical
from edges import tenancy
from edges.models import AuditEntry, Membership, TrustRoot
from ems import audit_check
from tests import build
from tests.console.conftest import Caller

ROOT = Path(__file__).resolve().parents[2]
Files = dict[str, bytes]


def unpacked(data: bytes) -> Files:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def archive(published: build.Cast, alice: Caller) -> bytes:
    answer = alice("POST", "/organizations/acme/audit/export", {})
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
    return answer.content


def test_an_export_is_sound_and_tells_what_happened(archive: bytes, published: build.Cast) -> None:
    files = unpacked(archive)
    report = audit.check(files, root_sha256=TrustRoot.objects.get(root_version=1).sha256)
    rows = [json.loads(line) for line in files[ROWS].splitlines()]
    assert (report.rows, report.manifests, report.made_by) == (len(rows), 2, "alice")
    assert ("change_published", "alice") in {(row["what"], row["by"]) for row in rows}
    assert b"birch" not in b"".join(files.values()).lower()
    assert files[TABLE].count(b"\r\n") == len(rows) + 1
    with tenancy.scope([published.acme.pk]):
        noted = AuditEntry.objects.get(what="exported")
    assert (noted.by, json.loads(files[ROWS].splitlines()[-1])["hash"] in noted.detail) == ("alice", True)


def forged_row(files: Files) -> None:
    files[ROWS] = files[ROWS].replace(b'"by":"alice"', b'"by":"nobody"', 1)


def without_a_row(files: Files) -> None:
    lines = files[ROWS].splitlines(keepends=True)
    files[ROWS] = b"".join(lines[:2] + lines[3:])


def without_the_end(files: Files) -> None:
    files[ROWS] = b"".join(files[ROWS].splitlines(keepends=True)[:-1])


def chained_anew(files: Files) -> None:
    chain, lines = Chain(), []
    for line in files[ROWS].splitlines():
        row = {name: value for name, value in json.loads(line).items() if name in audit.MEMBERS}
        chain, told = chain.add(row | {"by": "somebody else"})
        lines.append(told)
    files[ROWS] = b"".join(lines)


def signed_by_nobody(files: Files) -> None:
    envelope = json.loads(files[STATEMENT])
    envelope["signatures"][0]["sig"] = "A" * 86 + "=="
    files[STATEMENT] = canonical(envelope)


def without_a_manifest(files: Files) -> None:
    files[MANIFESTS] = b"".join(files[MANIFESTS].splitlines(keepends=True)[:-1])


def other_table(files: Files) -> None:
    files[TABLE] += b"1,2\r\n"


def without_roots(files: Files) -> None:
    files.pop("roots.jsonl")


def with_more(files: Files) -> None:
    files["extra.txt"] = b""


@pytest.mark.parametrize(
    ("forge", "said"),
    [
        (forged_row, r"Row \d+ was edited: .* by nobody\."),
        (without_a_row, r"A row is missing or out of place before row 3 "),
        (without_the_end, r"Rows are missing from the end: \d+ were signed, \d+ are here\."),
        (chained_anew, r"not those that were signed"),
        (signed_by_nobody, r"not signed by a trusted key"),
        (without_a_manifest, r"2 manifests were signed for, 1 are here\."),
        (other_table, r"rows\.csv was changed after"),
        (without_roots, r"roots\.jsonl is missing"),
        (with_more, r"'extra\.txt' does not belong"),
    ],
)
def test_a_forged_export_is_named(archive: bytes, forge: Callable[[Files], None], said: str) -> None:
    files = unpacked(archive)
    forge(files)
    with pytest.raises(AuditError, match=said):
        audit.check(files)


def test_an_export_of_another_cloud_does_not_pass_for_ours(archive: bytes) -> None:
    with pytest.raises(AuditError, match="not the one that the enrollment pinned"):
        audit.check(unpacked(archive), root_sha256="0" * 64)


def test_the_command_runs_without_settings_or_database(archive: bytes, tmp_path: Path) -> None:
    sound, torn = tmp_path / "sound.zip", tmp_path / "torn.zip"
    sound.write_bytes(archive)
    torn.write_bytes(archive[: len(archive) // 2])
    probe = (
        "import sys; from ems.audit_check import main; code = main(sys.argv[1:]); "
        "print('django' in sys.modules); sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe, str(sound)],
        cwd=ROOT,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "False"), done.stderr
    assert done.stdout.startswith("Sound: ")
    assert audit_check.main([str(torn)]) == 1
    torn.write_bytes(archive[:200] + b"\xff\xff\xff\xff" + archive[204:])
    assert audit_check.main([str(torn)]) == 1
    assert audit_check.main([str(tmp_path / "absent.zip")]) == 1


def test_what_was_rewritten_between_two_exports_shows(
    archive: bytes, alice: Caller, published: build.Cast, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second export is sound in itself; held against the first it tells."""
    older, newer = tmp_path / "older.zip", tmp_path / "newer.zip"
    older.write_bytes(archive)

    def compared() -> tuple[int, str]:
        answer = alice("POST", "/organizations/acme/audit/export", {})
        newer.write_bytes(answer.content)
        code = audit_check.main([str(newer), "--earlier", str(older)])
        return code, capsys.readouterr().out

    assert compared()[0] == 0
    with tenancy.scope([published.acme.pk]):
        rows = ChangeSet.objects.filter(kind="put")
        assert rows.update(published_by="mallory") == 1
        assert "A row was rewritten since the older export" in compared()[1]
        rows.update(published_by="alice")
        assert compared()[0] == 0
        Membership.history.filter(user=published.bob).delete()
    assert "A row of the older export is gone: " in compared()[1]


def test_the_trail_is_read_in_pages_with_filters(archive: bytes, alice: Caller, bob: Caller) -> None:
    path = "/organizations/acme/audit"
    seen: list[str] = []
    cursor = ""
    while True:
        told = alice("GET", f"{path}?limit=2{cursor}").json()
        seen += [item["id"] for item in told["items"]]
        if told["next"] is None:
            break
        cursor = f"&cursor={told['next']}"
    assert len(seen) == len(set(seen)) > 5
    published = alice("GET", f"{path}?what=change_published&by=alice").json()["items"]
    assert {item["what"] for item in published} == {"change_published"}
    assert alice("GET", f"{path}?until=2001-01-01T00:00:00Z").json()["items"] == []
    for wrong in ("since=yesterday", "cursor=e30", "what=a%00"):
        assert alice("GET", f"{path}?{wrong}").status_code == 400
    assert bob("GET", path).status_code == 403
    nonsense = alice("POST", f"{path}/export", {"until": "2001-01-01T00:00:00Z"})
    assert (nonsense.status_code, "ends before it begins" in nonsense.json()["detail"]) == (422, True)


def test_the_page_shows_filters_and_exports(published: build.Cast, alice: Caller) -> None:
    client = Client(headers={"Accept": "text/html"})
    client.force_login(published.alice)
    shown: Any = client.get("/admin/audit/?what=change_published").content.decode()
    assert ("change_published" in shown, "change_drafted" in shown) == (True, False)
    assert "Enter a valid date/time" in client.get("/admin/audit/?since=soon").content.decode()
    answer = client.post("/admin/audit/acme/export/", {"since": "", "until": ""})
    assert audit.check(unpacked(answer.content)).organization == "Acme (acme)"
