"""The thin slice: enrolled, fetched, verified, applied, confirmed, reported."""

from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge, document


def test_the_first_version_is_applied_and_confirmed(cloud: CloudSimulator, edge: Edge) -> None:
    cloud.publish(document())
    edge.start()
    beat = cloud.wait_status(1, "confirmed")
    assert beat["running"]["version"] == 1
    assert edge.active()["scheduler"] == document()["scheduler"]
    assert edge.state().committed.number == 1
    assert edge.stop() == 0


def test_a_change_is_announced_and_applied_as_a_delta(cloud: CloudSimulator, edge: Edge) -> None:
    cloud.publish(document())
    edge.start()
    cloud.wait_status(1, "confirmed")
    cloud.publish(document(30000))
    cloud.wait_status(2, "confirmed")
    assert edge.active()["changed"] == ["scheduler"]
    assert ("GET", "/api/v1/edges/acme-north-1/config/delta?since=1", 200) in cloud.calls


def test_a_version_that_crashes_the_runtime_is_rolled_back(cloud: CloudSimulator, edge: Edge) -> None:
    cloud.publish(document())
    edge.start()
    cloud.wait_status(1, "confirmed")
    cloud.publish(document(30000, crash="later"))
    beat = cloud.wait_status(2, "rolled_back")
    assert beat["running"]["version"] == 1
    assert beat["last_attempt"]["code"] == "process_exited"
    assert "told to crash later" in beat["last_attempt"]["log"]
    assert edge.active()["version"] == 1
