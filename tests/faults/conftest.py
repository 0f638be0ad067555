"""The same edges as in tests/edge_agent."""

from tests.edge_agent.conftest import cloud, confirmed, edge, snapshot

__all__ = ["cloud", "confirmed", "edge", "snapshot"]
