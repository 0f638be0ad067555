"""Credentials in their one shape: `<kind>_<12 base62 key id>_<43 base62 secret><6 base62 CRC-32>`."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

from edge_protocol.errors import CredentialError

EDGE_KEY = "emse"
ENROLLMENT_TOKEN = "emsn"  # noqa: S105 - the kind's name, not a secret
OPERATOR_TOKEN = "emso"  # noqa: S105 - as above
INVITATION = "emsi"
KINDS = (EDGE_KEY, ENROLLMENT_TOKEN, OPERATOR_TOKEN, INVITATION)

EDGE_ID_PATTERN = r"^[a-z0-9][a-z0-9_-]{1,62}$"

_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SHAPE = re.compile(r"(emse|emsn|emso|emsi)_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")
_EDGE_ID = re.compile(r"[a-z0-9][a-z0-9_-]{1,62}")
_KEY_ID_LENGTH, _SECRET_LENGTH = 12, 43


@dataclass(frozen=True, slots=True)
class Credential:
    """`text` is the whole secret as it is sent; it stays out of `repr`, so out of logs."""

    kind: str
    key_id: str
    text: str = field(repr=False)


def parse_credential(text: str, kind: str) -> Credential:
    """Check shape, kind and checksum, without any stored data.

    Errors: CredentialError, the same words whatever is wrong. Source: wire protocol, "Identity".
    """
    match = _SHAPE.fullmatch(text)
    if match is None or match[1] != kind or _checksum(text[:-6]) != match[4]:
        raise CredentialError("not a credential of this kind")
    return Credential(kind, match[2], text)


def make_credential(kind: str, key_id: str, secret: str) -> str:
    """The credential's text for a key id and a secret (both base62). Errors: CredentialError."""
    body = f"{kind}_{key_id}_{secret}"
    text = body + _checksum(body)
    return parse_credential(text, kind).text


def new_credential(kind: str, random_bytes: Callable[[int], bytes]) -> Credential:
    """A fresh credential; `random_bytes(n)` gives n unpredictable bytes. Errors: CredentialError."""
    key_id = _random_text(_KEY_ID_LENGTH, random_bytes)
    secret = _random_text(_SECRET_LENGTH, random_bytes)
    return Credential(kind, key_id, make_credential(kind, key_id, secret))


def is_edge_id(text: str) -> bool:
    """Whether a text has the shape of an edge's id (unlike `$`, no newline may follow)."""
    return _EDGE_ID.fullmatch(text) is not None


def _random_text(length: int, random_bytes: Callable[[int], bytes]) -> str:
    text = ""
    while len(text) < length:
        # 248 = 4 x 62: bytes above would make the first letters likelier.
        text += "".join(_ALPHABET[byte % 62] for byte in random_bytes(length) if byte < 248)
    return text[:length]


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode("ascii", errors="replace"))
    digits = ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
