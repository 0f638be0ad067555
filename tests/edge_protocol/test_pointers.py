"""Pointers that address items by identity."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol.errors import PointerError
from edge_protocol.pointers import MISSING, exists, get, join, lookup, split, touches

BODY = {
    "a/b": {"~": 1},
    "": {"": 2},
    "alarms": [{"id": "x/y", "threshold": 5}, "no item"],
    "plain": [{"id": "x"}],
}


@given(st.lists(st.text(max_size=4), max_size=4).map(tuple))
def test_segments_come_back_as_they_went(path: tuple[str, ...]) -> None:
    assert split(join(path)) == path


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", BODY),
        ("/a~1b/~0", 1),
        ("//", 2),
        ("/alarms/x~1y/threshold", 5),
        ("/alarms/x~1y/id", "x/y"),
        ("/plain", [{"id": "x"}]),
    ],
)
def test_a_pointer_leads_to_its_value(pointer: str, value: object) -> None:
    assert get(BODY, pointer) == value
    assert exists(BODY, pointer)


@pytest.mark.parametrize(
    "pointer", ["/c", "/alarms/z", "/alarms/0", "/plain/0", "/plain/x", "/a~1b/~0/deeper"]
)
def test_what_is_not_there_is_missing(pointer: str) -> None:
    assert lookup(BODY, split(pointer)) is MISSING
    assert not exists(BODY, pointer)
    with pytest.raises(PointerError):
        get(BODY, pointer)


@pytest.mark.parametrize("pointer", ["a", "a/b", "/a~", "/a~2b", "/~~0"])
def test_what_is_no_pointer_is_refused(pointer: str) -> None:
    with pytest.raises(PointerError):
        split(pointer)


@pytest.mark.parametrize(
    ("one", "other", "touching"),
    [
        ("", "/a", True),
        ("/a", "/a", True),
        ("/a", "/a/b", True),
        ("/a/b", "/a", True),
        ("/a", "/ab", False),
        ("/a/b", "/a/c", False),
    ],
)
def test_changes_touch_at_above_and_below(one: str, other: str, touching: bool) -> None:
    assert touches(one, other) is touching
