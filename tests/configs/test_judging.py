"""Documents that no rule tells apart are judged once, and nobody is told another edge's hosts."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.shapes import NAMING_HOSTS, is_private, shape
from edge_protocol import semantics
from edge_protocol.canonical import section_digest
from edge_protocol.registry import builtin_profiles
from tests import build
from tests.configs.conftest import World

HOST = "/modbus_devices/{}/connection/host"
UNIT = "/modbus_devices/{}/connection/unit_id"
HOSTS = st.sampled_from(["10.0.0.1", "10.0.0.2", "192.168.7.8", "8.8.8.8", "127.0.0.1", "meter.local"])


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.0.0.1", True),
        ("192.168.1.255", True),
        ("172.16.0.1", True),
        ("172.31.255.255", True),
        ("172.32.0.1", False),
        ("192.169.1.1", False),
        ("10.0.0.256", False),
        ("10.0.0.01", False),
        ("10.0.0", False),
        ("10.0.0.0.1", False),
        ("8.8.8.8", False),
        ("127.0.0.1", False),
        ("169.254.0.1", False),
        ("meter.local", False),
        ("10.0.0.1.example.com", False),
        ("", False),
    ],
)
def test_only_plain_private_addresses_are_alike(host: str, private: bool) -> None:
    assert is_private(host) is private


def devices(hosts: list[str], gaps: list[int], units: list[int]) -> list[dict[str, Any]]:
    made = []
    for number, (host, gap, unit) in enumerate(zip(hosts, gaps, units, strict=True)):
        device = deepcopy(build.document()["modbus_devices"][number % 2])
        device["device_id"] += "" if number < 2 else f"_{number}"
        device["connection"] |= {"host": host, "min_request_gap_ms": gap, "unit_id": unit}
        made.append(device)
    return made


def findings(value: list[dict[str, Any]], *, worded: bool) -> list[tuple[str, ...]]:
    document = {**build.document(), "modbus_devices": value}
    found = semantics.check(document, profiles=builtin_profiles(), production=True)
    return [
        (one.rule, one.severity, one.path, one.detail if worded and one.rule not in NAMING_HOSTS else "")
        for one in found
    ]


@given(
    one=st.lists(HOSTS, min_size=4, max_size=4),
    other=st.lists(HOSTS, min_size=4, max_size=4),
    gaps=st.lists(st.sampled_from([0, 1000]), min_size=4, max_size=4),
    units=st.lists(st.sampled_from([1, 2]), min_size=4, max_size=4),
)
def test_equal_shapes_break_the_same_rules(
    one: list[str], other: list[str], gaps: list[int], units: list[int]
) -> None:
    first, second = devices(one, gaps, units), devices(other, gaps, units)
    shapes = [shape("modbus_devices", value, section_digest(value)) for value in (first, second)]
    if shapes[0] == shapes[1]:
        assert findings(first, worded=True) == findings(second, worded=True)


def test_a_shape_ignores_serial_numbers_and_keeps_everything_else() -> None:
    first, second, third = (devices(["10.0.0.1", "10.0.0.2"], [0, 0], [1, 1]) for _ in range(3))
    second[0]["expect_serial"] = "SN-1"
    third[0]["enabled"] = False
    one, two, three = (shape("modbus_devices", value, "") for value in (first, second, third))
    assert one == two != three
    assert shape("alarms", [], "own digest") == "own digest"


def test_each_edge_is_told_its_own_hosts(world: World) -> None:
    for edge, net in (("acme-north-1", "10.1.1"), ("acme-south-1", "10.2.2")):
        world.desk.publish(
            (f"edge/{edge}", "set", HOST.format("ess0"), f"{net}.1"),
            (f"edge/{edge}", "set", HOST.format("meter0"), f"{net}.1"),
            (f"edge/{edge}", "set", UNIT.format("meter0"), 2),
        )
    outcome = world.desk.publish(
        ("organization/acme", "set", "/modbus_devices/ess0/connection/min_request_gap_ms", 1000)
    )
    told = {one.edge_id: one.detail for one in outcome.warnings if one.rule == "E10"}
    assert set(told) == {"acme-north-1", "acme-south-1"}
    assert "10.1.1.1" in told["acme-north-1"]
    assert "10.2.2.1" in told["acme-south-1"]


def test_in_production_a_device_outside_the_sites_network_is_told(world: World, settings: Any) -> None:
    settings.PRODUCTION = True
    outcome = world.desk.publish(
        ("edge/acme-north-1", "set", HOST.format("ess0"), "8.8.8.8"),
        ("edge/acme-south-1", "set", HOST.format("ess0"), "10.9.9.9"),
    )
    assert [(one.rule, one.edge_id) for one in outcome.warnings] == [("W15", "acme-north-1")]
