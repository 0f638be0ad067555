"""DSSE v1 envelopes signed with Ed25519: seal, carry, verify by thresholds of distinct keys."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature

from edge_protocol.base64s import from_base64, from_base64url, to_base64, to_base64url
from edge_protocol.canonical import canonical, parse
from edge_protocol.errors import DocumentError, EnvelopeError, SignatureError
from edge_protocol.signing_keys import (
    PrivateKey,
    PublicKey,
    Signer,
    keyid,
    private_key_from_seed,
    public_key,
    public_text,
    signer,
)

__all__ = [
    "MAX_ENVELOPE_BYTES",
    "Envelope",
    "PrivateKey",
    "PublicKey",
    "Signature",
    "Signer",
    "keyid",
    "pae",
    "private_key_from_seed",
    "public_key",
    "public_text",
    "seal",
    "signer",
    "verify",
]

MAX_ENVELOPE_BYTES = 64 * 1024
MAX_SIGNATURES = 16


@dataclass(frozen=True, slots=True)
class Signature:
    keyid: str
    sig: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload of bytes, its type, and signatures over both. Nothing in it is believed before `verify`."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def to_json(self) -> dict[str, Any]:
        """Shape: {"payload", "payloadType", "signatures": [{"keyid", "sig"}]}. Source: DSSE v1."""
        return {
            "payload": to_base64(self.payload),
            "payloadType": self.payload_type,
            "signatures": [{"keyid": one.keyid, "sig": to_base64(one.sig)} for one in self.signatures],
        }

    def to_header(self) -> str:
        """The value of the `EMS-Manifest` header: unpadded base64url of the envelope's JSON."""
        return to_base64url(canonical(self.to_json()))

    @classmethod
    def from_json(cls, value: Any) -> "Envelope":
        """Errors: EnvelopeError for any other shape than `to_json` gives (unknown members: ignored)."""
        try:
            return cls(
                payload_type=_text(value["payloadType"]),
                payload=from_base64(_text(value["payload"])),
                signatures=_signatures(value["signatures"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise EnvelopeError(f"not an envelope: {error}") from error

    @classmethod
    def from_header(cls, text: str) -> "Envelope":
        """Errors: EnvelopeError (too large, not base64url, not JSON, not an envelope)."""
        if len(text) > MAX_ENVELOPE_BYTES * 4 // 3:
            raise EnvelopeError(f"an envelope has at most {MAX_ENVELOPE_BYTES} bytes")
        try:
            return cls.from_json(parse(from_base64url(text), max_bytes=MAX_ENVELOPE_BYTES))
        except (DocumentError, ValueError) as error:
            raise EnvelopeError(f"not an envelope: {error}") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a text is expected")
    return value


def _signatures(values: Any) -> tuple[Signature, ...]:
    if not isinstance(values, list) or len(values) > MAX_SIGNATURES:
        raise TypeError(f"a list of at most {MAX_SIGNATURES} signatures is expected")
    return tuple(
        Signature(_text(one.get("keyid", "")), from_base64(_text(one["sig"]))) for one in map(_object, values)
    )


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an object is expected")
    return value


def pae(payload_type: str, payload: bytes) -> bytes:
    """The signed bytes: `DSSEv1 SP len(type) SP type SP len(payload) SP payload`. Source: DSSE v1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def seal(payload_type: str, payload: bytes, signers: Sequence[Signer]) -> Envelope:
    """Sign a payload with every signer."""
    message = pae(payload_type, payload)
    return Envelope(payload_type, payload, tuple(Signature(one.keyid, one.sign(message)) for one in signers))


def verify(
    envelope: Envelope,
    *,
    payload_type: str,
    keys: Mapping[str, PublicKey],
    keyids: Collection[str],
    threshold: int,
) -> bytes:
    """The payload, once `threshold` distinct keys of `keyids` have signed it.

    A signature's own keyid is only a hint for which key to try first.
    Errors: EnvelopeError for another type, SignatureError below the threshold.
    Source: wire protocol, "The manifest"; DSSE v1, "threshold".
    """
    if envelope.payload_type != payload_type:
        raise EnvelopeError(f"the envelope carries {envelope.payload_type[:80]!r}, expected {payload_type!r}")
    if threshold < 1:
        raise SignatureError("a threshold below one would believe everybody")
    message = pae(payload_type, envelope.payload)
    trusted = {name: keys[name] for name in sorted(keyids) if name in keys}
    signed_by: set[str] = set()
    for signature in envelope.signatures:
        name = _signing_key(signature, message, trusted, signed_by)
        if name is not None:
            signed_by.add(name)
    if len(signed_by) < threshold:
        raise SignatureError(f"signed by {len(signed_by)} trusted keys, {threshold} are needed")
    return envelope.payload


def _signing_key(
    signature: Signature, message: bytes, trusted: Mapping[str, PublicKey], signed_by: set[str]
) -> str | None:
    remaining = [name for name in trusted if name not in signed_by]
    for name in sorted(remaining, key=lambda name: name != signature.keyid):
        try:
            trusted[name].verify(signature.sig, message)
        except InvalidSignature:
            continue
        return name
    return None
