"""Small messages that would cost much: escaped quotes, deep nesting, doublings, endless answers."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol.canonical import MAX_DEPTH, parse
from edge_protocol.errors import JsonError

MEGABYTE = 1024 * 1024
# Each was once, or would be in a careless parser, work that grows with the square of its length.
COSTLY = {
    "escaped quotes behind brackets": b"[" * 33 + b'\\"' * (MEGABYTE // 2),
    "escaped quotes in a text without an end": b"[" * 33 + b'"' + b'\\"' * (MEGABYTE // 2),
    "backslashes": b"[" * 33 + b"\\" * MEGABYTE,
    "quotes": b"[" * 33 + b'"' * MEGABYTE,
    "brackets": b"[" * MEGABYTE,
    "objects": b'{"":' * (MEGABYTE // 4),
    "digits": b"1" * MEGABYTE,
    "digits of a fraction": b"1." + b"0" * MEGABYTE + b"x",
    "numbers in a text": b'["' + b":1" * (MEGABYTE // 2) + b'",1.0',
    "one name again and again": b"{" + b'"a":1,' * (MEGABYTE // 6) + b'"a":1}',
    "blanks": b" " * MEGABYTE,
}
SCHEMAS = Path(__file__).resolve().parents[2] / "edge_protocol" / "schemas"
LONG = ("a" * 10_000, "a." * 5_000, "a-" * 5_000, "A/" * 5_000, "0" * 10_000, "/a" * 5_000, "0." * 5_000)
TEXTS = st.text(alphabet='[]{}"\\:,x\n', max_size=12)


@pytest.mark.parametrize("name", COSTLY)
def test_a_megabyte_made_to_be_slow_is_refused_at_once(name: str) -> None:
    with pytest.raises(JsonError):
        parse(COSTLY[name], max_bytes=8 * MEGABYTE)


@given(depth=st.integers(min_value=MAX_DEPTH - 4, max_value=MAX_DEPTH + 4), texts=st.lists(TEXTS, max_size=4))
def test_depth_is_counted_outside_of_texts_only(depth: int, texts: list[str]) -> None:
    value: Any = texts
    for text in (texts * depth or [""] * depth)[: depth - 1]:
        value = [text, value] if len(text) % 2 else {text: value}
    data = json.dumps(value).encode()
    if depth > MAX_DEPTH:
        with pytest.raises(JsonError):
            parse(data, max_bytes=MEGABYTE)
    else:
        assert parse(data, max_bytes=MEGABYTE) == value


def patterns(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("pattern"), str):
            yield value["pattern"]
        yield from (found for member in value.values() for found in patterns(member))
    elif isinstance(value, list):
        yield from (found for item in value for found in patterns(item))


def test_no_pattern_of_a_schema_is_slow_on_any_text() -> None:
    """Edges without the fast engine match them with Python's own."""
    found = {one for file in SCHEMAS.glob("*.json") for one in patterns(json.loads(file.read_text()))}
    assert len(found) > 10
    for pattern in found:
        for text in LONG:
            re.search(pattern, text + "!")
