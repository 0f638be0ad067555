"""The people and edges of the operator API's tests: attackers are among them."""

from tests.console.conftest import (  # noqa: F401 - fixtures
    alice,
    bob,
    dora,
    edge_key,
    key_folder,
    nora,
    operator,
    published,
    trust,
)
