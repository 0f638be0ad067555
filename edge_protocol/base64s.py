"""The two base64 forms of the wire, each read in its one spelling."""

import base64
import binascii


def to_base64url(data: bytes) -> str:
    """Base64url without padding (keys, the manifest header)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Errors: ValueError for any other spelling of the bytes (padding, other alphabet, loose bits)."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64url without padding") from error
    if to_base64url(data) != text:
        raise ValueError("not base64url without padding")
    return data


def to_base64(data: bytes) -> str:
    """Standard base64 with padding (payload and signatures of an envelope)."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """Standard or URL-safe base64, both allowed by DSSE, padded. Errors: ValueError."""
    try:
        data = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("not base64") from error
    if to_base64(data) != text.replace("-", "+").replace("_", "/"):
        raise ValueError("not base64")
    return data
