"""A cloud and an edge per test, ended whatever happens."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge


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
