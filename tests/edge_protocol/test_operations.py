"""Operations on a layer: what each writes, their inverse, and those between two states."""

from copy import deepcopy
from operator import itemgetter
from typing import Any

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from edge_protocol.canonical import canonical
from edge_protocol.errors import MergeError, PointerError
from edge_protocol.layout import KEYED_LISTS
from edge_protocol.merge import merge_bodies
from edge_protocol.operations import (
    Operation,
    apply_operation,
    apply_operations,
    invert,
    operations_between,
    value_at,
)
from edge_protocol.pointers import MISSING, lookup
from tests.edge_protocol.build import bodies

Body = dict[str, Any]
OVERRIDE = {"scheduler": {"controllers": [{"id": "c", "parameters": {"threshold_watts": 5}}]}}
AT = "/scheduler/controllers/c/parameters/threshold_watts"

WRITES: dict[str, tuple[Body, Operation, Body]] = {
    "set makes what stands above it": ({}, Operation("set", AT, 5), OVERRIDE),
    "set replaces a subtree": (
        {"sync": {"probation_s": 5, "apply": {"alarms": "manual"}}},
        Operation("set", "/sync", {"probation_s": 6}),
        {"sync": {"probation_s": 6}},
    ),
    "set of an item adds its identity": (
        {"alarms": [{"id": "a"}]},
        Operation("set", "/alarms/b", {"x": 1}),
        {"alarms": [{"id": "a"}, {"id": "b", "x": 1}]},
    ),
    "set of an item keeps its place": (
        {"alarms": [{"id": "a", "y": 2}, {"id": "b"}]},
        Operation("set", "/alarms/a", {"id": "a", "x": 1}),
        {"alarms": [{"id": "a", "x": 1}, {"id": "b"}]},
    ),
    "set below a removal takes it back": (
        {"alarms": [{"id": "a", "$remove": True}], "sync": None},
        Operation("set", "/alarms/a/x", 1),
        {"alarms": [{"id": "a", "x": 1}], "sync": None},
    ),
    "set of the whole layer keeps its locks": (
        {"sync": {}, "$lock": ["/sync"]},
        Operation("set", "", {"alarms": []}),
        {"alarms": [], "$lock": ["/sync"]},
    ),
    "unset gives back what it alone held": ({"sync": {"a": 1}}, Operation("unset", "/sync/a"), {}),
    "unset leaves a required section": (
        {"core_cycle": {"period_ms": 1}},
        Operation("unset", "/core_cycle/period_ms"),
        {"core_cycle": {}},
    ),
    "unset takes an item that only names itself": (
        OVERRIDE,
        Operation("unset", AT),
        {"scheduler": {"controllers": []}},
    ),
    "unset of an item": (
        {"alarms": [{"id": "a"}, {"id": "b"}]},
        Operation("unset", "/alarms/a"),
        {"alarms": [{"id": "b"}]},
    ),
    "unset of a removal": ({"sync": None}, Operation("unset", "/sync"), {}),
    "unset of nothing": ({"sync": {"a": 1}}, Operation("unset", "/alarms/a"), {"sync": {"a": 1}}),
    "unset of the whole layer": (OVERRIDE, Operation("unset", ""), {}),
    "remove of a member": ({}, Operation("remove", "/sync/a"), {"sync": {"a": None}}),
    "remove of an item": (
        {"alarms": [{"id": "a", "x": 1}]},
        Operation("remove", "/alarms/a"),
        {"alarms": [{"id": "a", "$remove": True}]},
    ),
    "set into an empty container": (
        {"sync": {}, "alarms": [{"id": "a"}]},
        Operation("set", "/sync/a/b", 1),
        {"sync": {"a": {"b": 1}}, "alarms": [{"id": "a"}]},
    ),
    "set into an item that only names itself": (
        {"alarms": [{"id": "a"}]},
        Operation("set", "/alarms/a/x", 1),
        {"alarms": [{"id": "a", "x": 1}]},
    ),
    "set below a removed section": (
        {"sync": None},
        Operation("set", "/sync/a", 1),
        {"sync": {"a": 1}},
    ),
    "lock": ({}, Operation("lock", "/sync"), {"$lock": ["/sync"]}),
    "lock with exceptions": (
        {"$lock": ["/x"]},
        Operation("lock", "/sync", {"except": ["site/b", "edge/a1"]}),
        {"$lock": ["/sync", "/x"], "$lock_except": {"/sync": ["edge/a1", "site/b"]}},
    ),
    "unlock": (
        {"$lock": ["/sync"], "$lock_except": {"/sync": ["site/b"]}},
        Operation("unlock", "/sync"),
        {},
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_an_operation_writes(name: str) -> None:
    body, operation, result = WRITES[name]
    before = deepcopy(body)
    found = apply_operation(body, op=operation.op, path=operation.path, value=operation.value)
    assert found == result
    assert body == before
    undone = apply_operations(
        found, invert(body, op=operation.op, path=operation.path, value=operation.value)
    )
    assert content(undone) == content(body)


REFUSED: dict[str, tuple[Operation, type[Exception]]] = {
    "another identity": (Operation("set", "/alarms/a", {"id": "b"}), MergeError),
    "an identity changed": (Operation("set", "/alarms/a/id", "b"), MergeError),
    "null": (Operation("set", "/sync", None), MergeError),
    "null within": (Operation("set", "/sync", {"a": {"b": None}}), MergeError),
    "null in a list": (Operation("set", "/sync/a", [None]), MergeError),
    "a removal within": (Operation("set", "/alarms", [{"id": "a", "$remove": True}]), MergeError),
    "an identity twice": (Operation("set", "/alarms", [{"id": "a"}, {"id": "a"}]), MergeError),
    "no identity": (Operation("set", "/alarms", [{"x": 1}]), MergeError),
    "a scalar as an item": (Operation("set", "/alarms/a", 5), MergeError),
    "nothing to set": (Operation("set", "/sync"), PointerError),
    "a scalar as a layer": (Operation("set", "", 5), PointerError),
    "a place in a plain list": (Operation("set", "/extensions/v/list/0", 5), PointerError),
    "locks by hand": (Operation("set", "/$lock", []), PointerError),
    "a removal by hand": (Operation("set", "/alarms/a/$remove", True), PointerError),
    "a removed layer": (Operation("remove", ""), PointerError),
    "a removed identity": (Operation("remove", "/alarms/a/id"), PointerError),
    "an identity unset": (Operation("unset", "/alarms/a/id"), PointerError),
    "a lock with nonsense": (Operation("lock", "/sync", {"except": "site/a"}), PointerError),
    "a lock with a number": (Operation("lock", "/sync", 5), PointerError),
    "an unlock of nothing": (Operation("unlock", "/nothing"), PointerError),
    "an unknown operation": (Operation("replace", "/sync", 5), PointerError),
    "no pointer": (Operation("set", "sync", 5), PointerError),
    "a bad escape": (Operation("set", "/a~2", 5), PointerError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_operation_that_cannot_be_is_refused(name: str) -> None:
    operation, reason = REFUSED[name]
    body = {"alarms": [{"id": "a"}], "extensions": {"v": {"list": [1]}}}
    with pytest.raises(reason):
        apply_operation(body, op=operation.op, path=operation.path, value=operation.value)


def test_what_a_layer_writes_is_a_value_a_removal_or_nothing() -> None:
    body = {"alarms": [{"id": "a", "$remove": True}], "sync": {"a": 1, "b": None}}
    assert value_at(body, "/sync/a") == 1
    assert value_at(body, "/sync/b") is None
    assert value_at(body, "/alarms/a") is None
    assert value_at(body, "/alarms/b") is MISSING


PATHS = st.sampled_from(
    [
        "/sync",
        "/sync/a",
        "/sync/a/b",
        "/alarms/x",
        "/alarms/x/a",
        "/scheduler/controllers/y/b",
        "/core_cycle/a",
    ]
)
steps = st.one_of(
    st.builds(Operation, st.just("set"), PATHS, st.just({"c": 1})),
    st.builds(Operation, st.sampled_from(["unset", "remove"]), PATHS),
    st.builds(Operation, st.just("lock"), PATHS, st.just({"except": ["site/a"]})),
)


@given(bodies(), bodies(), steps)
def test_an_operation_and_its_inverse_leave_the_document_as_it_was(
    above: Body, body: Body, step: Operation
) -> None:
    try:
        after = apply_operation(body, op=step.op, path=step.path, value=step.value)
    except PointerError:
        reject()  # a step that is refused, through a plain list, changes nothing
    undo = invert(body, op=step.op, path=step.path, value=step.value)
    undone = apply_operations(after, undo)
    assert content(undone, above) == content(body, above)
    assert undone.get("$lock", []) == body.get("$lock", [])


def content(body: Body, above: Body | None = None) -> bytes:
    """What a layer gives a document that has every required section. An item that was unset and comes
    back is last: order aside, the content is the same."""
    required: Body = {"alarms": [], "modbus_devices": [], "scheduler": {"controllers": []}, "core_cycle": {}}
    document = deepcopy(merge_bodies([required, above or {}, body]))
    for path, key in KEYED_LISTS.items():
        items = lookup(document, path)
        if isinstance(items, list):
            items.sort(key=itemgetter(key))
    return canonical(document)


@given(bodies(), bodies())
def test_the_operations_between_two_states_lead_from_one_to_the_other(old: Body, new: Body) -> None:
    assert canonical(apply_operations(old, operations_between(old, new))) == canonical(new)


@given(bodies())
def test_between_equal_states_there_is_nothing(body: Body) -> None:
    assert operations_between(body, deepcopy(body)) == []


def test_operations_are_as_narrow_as_the_change() -> None:
    old = {"alarms": [{"id": "a", "x": 1, "y": 1}, {"id": "b"}], "sync": {"a": 1}}
    new = {"alarms": [{"id": "a", "x": 2, "y": 1}, {"id": "c", "z": 1}], "sync": {"a": None}, "$lock": ["/x"]}
    assert [one.to_dict() for one in operations_between(old, new)] == [
        {"op": "set", "path": "/alarms/a/x", "value": 2},
        {"op": "set", "path": "/alarms/c", "value": {"id": "c", "z": 1}},
        {"op": "unset", "path": "/alarms/b"},
        {"op": "remove", "path": "/sync/a"},
        {"op": "lock", "path": "/x", "value": {"except": []}},
    ]


def test_a_changed_order_rewrites_the_list() -> None:
    old, new = {"alarms": [{"id": "a"}, {"id": "b"}]}, {"alarms": [{"id": "b"}, {"id": "a"}]}
    assert [one.path for one in operations_between(old, new)] == ["/alarms"]
    assert apply_operations(old, operations_between(old, new)) == new
