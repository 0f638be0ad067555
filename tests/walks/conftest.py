"""The demo's world on a database of the test's own: a real server, real agents, their runtimes."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from ems import setting_up
from ems.demo import people
from ems.demo.operator import wait_until
from ems.demo.processes import Processes
from ems.demo.world import ORGANIZATIONS, World
from tests.conftest import Database
from tests.processes import ServerProcess

StartServer = Callable[..., ServerProcess]


@pytest.fixture
def world(committed: Database, live_server_process: StartServer, tmp_path: Path) -> Iterator[World]:
    """Two organizations with sites, layers and published edges; no agent is started yet."""
    setting_up.found()
    tokens, console = people.introduce(ORGANIZATIONS)
    root = people.trust_root()
    server = live_server_process(committed, EMS_SIGNING_KEY_FILE=settings.EMS_SIGNING_KEY_FILE)
    made = World(
        base_url=server.url,
        port=server.port,
        directory=tmp_path,
        processes=Processes(tmp_path),
        tokens=tokens,
        console=console,
        trust_root=root.envelope,
        root_sha256=root.sha256,
    )
    made.populate()
    yield made
    made.processes.stop_all()
    for link in made.links.values():
        link.close()


def reported(world: World, edge_id: str, kind: str = "transition") -> list[dict[str, Any]]:
    """What the agent reported of itself, oldest first."""
    page = world.operator("acme").must(
        "GET", f"/organizations/acme/events?edge={edge_id}&type={kind}&limit=100"
    )
    events: list[dict[str, Any]] = page["items"]
    return sorted(events, key=lambda event: int(event["seq"]))


def steps_until_confirmed(world: World, edge_id: str, version: int) -> list[str]:
    """The codes of the version's transitions. Events come after the heartbeat that already says it."""

    def steps() -> list[str]:
        return [event["code"] for event in reported(world, edge_id) if event["version"] == version]

    wait_until("the confirmation was reported", lambda: "confirmed" in steps(), 30)
    return steps()
