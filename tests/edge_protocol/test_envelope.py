"""DSSE envelopes and Ed25519: public vectors, thresholds, and every flipped bit."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_protocol.base64s import from_base64, from_base64url, to_base64, to_base64url
from edge_protocol.envelope import (
    MAX_ENVELOPE_BYTES,
    Envelope,
    Signature,
    pae,
    private_key_from_seed,
    public_key,
    public_text,
    seal,
    verify,
)
from edge_protocol.errors import EnvelopeError, SignatureError, TrustRootError
from edge_protocol.signing_keys import keyid
from tests.edge_protocol.build import key, vectors

RFC = vectors("rfc")
KEYS = {key(number)[1]: public_key(key(number)[0]) for number in (1, 2, 3)}
A, B, C = (key(number)[1] for number in (1, 2, 3))


@pytest.mark.parametrize(("kind", "payload", "signed"), RFC["dsse"]["cases"])
def test_the_signed_bytes_are_those_of_dsse(kind: str, payload: str, signed: str) -> None:
    assert pae(kind, bytes.fromhex(payload)) == bytes.fromhex(signed)


def test_lengths_count_bytes_not_characters() -> None:
    assert pae("ä", "€".encode()) == "DSSEv1 2 ä 3 €".encode()


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC["rfc8032"]["cases"])
def test_ed25519_signs_and_verifies_as_the_rfc_says(
    seed: str, public: str, message: str, signature: str
) -> None:
    private = private_key_from_seed(bytes.fromhex(seed))
    assert public_text(private) == to_base64url(bytes.fromhex(public))
    assert private.sign(bytes.fromhex(message)) == bytes.fromhex(signature)
    public_key(public_text(private)).verify(bytes.fromhex(signature), bytes.fromhex(message))


def opened(envelope: Envelope, keyids: tuple[str, ...] = (A,), threshold: int = 1, kind: str = "t") -> bytes:
    return verify(envelope, payload_type=kind, keys=KEYS, keyids=keyids, threshold=threshold)


@given(st.binary(max_size=50))
def test_what_is_sealed_is_opened(payload: bytes) -> None:
    envelope = seal("t", payload, [key(1)[2]])
    assert opened(envelope) == payload
    assert Envelope.from_header(envelope.to_header()) == envelope
    assert Envelope.from_json(envelope.to_json()) == envelope


@given(st.integers(0, 8 * (1 + 10 + 64) - 1))
def test_no_flipped_bit_verifies(bit: int) -> None:
    envelope = seal("t", b"0123456789", [key(1)[2]])
    joined = bytearray(b"t" + envelope.payload + envelope.signatures[0].sig)
    joined[bit // 8] ^= 1 << bit % 8
    kind, payload, sig = bytes(joined[:1]), bytes(joined[1:11]), bytes(joined[11:])
    tampered = Envelope(kind.decode("latin-1"), payload, (Signature(A, sig),))
    with pytest.raises((EnvelopeError, SignatureError)):
        opened(tampered)


THRESHOLDS: dict[str, tuple[list[int], tuple[str, ...], int, bool]] = {
    "one of one": ([1], (A,), 1, True),
    "two of two": ([1, 2], (A, B), 2, True),
    "one of two is not two": ([1], (A, B), 2, False),
    "the same key twice is one key": ([1, 1], (A, B), 2, False),
    "a key that is not trusted does not count": ([1, 3], (A, B), 2, False),
    "two of three": ([3, 1], (A, B, C), 2, True),
    "a key that nobody knows": ([4], (A,), 1, False),
    "nobody signed": ([], (A,), 1, False),
    "a threshold of none": ([1], (A,), 0, False),
    "a trusted name without its key": ([1], ("f" * 64,), 1, False),
}


@pytest.mark.parametrize("name", THRESHOLDS)
def test_thresholds_count_distinct_trusted_keys(name: str) -> None:
    signers, keyids, threshold, believed = THRESHOLDS[name]
    envelope = seal("t", b"payload", [key(number)[2] for number in signers])
    if believed:
        assert opened(envelope, keyids, threshold) == b"payload"
    else:
        with pytest.raises(SignatureError):
            opened(envelope, keyids, threshold)


@pytest.mark.parametrize("hint", ["", B, "f" * 64, "nonsense"])
def test_a_keyid_is_only_a_hint(hint: str) -> None:
    sealed = seal("t", b"payload", [key(1)[2]])
    lying = Envelope("t", b"payload", (Signature(hint, sealed.signatures[0].sig),))
    assert opened(lying, (A, B)) == b"payload"
    doubled = Envelope("t", b"payload", (*sealed.signatures, *lying.signatures))
    with pytest.raises(SignatureError):
        opened(doubled, (A, B), 2)


def test_another_payload_type_is_refused_even_when_signed() -> None:
    with pytest.raises(EnvelopeError):
        opened(seal("other", b"payload", [key(1)[2]]))


GOOD = seal("t", b"payload", [key(1)[2]]).to_json()
BAD_ENVELOPES: dict[str, Any] = {
    "no object": [],
    "no payload": {name: GOOD[name] for name in ("payloadType", "signatures")},
    "payload no text": {**GOOD, "payload": 5},
    "payload no base64": {**GOOD, "payload": "%%%%"},
    "payload unpadded": {**GOOD, "payload": "cGF5bG9hZA"},
    "payload with loose bits": {**GOOD, "payload": "cGF5bG9hZB=="},
    "type no text": {**GOOD, "payloadType": None},
    "signatures no list": {**GOOD, "signatures": {}},
    "a signature no object": {**GOOD, "signatures": ["x"]},
    "a signature without sig": {**GOOD, "signatures": [{"keyid": A}]},
    "keyid no text": {**GOOD, "signatures": [{"keyid": 5, "sig": "AA=="}]},
    "too many signatures": {**GOOD, "signatures": GOOD["signatures"] * 17},
}


@pytest.mark.parametrize("name", BAD_ENVELOPES)
def test_what_is_no_envelope_is_refused(name: str) -> None:
    with pytest.raises(EnvelopeError):
        Envelope.from_json(BAD_ENVELOPES[name])


@pytest.mark.parametrize(
    "header",
    ["", "e30", "not base64url!", "e30=", "W10", to_base64url(b'{"payload":1,"payload":1}'), "A" * 4],
)
def test_a_header_that_is_no_envelope_is_refused(header: str) -> None:
    with pytest.raises(EnvelopeError):
        Envelope.from_header(header)


def test_a_header_has_a_cap() -> None:
    with pytest.raises(EnvelopeError):
        Envelope.from_header("A" * (MAX_ENVELOPE_BYTES * 4 // 3 + 1))


def test_url_safe_base64_is_read_in_an_envelope_too() -> None:
    data = bytes(range(248, 256)) * 3
    assert from_base64(to_base64(data).replace("+", "-").replace("/", "_")) == data


@given(st.binary(max_size=20))
def test_base64url_has_one_spelling(data: bytes) -> None:
    text = to_base64url(data)
    assert from_base64url(text) == data
    with pytest.raises(ValueError, match="base64url"):
        from_base64url(text + "=")


SMALL_ORDER = [
    "00" * 32,
    "01" + "00" * 31,
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ec" + "ff" * 30 + "7f",
    "ed" + "ff" * 30 + "7f",  # 0, written as p
    "ee" + "ff" * 30 + "7f",  # 1, written as p + 1
    "00" * 31 + "80",
    "01" + "00" * 30 + "80",
    "ec" + "ff" * 31,
    "ff" * 32,
    "02" + "00" * 31,  # no point of the curve
]


@pytest.mark.parametrize("public", SMALL_ORDER)
def test_a_small_order_or_malformed_public_key_is_refused(public: str) -> None:
    with pytest.raises(TrustRootError):
        public_key(to_base64url(bytes.fromhex(public)))


@pytest.mark.parametrize("text", ["", "AAAA", "=" * 43, key(1)[0] + "=", key(1)[0][:-1], key(1)[0] + "AAAA"])
def test_a_public_key_text_has_one_shape(text: str) -> None:
    with pytest.raises(TrustRootError):
        public_key(text)


@given(st.binary(min_size=32, max_size=32))
def test_every_honest_key_is_accepted(seed: bytes) -> None:
    text = public_text(private_key_from_seed(seed))
    public_key(text)
    assert len(keyid(text)) == 64
