"""`ems-agent` as a technician uses it: words, exit codes, stable JSON; running, stopped and not enrolled."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent import service
from edge_agent.cli import duration
from edge_agent.settings import DEFAULT_DATA
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import ROOT, Edge, document

NOT_RUNNING, DEGRADED, REJECTED, ROLLED_BACK, TRY_AGAIN, REFUSED = 3, 4, 5, 6, 75, 77


def test_nobody_is_enrolled_yet(tmp_path: Path, cloud: CloudSimulator) -> None:
    edge = Edge(tmp_path, cloud)
    for command in (["status"], ["run"], ["sync", "now"], ["apply"]):
        done = edge.command(*command)
        assert done.returncode == NOT_RUNNING
        assert "run `ems-agent enroll`" in done.stderr


def test_a_token_is_never_an_argument(tmp_path: Path, cloud: CloudSimulator) -> None:
    edge = Edge(tmp_path, cloud)
    arguments = ["enroll", "--server", cloud.url, "--root-sha256", cloud.root_sha256]
    assert edge.command(*arguments).returncode == 2
    done = edge.command(*arguments, text=cloud.token + "\n")
    assert done.returncode == 0, done.stderr
    assert "This is now acme-north-1" in done.stdout
    assert (edge.data / "key").stat().st_mode & 0o777 == 0o600


ENROLLMENTS = {
    "a wrong token": ({}, "emsn_wrong", REFUSED, "the token is unknown, used or expired"),
    "a wrong fingerprint": ({"--root-sha256": "0" * 64}, None, REFUSED, "do not go on"),
    "no fingerprint": ({"--root-sha256": None}, None, REFUSED, "Compare it with the console"),
    "http to another machine": ({"--server": "http://ems.example.com"}, None, 1, "use https"),
    "nobody there": ({"--server": "http://127.0.0.1:9"}, None, TRY_AGAIN, "cannot be reached"),
}


@pytest.mark.parametrize("case", ENROLLMENTS)
def test_what_is_wrong_with_an_enrollment_is_one_sentence(
    tmp_path: Path, cloud: CloudSimulator, case: str
) -> None:
    changes, token, code, words = ENROLLMENTS[case]
    options = {"--server": cloud.url, "--root-sha256": cloud.root_sha256, **changes}
    arguments = [part for name, value in options.items() if value is not None for part in (name, value)]
    done = Edge(tmp_path, cloud).command("enroll", *arguments, text=(token or cloud.token) + "\n")
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_fingerprint_that_was_shown_enrolls_with_the_same_token(
    tmp_path: Path, cloud: CloudSimulator
) -> None:
    edge = Edge(tmp_path, cloud)
    shown = edge.command("enroll", "--server", cloud.url, text=cloud.token + "\n").stderr
    fingerprint = shown.split("--root-sha256 ")[1].split()[0]
    done = edge.command(
        "enroll", "--server", cloud.url, "--root-sha256", fingerprint, text=cloud.token + "\n"
    )
    assert done.returncode == 0


def test_enrolled_and_nothing_published_is_a_state_with_words(edge: Edge) -> None:
    edge.start()
    edge.cloud.wait(lambda one: ("GET", "/api/v1/edges/acme-north-1/config", 404) in one.calls)
    done = edge.command("status")
    assert done.returncode == 0
    assert "nothing has been published for this edge yet" in done.stdout.splitlines()[0]


def test_a_running_edge_answers(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.publish(document(30000))
    cloud.wait_status(2, "confirmed")
    status = confirmed.command("status")
    assert status.returncode == 0, status.stdout + status.stderr
    assert status.stdout.splitlines()[:2] == [
        "Controllers are writing, version 2.",
        "The next change can come at any time.",
    ]
    assert json.loads(confirmed.command("status", "--json").stdout)["running"]["version"] == 2
    shown = json.loads(confirmed.command("config", "show", "--section", "scheduler").stdout)
    assert shown == {"scheduler": document(30000)["scheduler"]}
    assert json.loads(confirmed.command("config", "show", "--version", "1", "--json").stdout)["version"] == 1
    diff = confirmed.command("diff").stdout
    assert "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts: 50000 -> 30000" in diff
    assert "confirmed" in confirmed.command("history").stdout
    assert "blobs" in confirmed.command("storage", "info").stdout
    assert confirmed.command("sync", "now").returncode == 0
    assert confirmed.command("debug", "ping").returncode == 0


def test_a_stopped_edge_answers_from_its_database(confirmed: Edge) -> None:
    done = confirmed.command("status")
    assert done.returncode == NOT_RUNNING
    assert done.stdout.startswith("The agent is not running")
    assert json.loads(confirmed.command("config", "show").stdout)["alarms"] == []
    assert confirmed.command("history").returncode == 0
    assert confirmed.command("storage", "info").returncode == 0
    for command in (["apply"], ["rollback"], ["release"], ["sync", "now"], ["hold", "--reason", "x"]):
        assert confirmed.command(*command).returncode == NOT_RUNNING


def test_holding_and_releasing(confirmed: Edge) -> None:
    confirmed.start()
    confirmed.cloud.wait(lambda one: one.heartbeats)
    held = confirmed.command("hold", "--for", "4h", "--reason", "inverter is open")
    assert held.stdout.startswith("Nothing new is applied before ")
    assert "held by local (inverter is open)" in confirmed.command("status").stdout
    assert confirmed.command("release").returncode == 0
    assert confirmed.command("release").returncode == REFUSED


def test_a_refused_and_a_rolled_back_version_have_exit_codes(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.publish({**document(), "core_cycle": {"period_ms": 1}})
    cloud.wait_status(2, "rejected")
    done = confirmed.command("sync", "now")
    assert done.returncode == REJECTED
    assert "period_ms" in done.stdout
    cloud.publish(document(crash="later"))
    cloud.wait_status(3, "rolled_back")
    assert confirmed.command("sync", "now").returncode == ROLLED_BACK
    again = confirmed.command("retry")
    assert again.stdout == "Version 3 is tried once more.\n"
    cloud.wait(lambda one: len([e for e in one.events.values() if e["code"] == "process_exited"]) >= 4)
    assert confirmed.command("retry").returncode == REFUSED


def test_an_unreachable_cloud_means_try_again(confirmed: Edge) -> None:
    confirmed.cloud.lies.offline = True
    confirmed.start()
    confirmed.wait_asked(lambda one: one["live"]["sync_problem"])
    done = confirmed.command("sync", "now")
    assert done.returncode == TRY_AGAIN
    assert "cannot be reached" in done.stderr
    assert confirmed.command("debug", "ping").returncode == TRY_AGAIN


def test_safe_mode_is_degraded(edge: Edge) -> None:
    edge.cloud.publish(document(crash="at_start"))
    edge.start()
    edge.cloud.wait_status(1, "critical")
    done = edge.command("status")
    assert done.returncode == DEGRADED
    assert done.stdout.startswith("Controllers are NOT writing: safe mode (process_exited")


def test_a_document_is_validated_without_being_applied(confirmed: Edge, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps(document()))
    bad.write_text(json.dumps({**document(), "core_cycle": {"period_ms": 1}}))
    assert confirmed.command("validate", str(good)).returncode == 0
    done = confirmed.command("validate", str(bad))
    assert done.returncode == REJECTED
    assert "/core_cycle/period_ms" in done.stdout
    assert confirmed.command("validate", str(tmp_path / "none.json")).returncode == 1


def test_the_systemd_unit_is_written_and_is_the_shipped_one(confirmed: Edge, tmp_path: Path) -> None:
    unit = tmp_path / "ems-agent.service"
    assert confirmed.command("service", "install", "--unit", str(unit)).returncode == 0
    assert f"--data {confirmed.data} run" in unit.read_text()
    shipped = ROOT / "deploy" / "systemd" / "ems-agent.service"
    assert shipped.read_text() == service.unit("/usr/bin/ems-agent", DEFAULT_DATA, None)
    assert confirmed.command("version").stdout.strip() == "0.1.0"


def test_a_debug_bundle_holds_no_key(
    confirmed: Edge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    confirmed.start()
    confirmed.cloud.wait(lambda one: one.heartbeats)
    assert confirmed.command("debug", "bundle").returncode == 0
    text = (tmp_path / "ems-agent-debug-acme-north-1.json").read_text()
    assert (confirmed.data / "key").read_text().strip() not in text


def test_the_key_stands_in_no_log(confirmed: Edge) -> None:
    confirmed.start()
    confirmed.cloud.wait(lambda one: one.sockets and one.heartbeats)
    confirmed.stop()
    assert (confirmed.data / "key").read_text().strip() not in confirmed.log.read_text()


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30s", 30), ("15m", 900), ("4h", 14400), ("2d", 172800)]
)
def test_durations_are_written_as_people_do(text: str, seconds: float) -> None:
    assert duration(text) == seconds
