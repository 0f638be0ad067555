"""The one byte form, against RFC 8785, its reference implementation and its laws."""

import struct
import uuid
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from edge_protocol.canonical import canonical, digest, etag, normalise, parse, section_digest, version_digest
from edge_protocol.errors import CanonicalError, JsonError
from tests.edge_protocol.build import values, vectors

RFC = vectors("rfc")


@pytest.mark.parametrize(("bits", "text"), RFC["rfc8785_numbers"]["cases"])
def test_a_number_is_written_as_the_rfc_says(bits: str, text: str | None) -> None:
    number = struct.unpack(">d", bytes.fromhex(bits))[0]
    if text is None:
        with pytest.raises(CanonicalError):
            canonical(number)
        with pytest.raises(CanonicalError):
            canonical({"a": [None, number]})
    else:
        assert canonical(number) == text.encode()
        assert canonical({"a": [number]}) == b'{"a":[%b]}' % text.encode()


@pytest.mark.parametrize(("given_text", "written"), RFC["rfc8785_texts"]["cases"])
def test_a_text_is_written_as_the_rfc_says(given_text: str, written: str) -> None:
    assert canonical(parse(given_text.encode(), max_bytes=1000)) == written.encode()


@given(values)
@example({"a": 1.0, "b": -0.0, "c": [1e16, 1e-6, 1e-7, 5e-324, 1.5e300, 123456789.125]})
@example({"\U00010000": 1, "\ue000": 2, "\ud7ff": 3})
@example({"text": ":1e-5,1.0,", "uuid": "7f6c1c1e-51c1", "n": None})
@example('\x7f\x1f\x08\t\n\f\r"\\/')
def test_it_equals_the_reference_implementation(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(values)
def test_reading_and_writing_again_changes_nothing(value: Any) -> None:
    value = normalise_or_skip(value)
    written = canonical(value)
    assert canonical(parse(written, max_bytes=100_000)) == written
    assert parse(written, max_bytes=100_000) == value


def normalise_or_skip(value: Any) -> Any:
    """Without the numbers that have a canonical form which the wire does not accept (2^53..1e21)."""
    if isinstance(value, float) and value.is_integer() and 2**53 <= abs(value) < 1e21:
        return 0
    if isinstance(value, list):
        return [normalise_or_skip(item) for item in value]
    if isinstance(value, dict):
        return {name: normalise_or_skip(member) for name, member in value.items()}
    return value


def test_whole_numbers_are_integers_after_normalising() -> None:
    assert repr(normalise({"a": 1.0, "b": -0.0, "c": [2.5, 1e30]})) == "{'a': 1, 'b': 0, 'c': [2.5, 1e+30]}"


@pytest.mark.parametrize("value", [1e16, {"a": 2.0**53}, "\x00", 1e20])
def test_what_the_wire_cannot_carry_is_not_normalised(value: Any) -> None:
    with pytest.raises(JsonError):
        normalise(value)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        {"a": float("inf")},
        [None, float("nan")],
        2**53,
        {"a": -(2**53)},
        "\ud800",
        {"\udfff": 1},
        {1: "a"},
        pytest.param({"a": object()}, id="no JSON value"),
        b"bytes",
        {"a": {1, 2}},
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(CanonicalError):
        canonical(value)


def test_digests_are_of_canonical_bytes() -> None:
    assert section_digest({"b": 1, "a": 2}) == digest(b'{"a":2,"b":1}')
    assert version_digest({"b": "1", "a": "2"}) == digest(b'{"a":"2","b":"1"}')
    assert etag(7, "ab" * 32) == '"7-' + "ab" * 16 + '"'


@given(st.lists(st.uuids().map(str), max_size=5))
def test_identifiers_that_look_like_numbers_stay_texts(names: list[str]) -> None:
    value = {"ids": names, "map": dict.fromkeys(names, str(uuid.UUID(int=0)))}
    assert canonical(value) == rfc8785.dumps(value)
