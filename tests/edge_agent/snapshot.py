"""An edge that runs version 1, made once and copied: most scenes start there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from tests.edge_agent.cloud_simulator import CloudSimulator, Lies
from tests.edge_agent.edge import Edge, document

_KEPT = ("versions", "events", "keys", "roots", "epoch", "root_key", "config_key")


@dataclass(frozen=True)
class Snapshot:
    folder: Path
    cloud: CloudSimulator


@contextmanager
def confirmed_once(folder: Path) -> Iterator[Snapshot]:
    with CloudSimulator() as cloud:
        edge = Edge(folder, cloud)
        edge.enroll()
        cloud.publish(document())
        edge.start()
        cloud.wait_status(1, "confirmed")
        cloud.wait(lambda one: [e for e in one.events.values() if e["code"] == "confirmed"])
        edge.stop()
        yield Snapshot(folder, cloud)


@contextmanager
def copied(snapshot: Snapshot, folder: Path) -> Iterator[Edge]:
    """The edge as it was confirmed, and its cloud with nothing but version 1; put back afterwards."""
    shutil.copytree(snapshot.folder / "agent", folder / "agent")
    shutil.copytree(snapshot.folder / "runtime", folder / "runtime")
    settings = folder / "agent" / "agent.json"
    old, new = str(snapshot.folder / "runtime"), str(folder / "runtime")
    settings.write_text(settings.read_text().replace(old, new))
    cloud = snapshot.cloud
    kept = {name: deepcopy(getattr(cloud, name)) for name in _KEPT if not name.endswith("key")}
    kept |= {name: getattr(cloud, name) for name in _KEPT if name.endswith("key")}
    cloud.heartbeats.clear()
    cloud.calls.clear()
    edge = Edge(folder, cloud)
    try:
        yield edge
    finally:
        edge.close()
        cloud.close_sockets()
        cloud.requests, cloud.answer_extra, cloud.issued_at, cloud.candidates = [], {}, None, {}
        cloud.lies = Lies()
        for name, value in kept.items():
            setattr(cloud, name, value)
        cloud.wait(lambda one: not one.sockets)
