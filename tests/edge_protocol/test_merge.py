"""Layers folded into one document: laws, identities, removals."""

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol.canonical import canonical
from edge_protocol.errors import MergeError
from edge_protocol.merge import Layer, merge, merge_bodies, merge_section
from edge_protocol.pointers import MISSING
from edge_protocol.registry import builtin_profiles
from tests.edge_protocol.build import bodies, example, sections, vectors

Body = dict[str, Any]


def layers(*stack: Body) -> list[Layer]:
    scopes = ("organization", "site", "edge")
    return [
        Layer(scope, f"{scope}-1", number, f"change {number}", "alice", "2026-01-01T00:00:00Z", body)
        for number, (scope, body) in enumerate(zip(scopes, stack, strict=False), start=1)
    ]


@pytest.mark.parametrize(("original", "patch", "result"), vectors("rfc")["rfc7396"]["cases"])
def test_it_merges_as_rfc_7396(original: Any, patch: Any, result: Any) -> None:
    merged = merge_bodies([{"extensions": {"v": original}}, {"extensions": {"v": patch}}])
    assert merged == {"extensions": {"v": result}}


@given(bodies(removals=False))
def test_an_empty_layer_changes_nothing(document: Body) -> None:
    assert merge_bodies([document, {}]) == document
    assert merge_bodies([{}, document]) == document


@given(bodies(), bodies())
def test_a_layer_taken_twice_is_taken_once(base: Body, layer: Body) -> None:
    once = merge_bodies([base, layer])
    assert merge_bodies([once, layer]) == once


@given(bodies(), bodies(), bodies())
def test_with_and_without_provenance_it_is_the_same_document(org: Body, site: Body, edge: Body) -> None:
    stack = [org, site, edge]
    assert merge(layers(*stack)).document == merge_bodies(stack)


@given(bodies(), bodies(), bodies())
def test_no_layer_is_altered(org: Body, site: Body, edge: Body) -> None:
    before = deepcopy([org, site, edge])
    merge(layers(org, site, edge))
    merge_bodies([org, site, edge])
    assert [org, site, edge] == before


@given(bodies(), bodies(), bodies())
def test_nothing_of_a_layers_language_stays_in_a_document(org: Body, site: Body, edge: Body) -> None:
    written = canonical(merge_bodies([{**org, "$lock": ["/a"], "$lock_except": {}}, site, edge]))
    assert b"null" not in written
    assert b"$" not in written


@given(bodies(), bodies(), bodies())
def test_a_section_can_be_merged_alone(org: Body, site: Body, edge: Body) -> None:
    whole = merge_bodies([org, site, edge])
    for name in ("alarms", "scheduler", "sync", "extensions"):
        assert merge_section(name, [org, site, edge]) == whole.get(name, MISSING)


@given(st.data())
def test_the_most_special_layer_that_sets_a_value_wins(data: st.DataObject) -> None:
    stack = [data.draw(bodies(removals=False)) for _ in range(3)]
    document = merge_bodies(stack)
    for name in ("core_cycle", "sync", "extensions"):
        for member, value in document.get(name, {}).items():
            setters = [body[name][member] for body in stack if member in body.get(name, {})]
            if not isinstance(value, dict):
                assert value == setters[-1]


ITEMS: dict[str, tuple[list[Any], list[Any], list[Any]]] = {
    "an override merges deeply": (
        [{"id": "a", "x": 1}, {"id": "b"}],
        [{"id": "b", "y": {"z": 2}}],
        [{"id": "a", "x": 1}, {"id": "b", "y": {"z": 2}}],
    ),
    "inherited order first, new ones after": (
        [{"id": "a"}, {"id": "b"}],
        [{"id": "c"}, {"id": "b", "x": 1}, {"id": "a"}],
        [{"id": "a"}, {"id": "b", "x": 1}, {"id": "c"}],
    ),
    "an item is removed": ([{"id": "a"}, {"id": "b"}], [{"id": "a", "$remove": True}], [{"id": "b"}]),
    "a removal of nothing": ([{"id": "a"}], [{"id": "z", "$remove": True}], [{"id": "a"}]),
    "all are removed": ([{"id": "a"}], [{"id": "a", "$remove": True}], []),
    "an empty list takes nothing away": ([{"id": "a"}], [], [{"id": "a"}]),
    "a member of an item is removed": ([{"id": "a", "x": 1}], [{"id": "a", "x": None}], [{"id": "a"}]),
    "a plain list within an item replaces": (
        [{"id": "a", "notification": ["email"]}],
        [{"id": "a", "notification": ["dashboard"]}],
        [{"id": "a", "notification": ["dashboard"]}],
    ),
}


@pytest.mark.parametrize("name", ITEMS)
def test_a_keyed_list_merges_by_identity(name: str) -> None:
    base, patch, result = ITEMS[name]
    assert merge_bodies([{"alarms": base}, {"alarms": patch}]) == {"alarms": result}
    assert merge(layers({"alarms": base}, {"alarms": patch})).document == {"alarms": result}


def test_an_item_removed_and_added_again_is_new_and_last() -> None:
    stack = [
        {"alarms": [{"id": "a", "x": 1}, {"id": "b"}]},
        {"alarms": [{"id": "a", "$remove": True}]},
        {"alarms": [{"id": "a", "y": 2}]},
    ]
    assert merge_bodies(stack) == {"alarms": [{"id": "b"}, {"id": "a", "y": 2}]}


BAD_LISTS: dict[str, tuple[list[Any], str]] = {
    "no identity": ([{"id": "a"}, {"x": 1}], "/alarms"),
    "identity twice": ([{"id": "a"}, {"id": "a"}], "/alarms/a"),
    "set and removed at once": ([{"id": "a", "$remove": True}, {"id": "a"}], "/alarms/a"),
    "an identity that is no text": ([{"id": 5}], "/alarms"),
    "an empty identity": ([{"id": ""}], "/alarms"),
    "an identity that cannot be one": ([{"id": []}], "/alarms"),
    "no object": (["a"], "/alarms"),
    "null": ([None], "/alarms"),
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_a_missing_or_repeated_identity_is_an_error_at_its_path(name: str) -> None:
    items, path = BAD_LISTS[name]
    for stack in ([{"alarms": items}], [{"alarms": [{"id": "z"}]}, {"alarms": items}]):
        with pytest.raises(MergeError) as caught:
            merge_bodies(stack)
        assert (caught.value.rule, caught.value.path) == ("identity", path)
    with pytest.raises(MergeError) as caught:
        merge(layers({}, {"alarms": items}))
    assert caught.value.layer == {"scope": "site", "target": "site-1"}
    assert caught.value.to_dict()["rule"] == "identity"


def test_removing_what_is_not_inherited_is_a_warning() -> None:
    found = merge(layers({}, {"sync": {"probation_s": None}, "alarms": [{"id": "z", "$remove": True}]}))
    assert [(one.rule, one.path, one.scope) for one in found.warnings] == [
        ("removes_nothing", "/sync/probation_s", "site"),
        ("removes_nothing", "/alarms/z", "site"),
    ]
    assert found.warnings[0].to_dict()["layer"] == {"scope": "site", "target": "site-1"}


def test_profiles_are_derived_for_the_names_that_devices_use() -> None:
    profiles = builtin_profiles()
    document = merge_bodies([sections()], profiles=profiles)
    assert document["profiles"] == {
        "sma_sunny_tripower": profiles["sma_sunny_tripower"],
        "tesla_powerwall_2": profiles["tesla_powerwall_2"],
    }
    assert merge(layers(sections()), profiles=profiles).document == document
    assert "profiles" not in merge_bodies([{"modbus_devices": []}], profiles=profiles)


def test_a_profile_may_be_named_with_its_major_version() -> None:
    profiles = builtin_profiles()
    body = {"modbus_devices": [{"device_id": "m", "profile": "sunspec_meter@1"}]}
    assert merge_bodies([body], profiles=profiles)["profiles"] == {
        "sunspec_meter@1": profiles["sunspec_meter"]
    }
    body = {"modbus_devices": [{"device_id": "m", "profile": "sunspec_meter@2"}]}
    assert "profiles" not in merge_bodies([body], profiles=profiles)


def test_the_example_merges_from_three_layers() -> None:
    whole = sections()
    document = merge_bodies(
        [
            {"core_cycle": whole["core_cycle"], "alarms": whole["alarms"], "modbus_devices": []},
            {"scheduler": whole["scheduler"]},
            {"modbus_devices": whole["modbus_devices"]},
        ]
    )
    assert canonical(document) == canonical({name: example()[name] for name in whole})
