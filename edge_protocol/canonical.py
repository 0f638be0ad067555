"""Values and their one byte form: the strict JSON parser, RFC 8785, digests, entity tags."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from itertools import accumulate
from typing import Any, TypeAlias

import orjson
import rfc8785

from edge_protocol.errors import BodyTooLargeError, CanonicalError, JsonError

JsonValue: TypeAlias = Any
JsonObject: TypeAlias = dict[str, Any]

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32

_STRICT = orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_SUBCLASS
_STRICT |= orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_SORTED = _STRICT | orjson.OPT_SORT_KEYS

_NOT_MARKS = bytes(byte for byte in range(256) if byte not in b'[]{}"')
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
# Number tokens that orjson writes otherwise than RFC 8785: integral floats and exponents. The two marks
# are searched ten times faster than the token; a text that looks like such a number only costs time.
_NUMBER_MARKS = (re.compile(rb"\.0[,\]}]"), re.compile(rb"e[-+][0-9]"))
_UNPROVEN_NUMBER = re.compile(rb"(?:^|[:,\[])-?[0-9]+(?:\.[0-9]+)?(?:e|(?<=\.0)(?=[,\]}]|$))")
# From U+E000 on, UTF-8 order and the UTF-16 order of RFC 8785 part (surrogates sort lower).
_BELOW_U_E000 = bytes(range(0xEE))


def parse(data: bytes, *, max_bytes: int, max_depth: int = MAX_DEPTH) -> JsonValue:
    """Read JSON as both ends accept it, and nothing else.

    Shape: UTF-8 without BOM, no duplicate names, no NaN or infinity, integers within +-(2^53-1),
    no NUL, no lone surrogates, at most `max_depth` nested containers. Numbers come back in their
    canonical kind: `1.0` and `1e2` are integers.
    Units: `max_bytes` in bytes, `max_depth` with a top-level container at depth 1.
    Errors: BodyTooLargeError, JsonError.
    Source: wire protocol, "Canonical bytes and digests".
    """
    if len(data) > max_bytes:
        raise BodyTooLargeError(f"{len(data)} bytes, at most {max_bytes} are accepted")
    if _too_deep(data, max_depth):
        raise JsonError(f"nested deeper than {max_depth} levels", malformed=False)
    proven = _parse_proven(data)
    return _parse_slowly(data) if proven is _UNPROVEN else proven


_UNPROVEN = object()


def _too_deep(data: bytes, max_depth: int) -> bool:
    """Judged before parsing, over everything that a parser reaches before it stops at an error."""
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return False
    marks = data.translate(None, _NOT_MARKS).replace(b'""', b"")
    if b"\\" in data or b'"' in marks:  # escapes, or brackets within a text: every other part is a text
        # No pattern of strings: one that ends nowhere would be searched again from each of its quotes.
        plain = data.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _NOT_MARKS)
        marks = b"".join(plain.replace(b'""', b"").split(b'"')[::2])
    return max(accumulate(map(_STEP.__getitem__, marks)), default=0) > max_depth


def _parse_proven(data: bytes) -> JsonValue:
    """The value, if writing it again gives the same bytes: then nothing was dropped or rounded."""
    try:
        value = orjson.loads(data)
        if orjson.dumps(value, option=_STRICT) != data or b"\\u0000" in data:
            return _UNPROVEN
    except (orjson.JSONDecodeError, TypeError):
        return _UNPROVEN
    return _UNPROVEN if _has_unproven_number(data) else value


def _has_unproven_number(written: bytes) -> bool:
    if not written.endswith(b".0") and not any(mark.search(written) for mark in _NUMBER_MARKS):
        return False
    return _UNPROVEN_NUMBER.search(written) is not None


def _parse_slowly(data: bytes) -> JsonValue:
    try:
        text = data.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        raise JsonError(f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise JsonError(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    _check_strings(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> JsonObject:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        name = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise JsonError(f"the name {name!r} stands twice in one object", malformed=False)
    return members


def _no_constant(token: str) -> None:
    raise JsonError(f"{token} is not JSON")


def _finite(token: str) -> float | int:
    number = float(token)
    if math.isinf(number):
        raise JsonError(f"the number {token[:40]} is out of range", malformed=False)
    # 1e16 is written as an integer by RFC 8785: what is written must be readable again.
    if number.is_integer() and abs(number) < 1e21:
        return _within(int(number), token)
    return number


def _integer(token: str) -> int:
    if len(token) > 17:
        raise JsonError(f"the integer {token[:40]} is beyond +-(2^53-1)", malformed=False)
    return _within(int(token), token)


def _within(number: int, token: str) -> int:
    if abs(number) > MAX_INTEGER:
        raise JsonError(f"the integer {token[:40]} is beyond +-(2^53-1)", malformed=False)
    return number


def _check_strings(value: JsonValue) -> None:
    if isinstance(value, str):
        _check_string(value)
    elif isinstance(value, dict):
        for name, member in value.items():
            _check_string(name)
            _check_strings(member)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)


def _check_string(text: str) -> None:
    if "\x00" in text:
        raise JsonError("a text contains NUL", malformed=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise JsonError("a text contains half of a surrogate pair", malformed=False) from error


def normalise(value: JsonValue) -> JsonValue:
    """The same value with every number in its canonical kind (1.0 -> 1, -0.0 -> 0).

    Errors: CanonicalError, JsonError for what the wire cannot carry.
    """
    written = canonical(value)
    return parse(written, max_bytes=len(written))


def canonical(value: JsonValue) -> bytes:
    """The one byte form of a JSON value.

    Shape: RFC 8785, complete. Errors: CanonicalError (NaN, infinity, an integer beyond
    +-(2^53-1), a lone surrogate, a name that is no text, an unknown type). Source: RFC 8785.
    """
    try:
        fast = orjson.dumps(value, option=_SORTED)
    except TypeError:
        return _canonical_slowly(value)  # which says exactly what is wrong
    if _has_unproven_number(fast) or (b"null" in fast and not _same(fast, value)):
        return _canonical_slowly(value)
    if not fast.isascii() and fast.translate(None, _BELOW_U_E000):
        return _canonical_slowly(value)
    return fast


def _same(written: bytes, value: JsonValue) -> bool:
    """False where orjson wrote `null` for NaN or infinity (which equal nothing that is read back)."""
    return bool(orjson.loads(written) == value)


def _canonical_slowly(value: JsonValue) -> bytes:
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, ValueError, RecursionError) as error:
        raise CanonicalError(str(error)) from error


def digest(data: bytes) -> str:
    """Lower-case hex SHA-256 of bytes."""
    return hashlib.sha256(data).hexdigest()


def section_digest(value: JsonValue) -> str:
    """Digest of a section's value: SHA-256 of its canonical bytes. Errors: CanonicalError."""
    return digest(canonical(value))


def version_digest(sections: Mapping[str, str]) -> str:
    """Digest of a version: SHA-256 of the canonical map {section: digest}."""
    return digest(canonical(dict(sections)))


def etag(version: int, digest: str) -> str:
    """The entity tag of a version, quotes included: `"<version>-<first 32 hex of its digest>"`."""
    return f'"{version}-{digest[:32]}"'
