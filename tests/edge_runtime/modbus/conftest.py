"""One event loop for the servers of a test module."""

from collections.abc import Iterator

import pytest

from tests.edge_runtime.modbus.wire import Loop


@pytest.fixture(scope="session")
def loop() -> Iterator[Loop]:
    made = Loop()
    yield made
    made.close()
