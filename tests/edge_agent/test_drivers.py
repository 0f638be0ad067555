"""What the agent drives: several programs as one, validators that refuse or stay silent, reloads."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from edge_agent.settings import NotEnrolledError, SettingsError, load_settings
from tests.edge_agent.edge import TINY, Edge, document


def drive(edge: Edge, **members: Any) -> None:
    """Change the driver settings of an enrolled edge."""
    path = edge.data / "agent.json"
    settings = json.loads(path.read_bytes())
    settings["driver"] = {**settings["driver"], **members}
    path.write_text(json.dumps(settings))


def python(code: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", code]


def test_the_program_itself_may_refuse_a_document(confirmed: Edge) -> None:
    refuse = 'print(\'{"errors": [{"path": "/alarms", "rule": "x", "detail": "no"}]}\'); raise SystemExit(1)'
    drive(confirmed, validate=python(refuse))
    confirmed.start()
    confirmed.cloud.publish(document(30000))
    attempt = confirmed.cloud.wait_status(2, "rejected")["last_attempt"]
    assert (attempt["code"], attempt["detail"]) == ("validator", "/alarms: x: no")


def test_a_silent_validator_is_asked_three_times(confirmed: Edge) -> None:
    count = confirmed.runtime / "asked"
    slow = f"open({str(count)!r}, 'a').write('x'); import time; time.sleep(60)"
    drive(confirmed, validate=python(slow), validate_timeout_s=0.3)
    confirmed.start()
    confirmed.cloud.publish(document(30000))
    attempt = confirmed.cloud.wait_status(2, "rejected")["last_attempt"]
    assert attempt["code"] == "validator_silent"
    assert count.read_text() == "xxx"


def test_a_reload_may_be_a_command(confirmed: Edge) -> None:
    code = f"import os, signal; os.kill(int(open('{confirmed.runtime}/runtime.pid').read()), signal.SIGHUP)"
    drive(confirmed, reload=python(code))
    confirmed.start()
    confirmed.cloud.publish(document(30000))
    confirmed.cloud.wait_status(2, "confirmed")


def test_only_the_touched_driver_is_touched(confirmed: Edge, tmp_path: Path) -> None:
    path = confirmed.data / "agent.json"
    settings = json.loads(path.read_bytes())
    common = {"start": [sys.executable, "-I", "-S", str(TINY), "{directory}"], "stop_timeout_s": 2}
    alarms = tmp_path / "alarms"
    settings["drivers"] = [
        {"name": "core", "directory": str(confirmed.runtime), **common},
        {"name": "alarms", "directory": str(alarms), "sections": ["alarms"], **common},
    ]
    path.write_text(json.dumps(settings))
    confirmed.start()
    confirmed.wait_asked(lambda one: {"core/cycle", "alarms/cycle"} <= set(one["live"]["gates"]))
    confirmed.cloud.publish(document(30000))
    confirmed.cloud.wait_status(2, "confirmed")
    assert json.loads((alarms / "document.json").read_bytes())["version"] == 1
    assert set(json.loads((alarms / "document.json").read_bytes())) >= {"alarms", "digest", "edge_id"}
    assert confirmed.active()["version"] == 2
    confirmed.stop()


def test_a_program_that_cannot_be_started_leads_to_safe_mode(edge: Edge) -> None:
    drive(edge, start=["/nowhere/at/all"])
    edge.cloud.publish(document())
    edge.start()
    attempt = edge.cloud.wait_status(1, "critical")["last_attempt"]
    assert attempt["code"] == "process_exited"
    assert "/nowhere/at/all" in attempt["log"]


@pytest.mark.parametrize(
    "settings",
    [
        {"driver": {"kind": "carrier pigeon"}},
        {"driver": {"colour": "blue"}},
        {"drivers": [{"name": "a", "directory": "/x"}, {"name": "a", "directory": "/y"}]},
        {"server_url": "http://ems.example.com"},
    ],
)
def test_settings_that_cannot_be_used_are_named(tmp_path: Path, settings: dict[str, Any]) -> None:
    identity = {"server_url": "https://x", "edge_id": "a-1", "edge_uid": "u", "org_uid": "o"}
    (tmp_path / "agent.json").write_text(json.dumps({**identity, **settings}))
    with pytest.raises(SettingsError):
        load_settings(tmp_path)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    identity = {"server_url": "https://x", "edge_id": "a-1", "edge_uid": "u", "org_uid": "o"}
    (tmp_path / "agent.json").write_text(json.dumps(identity))
    assert load_settings(tmp_path, {"EMS_AGENT_SERVER_URL": "https://y"}).server_url == "https://y"
    assert load_settings(tmp_path, {}).server_url == "https://x"
    (tmp_path / "agent.json").unlink()
    with pytest.raises(NotEnrolledError):
        load_settings(tmp_path, {})
