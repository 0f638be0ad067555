"""The demo's story, as `make demo ARGS="--once --json"` plays it."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_story_holds_and_its_facts_are_whole() -> None:
    # Not pytest's own folder: it takes away from others, PostgreSQL's user among them, the way through.
    var = settings.EMS_VAR / "demo-story"
    done = subprocess.run(
        [sys.executable, "manage.py", "demo", "--once", "--json", "--port", "0"],
        cwd=REPOSITORY,
        env=os.environ | {"EMS_VAR": str(var)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["ok"] is True
    assert facts["enrolled"] == facts["change"]["edges"] == 3
    assert facts["change"]["transport"] == "websocket"
    assert facts["refused"]["status"] == 422
    assert facts["rolled_back"]["from"] == facts["rolled_back"]["to"] + 1
    assert "controller init failed" in facts["rolled_back"]["reason"]
    assert facts["caught_up"]["bytes"] < facts["caught_up"]["full_bytes"]
    assert facts["polled_only"]["applied_seconds"] > 0
    rollout = facts["rollout"]
    assert set(rollout) == {"waves", "halted_in_wave", "reason", "recalled_edges", "edges_on_bad_version"}
    assert (rollout["waves"], rollout["halted_in_wave"]) == (3, 2)
    assert rollout["reason"] == "wave 2: 1 of 1 failed, limit 5 %: halted"
    assert (rollout["recalled_edges"], rollout["edges_on_bad_version"]) == (2, 0)
    assert stat.S_IMODE((var / "demo.json").stat().st_mode) == 0o600
