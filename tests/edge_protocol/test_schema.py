"""The schemas: what a document and a layer may look like, and where they do not."""

from copy import deepcopy
from typing import Any

import jsonschema
import jsonschema_rs
import pytest
from referencing.exceptions import Unresolvable

from edge_protocol import schema
from edge_protocol.engines import fast_engine, oracle_engine
from edge_protocol.errors import SchemaRejected
from edge_protocol.layout import KEYED_LISTS, SECTIONS
from edge_protocol.pointers import split
from tests.edge_protocol import full
from tests.edge_protocol.build import example

Body = dict[str, Any]
C0 = "/scheduler/controllers/ctrlPeakShaving0"
BMS = "/modbus_devices/bms_main"


def test_the_example_is_accepted_exactly_as_it_stands() -> None:
    assert schema.check(example()) == []
    schema.check_or_raise(example())


def test_a_document_with_every_field_is_accepted() -> None:
    assert schema.check(full.document()) == []
    used = set(full.document())
    assert used == set(SECTIONS)


def test_the_smallest_document_is_accepted() -> None:
    assert schema.check({"core_cycle": {}, "scheduler": {}, "modbus_devices": [], "alarms": []}) == []


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_is_a_schema_of_its_draft_that_refers_to_nothing_else(name: str) -> None:
    section = schema.schemas()[name]
    jsonschema.Draft202012Validator.check_schema(section)
    assert all(ref.startswith("#/$defs/") for ref in references(section))


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for part in node.values() for ref in references(part)]
    return [ref for part in node for ref in references(part)] if isinstance(node, list) else []


def test_keyed_lists_are_those_that_the_schemas_mark() -> None:
    def marked(node: Any, path: tuple[str, ...]) -> dict[tuple[str, ...], str]:
        found = {path: node["x-list-key"]} if "x-list-key" in node else {}
        for name, part in node.get("properties", {}).items():
            found |= marked(part, (*path, name))
        return found

    schemas = schema.schemas()
    assert {p: k for name in schemas for p, k in marked(schemas[name], (name,)).items()} == KEYED_LISTS


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:9/x.json", "https://example.com/x", "file:///etc/passwd"]
)
def test_nothing_is_ever_fetched(reference: str) -> None:
    with pytest.raises(jsonschema_rs.ValidationError):
        fast_engine({"$ref": reference})
    with pytest.raises(Unresolvable):
        oracle_engine({"$ref": reference}).accepts(5)


ABSENT = object()
# path of a member -> value to put there -> where and by which rule it is refused
REFUSED: list[tuple[str, Any, str, str]] = [
    ("/core_cycle", ABSENT, "", "required"),
    ("/core_cycle/period_ms", 99, "", "minimum"),
    ("/core_cycle/period_ms", 60001, "", "maximum"),
    ("/core_cycle/period_ms", "1000", "", "type"),
    ("/core_cycle/period_ms", True, "", "type"),
    ("/core_cycle/period_ms", 1000.5, "", "type"),
    ("/core_cycle/period_ms", None, "", "type"),
    ("/core_cycle/speed", 5, "", "additionalProperties"),
    ("/core_cycle/supervisor/overrun_alert_threshold", 0, "", "minimum"),
    ("/core_cycle/supervisor/max_consecutive_failures", 21, "", "maximum"),
    ("/core_cycle/supervisor/auto_recovery", 1, "", "type"),
    ("/schedules", [], "", "additionalProperties"),
    ("/scheduler/strategy", "random", "", "enum"),
    (C0 + "/id", "Ctrl", "/scheduler/controllers/Ctrl/id", "pattern"),
    (C0 + "/id", "c" * 64, "/scheduler/controllers/" + "c" * 64 + "/id", "pattern"),
    (C0 + "/id", "c\n", "/scheduler/controllers/c\n/id", "pattern"),
    (C0 + "/class", "MagicController", "", "enum"),
    (C0 + "/class", ABSENT, C0, "required"),
    (C0 + "/execution_order", 0, "", "minimum"),
    (C0 + "/execution_order", 1000, "", "maximum"),
    (C0 + "/execution_order", ABSENT, C0, "required"),
    (C0 + "/parameters", ABSENT, C0, "required"),
    (C0 + "/parameters/threshold_watts", ABSENT, C0 + "/parameters", "required"),
    (C0 + "/parameters/threshold_watts", -1, "", "minimum"),
    (C0 + "/parameters/threshold_watts", 10_000_001, "", "maximum"),
    (C0 + "/parameters/target_grid_power", 0, "", "additionalProperties"),
    (C0 + "/parameters/reserve_soc", 100.1, "", "maximum"),
    (C0 + "/parameters/ess_id", "_sum", "", "pattern"),
    ("/scheduler/controllers/ctrlBalancing0/parameters/priority", "none", "", "enum"),
    ("/scheduler/controllers/ctrlBalancing0/parameters/deadband_watts", 5001, "", "maximum"),
    ("/scheduler/controllers/ctrlBalancing0/parameters/target_grid_power", -1_000_001, "", "minimum"),
    (BMS + "/device_id", "_sum", "/modbus_devices/_sum/device_id", "pattern"),
    (BMS + "/device_id", ABSENT, "/modbus_devices/0", "required"),
    (BMS + "/profile", "a b", "", "pattern"),
    (BMS + "/role", "battery", "", "enum"),
    (BMS + "/connection", ABSENT, BMS, "required"),
    (BMS + "/connection/protocol", "udp", "", "enum"),
    (BMS + "/connection/protocol", "rtu", BMS + "/connection", "required"),
    (BMS + "/connection/host", ABSENT, BMS + "/connection", "required"),
    (BMS + "/connection/host", "http://192.168.1.100", "", "anyOf"),
    (BMS + "/connection/host", "192.168.1.100:502", "", "anyOf"),
    (BMS + "/connection/host", "192.168.1.300", "", "anyOf"),
    (BMS + "/connection/host", "host name", "", "anyOf"),
    (BMS + "/connection/host", "-host", "", "anyOf"),
    (BMS + "/connection/host", "", "", "anyOf"),
    (BMS + "/connection/host", "a." * 130 + "a", "", "maxLength"),
    (BMS + "/connection/port", 0, "", "minimum"),
    (BMS + "/connection/port", 65536, "", "maximum"),
    (BMS + "/connection/unit_id", 256, "", "maximum"),
    (BMS + "/connection/timeout_ms", 49, "", "minimum"),
    (BMS + "/connection/retries", 11, "", "maximum"),
    (BMS + "/connection/min_request_gap_ms", 1001, "", "maximum"),
    (BMS + "/connection/invalidate_after_errors", 0, "", "minimum"),
    (
        BMS + "/connection/serial",
        {"device": "/dev/x", "parity": "M"},
        BMS + "/connection/serial/parity",
        "enum",
    ),
    (BMS + "/connection/serial", {"baud": 9600}, "", "required"),
    (BMS + "/poll_groups/fast", ["Soc", "Soc"], "", "uniqueItems"),
    (BMS + "/poll_groups/fast", ["soc"], BMS + "/poll_groups/fast/0", "pattern"),
    (BMS + "/poll_groups/medium", [], "", "additionalProperties"),
    (BMS + "/limits", {"soc_min": -1}, BMS + "/limits/soc_min", "minimum"),
    (BMS + "/limits", {"ramp_w_per_s": 0}, BMS + "/limits/ramp_w_per_s", "exclusiveMinimum"),
    (BMS + "/expect_serial", "", "", "minLength"),
    ("/alarms/alarm_soc_low/channel", "bms_main", "", "pattern"),
    ("/alarms/alarm_soc_low/channel", "bms_main/soc", "", "pattern"),
    ("/alarms/alarm_soc_low/condition", "~", "", "enum"),
    ("/alarms/alarm_soc_low/condition", "stale", "/alarms/alarm_soc_low", "not"),
    ("/alarms/alarm_soc_low/threshold", ABSENT, "/alarms/alarm_soc_low", "required"),
    ("/alarms/alarm_soc_low/threshold", "20", "", "type"),
    ("/alarms/alarm_soc_low/hysteresis", -0.1, "", "minimum"),
    ("/alarms/alarm_soc_low/for_s", 86401, "", "maximum"),
    ("/alarms/alarm_soc_low/severity", "error", "", "enum"),
    ("/alarms/alarm_soc_low/notification", ["email", "email"], "", "uniqueItems"),
    ("/alarms/alarm_soc_low/notification", ["pigeon"], "/alarms/alarm_soc_low/notification/0", "enum"),
    ("/alarms/alarm_soc_low/message", "x" * 201, "", "maxLength"),
    ("/alarms", {}, "", "type"),
    ("/sync", {"sync_interval_s": 29}, "/sync/sync_interval_s", "minimum"),
    ("/sync", {"heartbeat_interval_s": 601}, "/sync/heartbeat_interval_s", "maximum"),
    ("/sync", {"probation_s": 0}, "/sync/probation_s", "minimum"),
    ("/sync", {"apply": {"alarms": "later"}}, "/sync/apply/alarms", "enum"),
    ("/sync", {"apply": {"weather": "manual"}}, "/sync/apply/weather", "additionalProperties"),
    (
        "/sync",
        {"maintenance_window": {"start": "1:00", "end": "02:00"}},
        "/sync/maintenance_window/start",
        "pattern",
    ),
    (
        "/sync",
        {"maintenance_window": {"start": "24:00", "end": "02:00"}},
        "/sync/maintenance_window/start",
        "pattern",
    ),
    ("/sync", {"maintenance_window": {"end": "02:00"}}, "/sync/maintenance_window", "required"),
    ("/sync", {"server_url": "https://evil.example"}, "/sync/server_url", "additionalProperties"),
    ("/extensions", {"acme": 5}, "/extensions/acme", "type"),
    ("/extensions", {"Acme": {}}, "/extensions/Acme", "pattern"),
    ("/extensions", {"acme": {"api_key": "x"}}, "/extensions/acme/api_key", "not"),
    ("/extensions", {"acme": {"a": [{"PassWord": "x"}]}}, "/extensions/acme/a/0/PassWord", "not"),
    ("/extensions", {"acme": {"clientSecret": "x"}}, "/extensions/acme/clientSecret", "not"),
    ("/extensions", {"acme": {"Token": "x"}}, "/extensions/acme/Token", "not"),
    ("/extensions", {"tokens": {}}, "/extensions/tokens", "not"),
    ("/extensions", {"acme": {"$remove": True}}, "/extensions/acme/$remove", "pattern"),
    ("/extensions", {"acme": {"a": None}}, "/extensions/acme/a", "type"),
    ("/version", -1, "", "minimum"),
    ("/timestamp", "2026-02-30T10:30:00Z", "", "format"),
    ("/timestamp", "2026-02-15T10:30:00+01:00", "", "pattern"),
    ("/edge_id", "A", "", "pattern"),
]


@pytest.mark.parametrize(("path", "value", "where", "keyword"), REFUSED)
def test_a_violation_is_refused_at_its_path(path: str, value: Any, where: str, keyword: str) -> None:
    document = put(example(), path, value)
    found = schema.check(document)
    assert (where if where or value is ABSENT else path, f"schema/{keyword}") in {
        (one.path, one.rule) for one in found
    }, found
    with pytest.raises(SchemaRejected) as caught:
        schema.check_or_raise(document)
    assert caught.value.violations == tuple(found)
    assert caught.value.to_dict()["errors"][0] == found[0].to_dict()


def put(document: Body, path: str, value: Any) -> Body:
    document = deepcopy(document)
    *above, last = split(path)
    place: Any = document
    for depth, segment in enumerate(above):
        key = KEYED_LISTS.get(tuple(above[:depth]))
        place = place[segment] if key is None else next(item for item in place if item[key] == segment)
    if KEYED_LISTS.get(tuple(above)) is not None:
        raise AssertionError("tables put members, not items")
    if value is ABSENT:
        del place[last]
    else:
        place[last] = value
    return document


ACCEPTED: list[tuple[str, Any]] = [
    (BMS + "/connection/host", "fe80::1"),
    (BMS + "/connection/host", "::1"),
    (BMS + "/connection/host", "gateway"),
    (BMS + "/connection/host", "modbus-1.site.example"),
    (BMS + "/connection/unit_id", 0),
    (BMS + "/profile", "tesla_powerwall_2@12"),
    ("/alarms/alarm_soc_low/severity", "critical"),
    ("/alarms/alarm_soc_low/threshold", -0.5),
    ("/scheduler", {}),
    ("/core_cycle", {}),
    ("/sync", {}),
    ("/extensions", {"acme.ems": {"deep": [[[{"x": 1}]]], "empty": {}}}),
]


@pytest.mark.parametrize(("path", "value"), ACCEPTED)
def test_what_the_model_allows_is_accepted(path: str, value: Any) -> None:
    assert schema.check(put(example(), path, value)) == []


def test_every_violation_is_listed_in_order_of_path() -> None:
    document = put(put(example(), "/core_cycle/period_ms", 1), BMS + "/connection/port", 0)
    document["alarms"][0].update({"x": 1, "y": 2})
    found = [(one.path, one.rule) for one in schema.check(document)]
    assert found == [
        ("/alarms/alarm_soc_low/x", "schema/additionalProperties"),
        ("/alarms/alarm_soc_low/y", "schema/additionalProperties"),
        ("/core_cycle/period_ms", "schema/minimum"),
        (BMS + "/connection/port", "schema/minimum"),
    ]


def test_words_have_units_and_no_secrets() -> None:
    found = schema.check(put(example(), "/core_cycle/period_ms", 1))
    assert found[0].detail == "1 is below the minimum of 100 ms"
    found = schema.check(put(example(), "/extensions", {"acme": {"apiKey": "hunter2"}}))
    assert "hunter2" not in str(found)
    long = schema.check(put(example(), "/core_cycle/period_ms", "x" * 100_000))
    assert len(long[0].detail) < 300


LAYERS: dict[str, tuple[Body, list[tuple[str, str]]]] = {
    "nothing": ({}, []),
    "a part of an item": (
        {"scheduler": {"controllers": [{"id": "c", "parameters": {"threshold_watts": 5}}]}},
        [],
    ),
    "removals": (
        {"sync": None, "alarms": [{"id": "a", "$remove": True}, {"id": "b", "threshold": None}]},
        [],
    ),
    "locks": ({"$lock": ["/sync", ""], "$lock_except": {"/sync": ["site/a", "edge/b-1"]}}, []),
    "a part of a connection": (
        {"modbus_devices": [{"device_id": "d", "connection": {"protocol": "rtu"}}]},
        [],
    ),
    "a part of a window": ({"sync": {"maintenance_window": {"days": ["mon"]}}}, []),
    "an item without identity": ({"alarms": [{"threshold": 5}]}, [("/alarms/0", "required")]),
    "a value out of range": ({"core_cycle": {"period_ms": 5}}, [("/core_cycle/period_ms", "minimum")]),
    "a parameter of another class": (
        {"scheduler": {"controllers": [{"id": "c", "class": "BalancingController", "parameters": {"x": 1}}]}},
        [("/scheduler/controllers/c/parameters/x", "additionalProperties")],
    ),
    "an unknown section": ({"schedules": []}, [("/schedules", "additionalProperties")]),
    "derived profiles": ({"profiles": {}}, [("/profiles", "additionalProperties")]),
    "a version": ({"version": 5}, [("/version", "additionalProperties")]),
    "a removal that says more": (
        {"alarms": [{"id": "a", "$remove": True, "threshold": 5}]},
        [("/alarms/a/$remove", "additionalProperties")],
    ),
    "a removal that is none": (
        {"alarms": [{"id": "a", "$remove": False}]},
        [("/alarms/a/$remove", "additionalProperties")],
    ),
    "a removal without identity": ({"alarms": [{"$remove": True}]}, [("/alarms/0", "required")]),
    "a lock that is no pointer": ({"$lock": ["sync"]}, [("/$lock/0", "pattern")]),
    "an exception for an organization": (
        {"$lock_except": {"/a": ["organization/a"]}},
        [("/$lock_except/~1a/0", "pattern")],
    ),
    "null in a list": ({"alarms": [None]}, [("/alarms/0", "type")]),
    "a list as a section": ({"sync": []}, [("/sync", "type")]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_is_checked_for_shape_only(name: str) -> None:
    body, expected = LAYERS[name]
    assert [(one.path, one.rule) for one in schema.check_layer(body)] == [
        (path, f"schema/{keyword}") for path, keyword in expected
    ]


def test_every_section_of_a_valid_document_is_a_valid_layer() -> None:
    document = full.document()
    del document["profiles"]
    assert schema.check_layer(document) == []
