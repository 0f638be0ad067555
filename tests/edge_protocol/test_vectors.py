"""The protocol's own known answers: every value of protocol-v1.json is reproduced."""

import json

import pytest

from edge_protocol.canonical import canonical, digest, etag, parse, section_digest, version_digest
from edge_protocol.envelope import Envelope, pae, private_key_from_seed, public_text, seal, signer, verify
from edge_protocol.keys import make_credential, parse_credential
from edge_protocol.manifest import MANIFEST_TYPE, Manifest
from edge_protocol.signing_keys import public_key
from tests.edge_protocol.build import vectors

V = vectors("protocol-v1")
SIGNER = signer(private_key_from_seed(bytes.fromhex(V["private_seed_hex"])))


@pytest.mark.parametrize("name", sorted(V["sections"]))
def test_a_section_has_its_canonical_bytes_and_digest(name: str) -> None:
    assert canonical(V["sections"][name]).decode() == V["section_canonical_utf8"][name]
    assert section_digest(V["sections"][name]) == V["section_sha256"][name]


def test_the_document_carries_these_sections() -> None:
    document = parse(json.dumps(V["document"]).encode(), max_bytes=10_000)
    assert {name: section_digest(document[name]) for name in V["sections"]} == V["section_sha256"]


def test_a_version_has_its_digest_and_entity_tag() -> None:
    assert version_digest(V["section_sha256"]) == V["sections_map_sha256"]
    assert etag(42, V["sections_map_sha256"]) == V["etag"]


def test_the_manifest_is_read_and_written_as_its_bytes() -> None:
    manifest = Manifest.from_payload(V["manifest_canonical_utf8"].encode())
    assert manifest.payload().decode() == V["manifest_canonical_utf8"]
    assert manifest.digest == V["sections_map_sha256"]


def test_the_signed_bytes_and_the_signature_are_those_of_the_vector() -> None:
    payload = V["manifest_canonical_utf8"].encode()
    assert digest(pae(MANIFEST_TYPE, payload)) == V["pae_sha256"]
    envelope = seal(MANIFEST_TYPE, payload, [SIGNER])
    assert envelope.to_json() == V["envelope"]
    assert envelope.to_json()["signatures"][0]["sig"] == V["signature_base64"]


def test_the_key_has_its_name_and_verifies_the_envelope() -> None:
    private = private_key_from_seed(bytes.fromhex(V["private_seed_hex"]))
    assert public_text(private) == V["public_base64url"]
    assert SIGNER.keyid == V["keyid"]
    keys = {V["keyid"]: public_key(V["public_base64url"])}
    payload = verify(
        Envelope.from_json(V["envelope"]),
        payload_type=MANIFEST_TYPE,
        keys=keys,
        keyids=list(keys),
        threshold=1,
    )
    assert payload.decode() == V["manifest_canonical_utf8"]


def test_the_edge_key_is_made_and_read() -> None:
    known = V["edge_key"]
    assert make_credential("emse", known["key_id"], known["secret"]) == known["key"]
    assert parse_credential(known["key"], "emse").key_id == known["key_id"]
