"""The demo document and the example site are what others may build on."""

from edge_protocol import schema, semantics
from edge_protocol.registry import builtin_profiles
from tests.edge_runtime.plant import DEMO, EXAMPLE_SITE, body


def test_the_demo_document_earns_no_finding() -> None:
    assert schema.check(DEMO) == []
    made = {name: value for name, value in body().items() if name != "digest"}
    assert semantics.check(made, profiles=builtin_profiles(), production=True) == []


def test_the_example_site_answers_for_every_device_of_the_demo_document() -> None:
    assert {entry["device_id"] for entry in DEMO["modbus_devices"]} == set(EXAMPLE_SITE["devices"])
