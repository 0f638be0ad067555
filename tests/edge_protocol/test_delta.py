"""Deltas: what leads from one version to another, and what is never taken in."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol.canonical import section_digest
from edge_protocol.delta import Delta, difference, take_in
from edge_protocol.errors import DeltaBaseError
from tests.edge_protocol.build import manifest

contents = st.dictionaries(st.sampled_from(["alarms", "sync", "core_cycle", "scheduler"]), st.integers(0, 3))


def digests(sections: dict[str, Any]) -> dict[str, str]:
    return {name: section_digest(value) for name, value in sections.items()}


@given(contents, contents)
def test_a_delta_leads_from_any_version_to_any_other(old: dict[str, Any], new: dict[str, Any]) -> None:
    delta = difference(digests(old), digests(new))
    changed = {name: new[name] for name in delta.changed}
    assert take_in(old, changed, delta.removed, manifest(sections=digests(new))) == new
    assert delta.touched == tuple(sorted(n for n in {*old, *new} if old.get(n) != new.get(n)))


@given(contents, contents, contents)
def test_a_base_that_is_not_the_expected_one_is_noticed(
    old: dict[str, Any], new: dict[str, Any], held: dict[str, Any]
) -> None:
    delta = difference(digests(old), digests(new))
    changed = {name: new[name] for name in delta.changed}
    try:
        result = take_in(held, changed, delta.removed, manifest(sections=digests(new)))
    except DeltaBaseError:
        return
    assert result == new


def test_equal_versions_have_no_delta() -> None:
    assert difference({"a": "1"}, {"a": "1"}) == Delta((), ())


@pytest.mark.parametrize(
    ("changed", "removed"),
    [
        pytest.param({"alarms": 2}, [], id="tampered"),
        pytest.param({"alarms": 1, "sync": 1}, [], id="a section more"),
        pytest.param({}, [], id="nothing"),
        pytest.param({"alarms": 1}, ["alarms"], id="changed and removed"),
        pytest.param({"alarms": 1}, ["core_cycle"], id="one removed too many"),
    ],
)
def test_a_tampered_delta_is_never_taken_in(changed: dict[str, Any], removed: list[str]) -> None:
    target = manifest(sections=digests({"alarms": 1, "core_cycle": 0}))
    with pytest.raises(DeltaBaseError):
        take_in({"alarms": 0, "core_cycle": 0}, changed, removed, target)
