"""RFC 9110 preconditions."""

import pytest

from doors import conditional
from doors.problems import Refused

TAG = '"43-4a3c09388c9a1a590e2ce9d1d35e58c1"'


@pytest.mark.parametrize(
    ("header", "matches"),
    [
        (None, False),
        ("", False),
        (TAG, True),
        (f"W/{TAG}", True),  # weak comparison
        (f"w/{TAG}", False),  # the prefix is case-sensitive
        ("*", True),
        (" * ", True),
        (f'"a", {TAG}', True),
        (f'"a",,, ,{TAG} ,', True),  # empty list members
        (f'"a",W/{TAG},"b"', True),
        ('"a","b"', False),
        (TAG.strip('"'), False),  # unquoted
        (TAG[:-1], False),  # not ended
        (f'"a" {TAG}', False),  # no comma
        (f'"with,comma", {TAG}', True),
        (f"*, {TAG}", False),
    ],
)
def test_if_none_match_compares_weakly(header: str | None, matches: bool) -> None:
    assert conditional.none_match(header, TAG) is matches


@pytest.mark.parametrize(
    ("header", "matches"),
    [(TAG, True), ("*", True), (f"W/{TAG}", False), (f'"a", {TAG}', True), ('"a"', False), ("", False)],
)
def test_if_match_compares_strongly(header: str, matches: bool) -> None:
    assert conditional.match(header, TAG) is matches


def test_a_write_without_if_match_is_told_which_header_to_send() -> None:
    with pytest.raises(Refused) as refused:
        conditional.require_match(None, '"7"')
    assert (refused.value.status, refused.value.code) == (428, "if_match_required")
    assert refused.value.headers == {"ETag": '"7"'}
    assert refused.value.extra == {"send": {"If-Match": '"7"'}}


def test_a_write_over_another_state_is_stale() -> None:
    with pytest.raises(Refused) as refused:
        conditional.require_match('"6"', '"7"')
    assert (refused.value.status, refused.value.code) == (412, "stale")
    conditional.require_match('"7"', '"7"')
