"""Alarms of the real runtime on their way to the cloud, rule changes included."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_protocol.registry import builtin_profiles, named_profiles
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge
from tests.edge_runtime.plant import DEMO, site


def document(threshold: float, **rule: Any) -> dict[str, Any]:
    """The demo with a quick cycle and one alarm on a battery that stands at 60 %."""
    alarm = {
        "id": "alarm_soc_low",
        "channel": "bms_main/Soc",
        "condition": "<",
        "threshold": threshold,
        **rule,
    }
    sync = {"sync_interval_s": 30, "heartbeat_interval_s": 10, "probation_s": 1}
    made = {**DEMO, "core_cycle": {"period_ms": 100}, "alarms": [alarm], "sync": sync}
    return {**made, "profiles": named_profiles(made, builtin_profiles())}


@pytest.fixture
def controlled(cloud: CloudSimulator, tmp_path: Path) -> Iterator[Edge]:
    """An edge whose agent drives the real runtime over a simulated house."""
    place = tmp_path / "site.json"
    place.write_text(json.dumps(site()))
    run = [sys.executable, "-m", "edge_runtime", "run", "--dir", "{directory}", "--site", str(place)]
    one = Edge(tmp_path, cloud, start=run, apply_timeout_s=20, restore_timeout_s=20)
    one.enroll()
    yield one
    one.close()


def alarms(cloud: CloudSimulator) -> list[tuple[str, int, str, Any]]:
    events = sorted(cloud.events.values(), key=lambda event: event["seq"])
    return [
        (event["code"], event["version"], event["data"]["severity"], event["data"]["value"])
        for event in events
        if event["type"] == "alarm" and event["code"] in {"raised", "cleared"}
    ]


def test_an_alarm_is_raised_reworded_and_cleared_in_the_cloud_s_eyes(
    cloud: CloudSimulator, controlled: Edge
) -> None:
    cloud.publish(document(20))
    controlled.start()
    cloud.wait_status(1, "confirmed")
    assert alarms(cloud) == []
    cloud.publish(document(70))
    cloud.wait(lambda one: len(alarms(one)) == 1)
    cloud.publish(document(70, severity="critical"))
    cloud.wait(lambda one: len(alarms(one)) == 2)
    cloud.publish(document(20))
    cloud.wait(lambda one: len(alarms(one)) == 3)
    told = alarms(cloud)
    assert [(code, severity) for code, _, severity, _ in told] == [
        ("raised", "warning"),
        ("raised", "fault"),
        ("cleared", "warning"),  # the last words it had
    ]
    assert all(59 < value <= 60 for _, _, _, value in told)


def test_a_runtime_that_starts_again_raises_nothing_twice(cloud: CloudSimulator, controlled: Edge) -> None:
    cloud.publish(document(70))
    controlled.start()
    cloud.wait(lambda one: len(alarms(one)) == 1)
    cloud.wait_status(1, "confirmed")
    controlled.kill_runtime()
    cloud.wait(lambda one: [event for event in one.events.values() if event["code"] == "process_exited"])
    cloud.publish(document(20))
    cloud.wait(lambda one: "cleared" in [code for code, *_ in alarms(one)])
    assert [code for code, *_ in alarms(cloud)] == ["raised", "cleared"]
