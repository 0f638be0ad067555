"""One request of one operator that is a lot of work: the server of all others must not stand still for it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import attributing
from configs.models import Scope
from configs.planning import MOST_TOLD
from edge_protocol.pointers import Touching, join, touches
from tests import build
from tests.console.conftest import Caller

EDGES, ALARMS = 10, 1_500
SCOPES = [str(scope) for scope in Scope.values]
paths = st.lists(st.sampled_from("abc"), max_size=3).map(tuple)


def broken(number: int) -> dict[str, Any]:
    """Of the right shape, about a device that nobody has."""
    return {
        "id": f"a{number}", "enabled": True, "channel": "nowhere/Soc", "condition": "<", "threshold": 10,
        "severity": "warning", "message": "m",
    }  # fmt: skip


@pytest.mark.django_db
def test_thousands_of_errors_on_many_edges_are_told_in_part_and_counted_whole(
    published: build.Cast, alice: Caller
) -> None:
    """Each error was once sought among all leaves of its document: four minutes for 61 edges."""
    body = {"site": "north", "stage": "in_service"}
    for number in range(EDGES - 2):
        made = alice("POST", "/organizations/acme/edges", body | {"edge_id": f"acme-north-x{number}"})
        assert made.status_code == 201
    layer = build.document() | {"alarms": [broken(number) for number in range(ALARMS)]}
    path = "/organizations/acme/layers/organization/acme"
    answer = alice("PUT", path, json.dumps(layer).encode(), If_Match="*")
    told = answer.json()
    assert (answer.status_code, len(told["errors"])) == (422, MOST_TOLD)
    assert f"(and {EDGES * ALARMS - 1} more)" in told["detail"]
    assert {error["layer"]["target"] for error in told["errors"]} == {"acme"}


@given(st.dictionaries(paths, st.sampled_from([*SCOPES, "registry"]), max_size=8), paths)
def test_an_error_is_laid_to_the_same_layer_as_by_looking_at_every_leaf(
    leaves: dict[tuple[str, ...], str], path: tuple[str, ...]
) -> None:
    expected = str(Scope.ORGANIZATION)
    for depth in range(len(path), -1, -1):
        near = {scope for leaf, scope in leaves.items() if leaf[:depth] == path[:depth]} - {"registry"}
        if near:
            expected = max(near, key=SCOPES.index)
            break
    assert str(attributing.nearest(attributing.deepest(leaves), join(path))) == expected


@given(st.lists(paths, max_size=5), paths)
def test_many_paths_touch_what_one_of_them_touches(
    ours: list[tuple[str, ...]], theirs: tuple[str, ...]
) -> None:
    pointers = [join(path) for path in ours]
    expected = any(touches(pointer, join(theirs)) for pointer in pointers)
    assert Touching(pointers).any(join(theirs)) is expected


@pytest.mark.django_db
def test_a_conflict_of_thousands_of_paths_is_found_without_comparing_each_with_each(
    published: build.Cast, alice: Caller
) -> None:
    """A draft and what was published since, of 3,000 steps each: nine million pairs."""
    steps = [
        {"scope": "edge", "target": "acme-north-1", "op": "set", "path": f"/extensions/v/k{n}", "value": n}
        for n in range(3_000)
    ]
    moved = [{**step, "path": step["path"].replace("/v/", "/w/")} for step in steps]
    draft = alice("POST", "/organizations/acme/change-sets", {"reason": "Draft", "operations": steps}).json()
    body = {"reason": "Meanwhile", "operations": [*moved[:-1], steps[7]], "publish": True}
    assert alice("POST", "/organizations/acme/change-sets", body).status_code == 201
    answer = alice("POST", f"/change-sets/{draft['id']}/publish", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    assert [path["path"] for path in answer.json()["paths"]] == ["/extensions/v/k7"]
