"""The strict parser: what both ends accept, and nothing else."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol.canonical import parse
from edge_protocol.errors import BodyTooLargeError, JsonError

REFUSED = {
    "empty": b"",
    "blank": b"  ",
    "truncated": b'{"a":1',
    "two values": b"1 2",
    "trailing comma": b"[1,]",
    "comment": b"/* */1",
    "single quotes": b"{'a':1}",
    "bare name": b"{a:1}",
    "byte order mark": b"\xef\xbb\xbf{}",
    "utf-16": '{"a":1}'.encode("utf-16"),
    "not utf-8": b'"\xff"',
    "overlong utf-8": b'"\xc0\xaf"',
    "surrogate in utf-8": b'"\xed\xa0\x80"',
    "control character in a text": b'"a\nb"',
    "unknown escape": b'"\\x41"',
    "NaN": b"[NaN]",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "plus sign": b"+1",
    "leading zero": b"01",
    "hexadecimal": b"0x10",
    "no digit after the point": b"1.",
    "unclosed text": b'"abc',
}
OUTSIDE = {
    "a name twice": b'{"a":1,"a":2}',
    "a name twice, deep": b'[{"x":{"a":1,"b":2,"a":1}}]',
    "a name twice by escape": b'{"a":1,"\\u0061":2}',
    "overflow": b"1e400",
    "minus overflow": b"-1e999",
    "2^53": b"9007199254740992",
    "-2^53": b"-9007199254740992",
    "2^53 as a float": b"9007199254740992.0",
    "1e16": b"1e16",
    "a whole number that is written as one": b"1e20",
    "5000 digits": b"1" * 5000,
    "NUL": b'"\\u0000"',
    "NUL in a name": b'{"a\\u0000b":1}',
    "half a pair": b'"\\ud800"',
    "half a pair, low": b'["\\udc00x"]',
    "half a pair in a name": b'{"\\ud83d":1}',
    "33 levels": b"[" * 33 + b"]" * 33,
    "33 levels of objects": b'{"a":' * 32 + b"[]" + b"}" * 32,
    "100,000 levels": b"[" * 100_000,
    "levels behind a bracket in a text": b'["]]]]",' + b"[" * 32 + b"]" * 32 + b"]",
    "levels behind an escaped quote": b'["\\"]]]]",' + b"[" * 32 + b"]" * 32 + b"]",
}
ACCEPTED: dict[str, tuple[bytes, Any]] = {
    "an object": (b' {"a" : [1, 2.5, true, null, "x"]}\n', {"a": [1, 2.5, True, None, "x"]}),
    "a scalar": (b"5", 5),
    "32 levels": (b"[" * 32 + b"]" * 32, None),
    "brackets in texts": (b'["[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]', ["[" * 36]),
    "2^53 - 1": (b"9007199254740991", 2**53 - 1),
    "-(2^53 - 1)": (b"-9007199254740991", -(2**53) + 1),
    "a whole float is an integer": (b"[1.0,-0.0,-0,1e2,12.50e1]", [1, 0, 0, 100, 125]),
    "beyond 1e21": (b"1e30", 1e30),
    "a pair": (b'"\\ud83d\\ude00"', "\U0001f600"),
    "a text about NUL": (b'"\\\\u0000"', "\\u0000"),
    "escapes": (b'"\\u0041\\/\\n"', "A/\n"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_json_is_malformed(name: str) -> None:
    with pytest.raises(JsonError) as caught:
        parse(REFUSED[name], max_bytes=200_000)
    assert (caught.value.code, caught.value.malformed) == ("bad_json", True)


@pytest.mark.parametrize("name", OUTSIDE)
def test_json_that_the_two_ends_could_read_differently_is_refused(name: str) -> None:
    with pytest.raises(JsonError) as caught:
        parse(OUTSIDE[name], max_bytes=200_000)
    assert (caught.value.code, caught.value.malformed) == ("bad_json", False)


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_is_accepted_comes_back_as_its_value(name: str) -> None:
    data, value = ACCEPTED[name]
    found = parse(data, max_bytes=1000)
    if value is not None:
        assert found == value
        assert json.dumps(found) == json.dumps(value)  # 1 is not 1.0 here


def test_the_byte_cap_comes_first() -> None:
    assert parse(b"[1]", max_bytes=3) == [1]
    with pytest.raises(BodyTooLargeError):
        parse(b"[1] ", max_bytes=3)


def test_a_smaller_depth_can_be_asked_for() -> None:
    assert parse(b"[[1]]", max_bytes=100, max_depth=2) == [[1]]
    with pytest.raises(JsonError):
        parse(b"[[[1]]]", max_bytes=100, max_depth=2)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(JsonError, BodyTooLargeError):
        parse(data, max_bytes=50)


@given(st.text(alphabet='{}[]",:\\u0123456789.eE-+truefalsn ', max_size=40))
def test_what_is_read_is_what_the_standard_library_reads(text: str) -> None:
    try:
        found = parse(text.encode(), max_bytes=200)
    except JsonError:
        return
    assert found == json.loads(text)
