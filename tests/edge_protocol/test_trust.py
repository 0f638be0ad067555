"""Trust roots: what may be in one, and how one hands over to the next."""

from typing import Any

import orjson
import pytest

from edge_protocol.canonical import canonical
from edge_protocol.envelope import seal
from edge_protocol.errors import TrustRootError
from edge_protocol.manifest import MANIFEST_TYPE
from edge_protocol.trust import ROOT_TYPE, Role, TrustRoot, first_root, next_root
from tests.edge_protocol.build import key, sealed_root, trust_root


def test_a_root_is_read_as_it_was_written() -> None:
    root = trust_root()
    assert TrustRoot.from_payload(root.payload()) == root
    assert first_root(sealed_root(root), root.sha256) == root


def test_another_root_than_the_pinned_one_is_refused() -> None:
    root = trust_root()
    with pytest.raises(TrustRootError):
        first_root(sealed_root(root), "0" * 64)
    with pytest.raises(TrustRootError):
        first_root(sealed_root(root), "")


def test_the_first_root_is_number_one_and_signed_by_itself() -> None:
    second = trust_root(root_version=2)
    with pytest.raises(TrustRootError):
        first_root(sealed_root(second), second.sha256)
    root = trust_root()
    with pytest.raises(TrustRootError):
        first_root(sealed_root(root, 1), root.sha256)


def changed(**members: Any) -> bytes:
    value = orjson.loads(trust_root().payload())
    return canonical({name: member for name, member in {**value, **members}.items() if member is not None})


KEY_A, KEY_B = key(1), key(2)
ENTRY_A, ENTRY_B = ({"alg": "ed25519", "public": one[0]} for one in (KEY_A, KEY_B))
KEYS = {KEY_A[1]: ENTRY_A, KEY_B[1]: ENTRY_B}
SMALL = {"alg": "ed25519", "public": "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}


def roles(config: Any, root: Any) -> dict[str, Any]:
    return {"config": config, "root": root}


CONFIG, ROOT = {"keyids": [KEY_A[1]], "threshold": 1}, {"keyids": [KEY_B[1]], "threshold": 1}

BAD_ROOTS: dict[str, bytes] = {
    "not JSON": b"{",
    "not an object": b"[]",
    "a member more": changed(extra=1),
    "a member less": changed(epoch=None),
    "another spec": changed(spec=2),
    "another type": changed(type="ems.config-manifest"),
    "version 0": changed(root_version=0),
    "a version that is true": changed(root_version=True),
    "an epoch that is text": changed(epoch="1"),
    "no keys": changed(keys={}),
    "a key under another name": changed(keys={KEY_A[1]: ENTRY_B, KEY_B[1]: ENTRY_A}),
    "a small-order key": changed(keys={**KEYS, "0" * 64: SMALL}),
    "another algorithm": changed(keys={**KEYS, KEY_A[1]: {**ENTRY_A, "alg": "rsa"}}),
    "a key with a member more": changed(keys={**KEYS, KEY_A[1]: {**ENTRY_A, "x": 1}}),
    "a key in both roles": changed(roles=roles(CONFIG, {"keyids": [KEY_A[1], KEY_B[1]], "threshold": 1})),
    "a role missing": changed(roles={"root": ROOT}),
    "a role more": changed(roles={**roles(CONFIG, ROOT), "mirror": ROOT}),
    "an unknown key in a role": changed(roles=roles({"keyids": ["f" * 64], "threshold": 1}, ROOT)),
    "a key twice in a role": changed(roles=roles({"keyids": [KEY_A[1]] * 2, "threshold": 2}, ROOT)),
    "threshold 0": changed(roles=roles({**CONFIG, "threshold": 0}, ROOT)),
    "threshold true": changed(roles=roles({**CONFIG, "threshold": True}, ROOT)),
    "threshold above the keys": changed(roles=roles({**CONFIG, "threshold": 2}, ROOT)),
    "keyids no list": changed(roles=roles({"keyids": KEY_A[1], "threshold": 1}, ROOT)),
    "expires before it is issued": changed(expires_at="2025-01-01T00:00:00Z"),
    "a date in another zone": changed(expires_at="2027-01-01T00:00:00+01:00"),
    "not canonical": trust_root().payload().replace(b'"epoch":1', b'"epoch": 1'),
}


@pytest.mark.parametrize("name", BAD_ROOTS)
def test_what_is_no_trust_root_is_refused(name: str) -> None:
    with pytest.raises(TrustRootError):
        TrustRoot.from_payload(BAD_ROOTS[name])
    with pytest.raises(TrustRootError):
        next_root(trust_root(), seal(ROOT_TYPE, BAD_ROOTS[name], [key(2)[2]]))


def second(**changes: Any) -> TrustRoot:
    """Root 2, whose root key is key 3."""
    values: dict[str, Any] = {"root_version": 2, "with_keys": (1, 3), "root": Role((key(3)[1],), 1)}
    return trust_root(**{**values, **changes})


def test_the_next_root_is_signed_by_both() -> None:
    assert next_root(trust_root(), sealed_root(second(), 2, 3)) == second()


@pytest.mark.parametrize(
    ("root", "signers"),
    [
        pytest.param(second(), (3,), id="only by itself"),
        pytest.param(second(), (2,), id="only by the one before"),
        pytest.param(second(), (1, 3), id="by a configuration key"),
        pytest.param(second(root_version=1), (2, 3), id="the same number"),
        pytest.param(second(root_version=3), (2, 3), id="a number left out"),
    ],
)
def test_a_handover_that_breaks_the_chain_is_refused(root: TrustRoot, signers: tuple[int, ...]) -> None:
    with pytest.raises(TrustRootError):
        next_root(trust_root(), sealed_root(root, *signers))


def test_an_epoch_rises_or_stays() -> None:
    assert next_root(trust_root(), sealed_root(second(epoch=2), 2, 3)).epoch == 2
    with pytest.raises(TrustRootError):
        next_root(trust_root(epoch=2), sealed_root(second(epoch=1), 2, 3))


def test_an_expired_root_between_does_not_stop_the_chain() -> None:
    old = trust_root(expires_at="2026-01-02T00:00:00Z")
    middle = second(expires_at="2026-01-03T00:00:00Z")
    third = second(root_version=3)
    assert next_root(next_root(old, sealed_root(middle, 2, 3)), sealed_root(third, 3)) == third


def test_a_root_in_a_manifest_envelope_is_refused() -> None:
    root = trust_root()
    with pytest.raises(TrustRootError):
        first_root(seal(MANIFEST_TYPE, root.payload(), [key(2)[2]]), root.sha256)


def test_thresholds_of_two_need_two() -> None:
    root = trust_root(with_keys=(1, 2, 3), root=Role((key(2)[1], key(3)[1]), 2))
    assert first_root(sealed_root(root, 2, 3), root.sha256) == root
    with pytest.raises(TrustRootError):
        first_root(sealed_root(root, 2), root.sha256)
