"""Ed25519 keys: their names, what is refused as a public key, and signers."""

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_protocol.base64s import from_base64url, to_base64url
from edge_protocol.canonical import canonical, digest
from edge_protocol.errors import TrustRootError

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
# y of the points whose order divides 8: a signature by one of them can hold for every message.
_SMALL_ORDER_Y = {
    0,
    1,
    _P - 1,
    int.from_bytes(
        bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
    ),
    int.from_bytes(
        bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
    ),
}

PublicKey = Ed25519PublicKey
PrivateKey = Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: the key's name and a function from bytes to a 64-byte signature."""

    keyid: str
    sign: Callable[[bytes], bytes]


def public_key(text: str) -> PublicKey:
    """A public key from its base64url text.

    Errors: TrustRootError for a malformed key, a point off the curve, a small-order point.
    Source: RFC 8032 5.1.3; libsodium's list of small-order points.
    """
    try:
        raw = from_base64url(text)
    except ValueError as error:
        raise TrustRootError(f"a public key is {error}") from error
    if len(raw) != 32:
        raise TrustRootError(f"a public key has 32 bytes, not {len(raw)}")
    y = int.from_bytes(raw, "little") & (2**255 - 1)
    if y >= _P or not _on_curve(y):
        raise TrustRootError("a public key is not a point of the curve")
    if y in _SMALL_ORDER_Y:
        raise TrustRootError("a public key of small order proves nothing")
    return Ed25519PublicKey.from_public_bytes(raw)


def _on_curve(y: int) -> bool:
    x_squared = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    return pow(x_squared, (_P - 1) // 2, _P) in (0, 1)


def keyid(public_text: str) -> str:
    """The name of a key: hex SHA-256 of the canonical `{"alg":"ed25519","public":...}`."""
    return digest(canonical({"alg": "ed25519", "public": public_text}))


def public_text(private_key: PrivateKey) -> str:
    """The base64url text of a private key's public half."""
    return to_base64url(private_key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))


def private_key_from_seed(seed: bytes) -> PrivateKey:
    """The key of a 32-byte seed. Errors: ValueError for another length."""
    return Ed25519PrivateKey.from_private_bytes(seed)


def signer(private_key: PrivateKey) -> Signer:
    """A signer under the key's own name."""
    return Signer(keyid(public_text(private_key)), private_key.sign)
