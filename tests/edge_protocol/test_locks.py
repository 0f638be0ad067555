"""Locks: what touches a locked path, and who may."""

from typing import Any

import pytest

from edge_protocol.locks import lock_violations, locked_paths
from edge_protocol.merge import merge
from tests.edge_protocol.test_merge import layers

THRESHOLD = "/scheduler/controllers/c0/parameters/threshold_watts"


def control(**parameters: Any) -> dict[str, Any]:
    return {"scheduler": {"controllers": [{"id": "c0", "parameters": parameters}]}}


TOUCHES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "the path itself": (THRESHOLD, control(threshold_watts=1), True),
    "beside it": (THRESHOLD, control(reserve_soc=1), False),
    "a member below": ("/scheduler/controllers/c0", control(reserve_soc=1), True),
    "another item": ("/scheduler/controllers/c1", control(reserve_soc=1), False),
    "its removal": (THRESHOLD, control(threshold_watts=None), True),
    "the removal of its object": (
        THRESHOLD,
        {"scheduler": {"controllers": [{"id": "c0", "parameters": None}]}},
        True,
    ),
    "the removal of its item": (
        THRESHOLD,
        {"scheduler": {"controllers": [{"id": "c0", "$remove": True}]}},
        True,
    ),
    "the removal of its section": (THRESHOLD, {"scheduler": None}, True),
    "a scalar in its way": (THRESHOLD, {"scheduler": 5}, True),
    "an empty override": ("/sync", {"sync": {}}, False),
    "an identity alone": (THRESHOLD, {"scheduler": {"controllers": [{"id": "c0"}]}}, False),
    "the whole layer": ("", control(reserve_soc=1), True),
    "an empty layer": ("", {}, False),
    "locks of one's own under a locked whole": ("", {"$lock": ["/sync"]}, False),
    "a path that no one has": ("/sync/probation_s", {}, False),
}


@pytest.mark.parametrize("name", TOUCHES)
def test_a_touch_of_a_locked_path_is_a_violation(name: str) -> None:
    pointer, lower, violates = TOUCHES[name]
    found = list(lock_violations(layers({"$lock": [pointer]}, {}, lower)))
    assert [(one.path, one.scope, one.target) for one in found] == (
        [(pointer, "edge", "edge-1")] if violates else []
    )


def test_a_named_exception_may_touch_it_and_no_other_layer() -> None:
    locked = {"$lock": ["/sync"], "$lock_except": {"/sync": ["site/site-1"]}}
    touching = {"sync": {"probation_s": 5}}
    found = list(lock_violations(layers(locked, touching, touching)))
    assert [(one.scope, one.rule, one.detail) for one in found] == [
        ("edge", "lock", "locked by organization/organization-1")
    ]
    assert found[0].to_dict()["layer"] == {"scope": "edge", "target": "edge-1"}
    assert found[0].locked_by == locked_paths(layers(locked)[0])[0]


def test_a_lock_binds_the_layers_below_only() -> None:
    touching = {"sync": {"probation_s": 5}}
    assert not list(lock_violations(layers(touching, {**touching, "$lock": ["/sync"]}, {})))


def test_a_merge_reports_violations_and_keeps_locks_out_of_the_document() -> None:
    found = merge(layers({"$lock": ["/sync"], "$lock_except": {}}, {"sync": {"probation_s": 5}}))
    assert found.document == {"sync": {"probation_s": 5}}
    assert [one.path for one in found.locks_violated] == ["/sync"]
