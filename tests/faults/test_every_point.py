"""Kill -9 at every named fault point, restart, and the invariants hold."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.faultpoints import NAMES, WRITES
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import ROOT, Edge, document
from tests.faults import invariants
from tests.faults.scenes import ENROLLING, SCENES

# One of each kind in `make test`; all of them, marked slow, in `make test-all`.
REPRESENTATIVE = {
    "after:seen",
    "after:fetched",
    "before:applying",
    "after:applying",
    "after:document",
    "before:probation",
    "before:committed",
    "after:rolling_back",
    "after:staged",
    "after:key_candidate",
}


@pytest.fixture
def new_edge(tmp_path: Path) -> Iterator[tuple[Edge, CloudSimulator]]:
    with CloudSimulator() as cloud:
        edge = Edge(tmp_path, cloud)
        yield edge, cloud
        edge.close()


def marked(name: str) -> object:
    return name if name in REPRESENTATIVE else pytest.param(name, marks=pytest.mark.slow)


def of_writes(*, published: bool) -> list[object]:
    return [
        marked(f"{side}:{write}")
        for write, scene in SCENES.items()
        if scene.published is published
        for side in ("before", "after")
    ]


def test_every_point_has_a_scene() -> None:
    assert set(SCENES) | ENROLLING == set(WRITES)
    assert len(NAMES) == 2 * len(WRITES)
    assert set(NAMES) >= REPRESENTATIVE


def play(edge: Edge, cloud: CloudSimulator, point: str) -> None:
    scene = SCENES[point.partition(":")[2]]
    scene.before(edge, cloud)
    edge.start(fault=point)
    scene.act(edge, cloud)
    assert edge.wait_end() == -signal.SIGKILL
    cloud.heartbeats.clear()
    cloud.calls.clear()
    edge.start()
    scene.ends(edge, cloud)
    edge.ask("status")  # answered by the reducer: what was under way is done
    invariants.check(edge, cloud)
    assert edge.stop() == 0


@pytest.mark.parametrize("point", of_writes(published=True))
def test_a_death_at_the_point_is_survived(confirmed: Edge, point: str) -> None:
    play(confirmed, confirmed.cloud, point)


@pytest.mark.parametrize("point", of_writes(published=False))
def test_a_death_at_the_point_of_a_first_version_is_survived(
    new_edge: tuple[Edge, CloudSimulator], point: str
) -> None:
    edge, cloud = new_edge
    edge.enroll()
    play(edge, cloud, point)


@pytest.mark.parametrize(
    "point", [marked(f"{side}:{write}") for write in sorted(ENROLLING) for side in ("before", "after")]
)
def test_a_death_while_enrolling_is_survived(new_edge: tuple[Edge, CloudSimulator], point: str) -> None:
    edge, cloud = new_edge
    command = [sys.executable, "-m", "edge_agent", "--data", str(edge.data), "enroll"]
    command += ["--server", cloud.url, "--root-sha256", cloud.root_sha256]
    environment = {"PYTHONPATH": str(ROOT), "EMS_ENROLLMENT_TOKEN": cloud.token}
    died = subprocess.run(command, env={**environment, "EMS_AGENT_FAULT": point}, check=False, timeout=30)
    assert died.returncode == -signal.SIGKILL
    done = subprocess.run(command, env=environment, check=False, timeout=30, capture_output=True)
    assert done.returncode == 0, done.stderr
    settings = json.loads((edge.data / "agent.json").read_bytes())
    settings["driver"] = edge.driver
    (edge.data / "agent.json").write_text(json.dumps(settings))
    cloud.publish(document())
    edge.start()
    cloud.wait_status(1, "confirmed")
    assert edge.stop() == 0
