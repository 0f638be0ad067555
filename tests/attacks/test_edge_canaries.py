"""The secrets of an edge, sought in all that it writes: its log, its databases, what its runtime is given."""

from edge_agent.keyring import Keyring
from edge_agent.service import unit
from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.conftest import cloud, edge  # noqa: F401 - fixtures
from tests.edge_agent.edge import Edge, document


def test_an_edges_key_stands_in_its_key_file_alone(cloud: CloudSimulator, edge: Edge) -> None:  # noqa: F811
    first = Keyring(edge.data / "key").text()
    cloud.publish(document())
    edge.start()
    cloud.wait_status(1, "confirmed")
    cloud.notify({"type": "key.rotate"})
    cloud.wait(lambda one: [event for event in one.events.values() if event["code"] == "key_rotated"])
    cloud.wait(lambda one: not one.candidates)
    shown = edge.command("status").stdout + edge.command("status", "--json").stdout
    assert edge.stop() == 0
    second = Keyring(edge.data / "key").text()
    assert first != second
    secrets = [text.rpartition("_")[2] for text in (first, second, cloud.token)]
    written = {path: path.read_bytes() for path in edge.data.parent.rglob("*") if path.is_file()}
    for number, secret in enumerate(secrets):
        holding = {path.name for path, content in written.items() if secret.encode() in content}
        assert holding == ({"key"} if number == 1 else set())
        assert secret not in shown
    assert b"DEBUG" in written[edge.log]


def test_what_an_edge_writes_is_its_owners_alone(edge: Edge) -> None:  # noqa: F811
    """Behind a folder that nobody else enters; as a service its files are closed too."""
    assert edge.data.stat().st_mode & 0o077 == 0
    for name in ("key", "agent.json"):
        assert (edge.data / name).stat().st_mode & 0o077 == 0
    assert "\nUMask=0077\n" in unit("ems-agent", edge.data, None)
