"""Where every leaf came from, and what it hides."""

from typing import Any

from hypothesis import given

from edge_protocol.layout import KEYED_LISTS
from edge_protocol.merge import Layer, merge
from edge_protocol.pointers import get, join, lookup, split
from edge_protocol.provenance import Mark, leaves
from edge_protocol.registry import builtin_profiles
from tests.edge_protocol.build import bodies, sections
from tests.edge_protocol.test_merge import Body, layers


@given(bodies(), bodies(), bodies())
def test_every_leaf_has_an_origin_and_every_origin_a_leaf(org: Body, site: Body, edge: Body) -> None:
    found = merge(layers(org, site, edge))
    assert set(found.provenance) == {join(path) for path, _ in leaves(found.document) if path}


@given(bodies(), bodies(), bodies())
def test_the_origin_is_a_layer_that_writes_there(org: Body, site: Body, edge: Body) -> None:
    stack = {"organization": org, "site": site, "edge": edge}
    found = merge(layers(org, site, edge))
    for pointer, origin in found.provenance.items():
        value = get(found.document, pointer)
        written = lookup(stack[origin.scope], split(pointer))
        if value not in ({}, []):  # an emptied container comes from the layer that emptied it
            assert written == value


@given(bodies(removals=False), bodies(removals=False), bodies(removals=False))
def test_what_is_hidden_is_what_the_layers_below_say_nearest_first(org: Body, site: Body, edge: Body) -> None:
    stack = {"organization": org, "site": site, "edge": edge}
    found = merge(layers(org, site, edge))
    order = list(stack)
    for pointer, origin in found.provenance.items():
        for hidden in origin.hides:
            assert order.index(hidden.scope) < order.index(origin.scope)
            assert lookup(stack[hidden.scope], split(pointer)) == hidden.value
        depths = [order.index(hidden.scope) for hidden in origin.hides]
        assert depths == sorted(depths, reverse=True)


def test_a_threshold_set_three_times_tells_its_story() -> None:
    path = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"

    def override(watts: int) -> Body:
        item = {"id": "ctrlPeakShaving0", "parameters": {"threshold_watts": watts}}
        return {"scheduler": {"controllers": [item]}}

    found = merge(layers(sections(), override(40_000), override(30_000)))
    assert found.provenance[path].to_dict() == {
        "scope": "edge",
        "target": "edge-1",
        "revision": 3,
        "change_set": "change 3",
        "author": "alice",
        "at": "2026-01-01T00:00:00Z",
        "hides": [
            {"scope": "site", "target": "site-1", "value": 40_000},
            {"scope": "organization", "target": "organization-1", "value": 50_000},
        ],
    }
    others = [origin for pointer, origin in found.provenance.items() if pointer != path]
    assert {(origin.scope, origin.hides) for origin in others} == {("organization", ())}


def test_an_override_repeats_an_identity_without_owning_it() -> None:
    found = merge(layers({"alarms": [{"id": "a", "x": 1}]}, {"alarms": [{"id": "a", "x": 2}]}))
    assert found.provenance["/alarms/a/id"].scope == "organization"
    assert found.provenance["/alarms/a/x"].scope == "site"


def test_an_emptied_container_is_a_leaf_of_the_layer_that_emptied_it() -> None:
    found = merge(layers({"alarms": [{"id": "a"}]}, {"alarms": [{"id": "a", "$remove": True}]}))
    assert {pointer: origin.scope for pointer, origin in found.provenance.items()} == {"/alarms": "site"}


def test_an_empty_container_stops_being_a_leaf_when_it_is_filled() -> None:
    found = merge(layers({"sync": {}}, {"sync": {"probation_s": 5}}))
    assert {pointer: origin.scope for pointer, origin in found.provenance.items()} == {
        "/sync/probation_s": "site"
    }


def test_derived_profiles_come_from_the_registry() -> None:
    found = merge(layers(sections()), profiles=builtin_profiles())
    scopes = {origin.scope for pointer, origin in found.provenance.items() if pointer.startswith("/profiles")}
    assert scopes == {"registry"}
    assert found.provenance["/profiles/tesla_powerwall_2/points"].scope == "registry"


def test_marks_attribute_single_paths_to_the_newest_change_that_wrote_them() -> None:
    marks = {
        "": Mark(1, "first", "alice", "t1"),
        "/sync/probation_s": Mark(2, "second", "bob", "t2"),
        "/sync": Mark(3, "third", "carol", "t3"),
        "/core_cycle/period_ms": Mark(4, "fourth", "dave", "t4"),
    }
    body: dict[str, Any] = {"sync": {"probation_s": 9}, "core_cycle": {"period_ms": 5}, "alarms": []}
    layer = Layer("edge", "e", 4, "fourth", "dave", "t4", body, marks)
    found = merge([layer]).provenance
    assert {pointer: (origin.revision, origin.author) for pointer, origin in found.items()} == {
        "/sync/probation_s": (3, "carol"),
        "/core_cycle/period_ms": (4, "dave"),
        "/alarms": (1, "alice"),
    }


def test_leaves_are_scalars_plain_lists_and_empty_containers() -> None:
    value = {"a": {"b": 1, "c": [1, {"d": 2}], "e": {}}, "alarms": [{"id": "x", "y": None}], "f": []}
    assert {join(path): leaf for path, leaf in leaves(value)} == {
        "/a/b": 1,
        "/a/c": [1, {"d": 2}],
        "/a/e": {},
        "/alarms/x/id": "x",
        "/alarms/x/y": None,
        "/f": [],
    }
    assert ("scheduler", "controllers") in KEYED_LISTS
