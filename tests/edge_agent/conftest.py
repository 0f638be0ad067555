"""A cloud and an edge per test, ended whatever happens; or one that already runs version 1."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge
from tests.edge_agent.snapshot import Snapshot, confirmed_once, copied


@pytest.fixture
def cloud() -> Iterator[CloudSimulator]:
    with CloudSimulator() as simulator:
        yield simulator


@pytest.fixture
def edge(cloud: CloudSimulator, tmp_path: Path) -> Iterator[Edge]:
    one = Edge(tmp_path, cloud)
    one.enroll()
    yield one
    one.close()


@pytest.fixture(scope="session")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    with confirmed_once(tmp_path_factory.mktemp("confirmed")) as made:
        yield made


@pytest.fixture
def confirmed(snapshot: Snapshot, tmp_path: Path) -> Iterator[Edge]:
    """Runs version 1 as soon as it is started; `confirmed.cloud` is its cloud."""
    with copied(snapshot, tmp_path) as one:
        yield one
