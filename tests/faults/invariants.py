"""What must hold after any fault, read from the plant, the database and the reports."""

from __future__ import annotations

from collections import Counter

from edge_agent.states import Phase
from edge_protocol.canonical import section_digest
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge

ENVELOPE = {"version", "digest", "edge_id", "changed", "safe_mode"}
ONCE = {"confirmed", "rolled_back", "rejected", "critical"}


def check(edge: Edge, cloud: CloudSimulator) -> None:
    the_plant_runs_something_published(edge, cloud)
    versions_fall_only_by_a_recorded_rollback(cloud)
    events_exist_exactly_once(cloud)


def the_plant_runs_something_published(edge: Edge, cloud: CloudSimulator) -> None:
    active, state = edge.active(), edge.state()
    sections = {name: value for name, value in active.items() if name not in ENVELOPE}
    if state.phase is Phase.SAFE_MODE:
        assert active["safe_mode"] is True
        assert active["scheduler"] == {"controllers": []}
        return
    published = [version.sections for version in cloud.versions]
    assert sections in published
    assert state.running is not None
    assert {name: section_digest(value) for name, value in sections.items()} == dict(state.running.sections)


def versions_fall_only_by_a_recorded_rollback(cloud: CloudSimulator) -> None:
    """Going through the edge's own events in their order."""
    running, undone = 0, set()
    for event in sorted(cloud.events.values(), key=lambda event: event["seq"]):
        status = (event.get("data") or {}).get("status")
        if status in {"failed", "rolled_back", "critical"}:
            undone.add(event["version"])
            running = min(running, event["version"] - 1)
        if status in {"applied", "confirmed"}:
            assert event["version"] >= running
            running = event["version"]


def events_exist_exactly_once(cloud: CloudSimulator) -> None:
    numbers = [event["seq"] for event in cloud.events.values()]
    assert len(numbers) == len(set(numbers))
    told = Counter(
        (event.get("version"), event["data"]["status"])
        for event in cloud.events.values()
        if event["type"] == "transition"
    )
    assert {key: count for key, count in told.items() if key[1] in ONCE and count > 1} == {}
