"""The trust root: which keys may sign what, and how one root hands over to the next."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from edge_protocol.canonical import MAX_INTEGER, canonical, digest, parse
from edge_protocol.envelope import MAX_ENVELOPE_BYTES, Envelope, PublicKey, keyid, public_key, verify
from edge_protocol.errors import DocumentError, EnvelopeError, SignatureError, TrustRootError
from edge_protocol.instants import parse_instant

ROOT_TYPE = "application/vnd.ems.trust-root.v1+json"

_MEMBERS = {"epoch", "expires_at", "issued_at", "keys", "roles", "root_version", "spec", "type"}
_HEX_DIGEST = re.compile(r"[0-9a-f]{64}")
MAX_KEYS = 16


@dataclass(frozen=True, slots=True)
class Role:
    keyids: tuple[str, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """`keys` maps keyid -> base64url public key; `config` signs manifests, `root` signs roots."""

    root_version: int
    epoch: int
    issued_at: str
    expires_at: str
    keys: Mapping[str, str]
    config: Role
    root: Role

    def payload(self) -> bytes:
        """Canonical bytes: what is signed, and what a pinned digest is of."""
        roles = {
            name: {"keyids": list(role.keyids), "threshold": role.threshold}
            for name, role in (("config", self.config), ("root", self.root))
        }
        return canonical(
            {
                "epoch": self.epoch,
                "expires_at": self.expires_at,
                "issued_at": self.issued_at,
                "keys": {name: {"alg": "ed25519", "public": text} for name, text in self.keys.items()},
                "roles": roles,
                "root_version": self.root_version,
                "spec": 1,
                "type": "ems.trust-root",
            }
        )

    @property
    def sha256(self) -> str:
        """Hex SHA-256 of the payload: what an enrollment pins."""
        return digest(self.payload())

    def public_keys(self) -> dict[str, PublicKey]:
        """The keys, ready to verify with. Errors: TrustRootError (never for a root read by this module)."""
        return {name: public_key(text) for name, text in self.keys.items()}

    def is_expired(self, now: datetime) -> bool:
        return now >= parse_instant(self.expires_at)

    @classmethod
    def from_payload(cls, payload: bytes) -> "TrustRoot":
        """Read a root, believing nothing about its signatures.

        Errors: TrustRootError (members, key names, small-order keys, a key in both roles, thresholds).
        """
        try:
            value = parse(payload, max_bytes=MAX_ENVELOPE_BYTES)
            root = _read(value)
        except (DocumentError, KeyError, TypeError, AttributeError, ValueError) as error:
            raise TrustRootError(f"not a trust root: {error}") from error
        if root.payload() != payload:
            raise TrustRootError("a trust root is written in its canonical bytes")
        return root


def _read(value: Any) -> TrustRoot:
    if set(value) != _MEMBERS:
        raise TrustRootError("a trust root has exactly the members of its specification")
    if value["spec"] != 1 or value["type"] != "ems.trust-root":
        raise TrustRootError("not a trust root of spec 1")
    if set(value["roles"]) != {"config", "root"}:
        raise TrustRootError("a trust root has the roles config and root")
    root = TrustRoot(
        root_version=_count(value["root_version"], "root_version"),
        epoch=_count(value["epoch"], "epoch"),
        issued_at=value["issued_at"],
        expires_at=value["expires_at"],
        keys=_keys(value["keys"]),
        config=_role(value["roles"]["config"], value["keys"]),
        root=_role(value["roles"]["root"], value["keys"]),
    )
    if parse_instant(root.expires_at) <= parse_instant(root.issued_at):
        raise TrustRootError("a trust root expires after it is issued")
    if set(root.config.keyids) & set(root.root.keyids):
        raise TrustRootError("a key may not stand in both roles")
    return root


def _count(value: Any, name: str) -> int:
    if type(value) is not int or not 1 <= value <= MAX_INTEGER:
        raise TrustRootError(f"{name} is a number from 1")
    return value


def _keys(values: Mapping[str, Any]) -> dict[str, str]:
    if not 1 <= len(values) <= MAX_KEYS:
        raise TrustRootError(f"a trust root has 1 to {MAX_KEYS} keys")
    keys = {}
    for name, entry in values.items():
        if set(entry) != {"alg", "public"} or entry["alg"] != "ed25519":
            raise TrustRootError(f"the key {name[:64]!r} is not an Ed25519 key")
        public_key(entry["public"])
        if name != keyid(entry["public"]):
            raise TrustRootError(f"the key {name[:64]!r} stands under a name that is not its own")
        keys[name] = entry["public"]
    return keys


def _role(value: Mapping[str, Any], keys: Mapping[str, Any]) -> Role:
    if set(value) != {"keyids", "threshold"}:
        raise TrustRootError("a role has keyids and a threshold")
    names, threshold = value["keyids"], value["threshold"]
    if not isinstance(names, list) or len(set(names)) != len(names) or not set(names) <= set(keys):
        raise TrustRootError("a role names distinct keys of the root")
    if type(threshold) is not int or not 1 <= threshold <= len(names):
        raise TrustRootError("a threshold lies between one and the number of the role's keys")
    return Role(tuple(names), threshold)


def first_root(envelope: Envelope, sha256: str) -> TrustRoot:
    """Take in root 1, pinned by the digest of its payload.

    Errors: TrustRootError for another digest, a root that is not number 1 or not signed by itself.
    """
    if _HEX_DIGEST.fullmatch(sha256) is None or digest(envelope.payload) != sha256:
        raise TrustRootError("the trust root is not the one that the enrollment pinned")
    root = TrustRoot.from_payload(envelope.payload)
    if root.root_version != 1:
        raise TrustRootError(f"the first trust root has number 1, not {root.root_version}")
    _check_signed(envelope, root, "itself")
    return root


def next_root(current: TrustRoot, envelope: Envelope) -> TrustRoot:
    """Take in root n+1, signed by the thresholds of n and of n+1; dates are judged on the newest only.

    Errors: TrustRootError. Source: wire protocol, "Trust root"; the TUF specification 5.3.
    """
    _check_signed(envelope, current, "the trusted root")
    root = TrustRoot.from_payload(envelope.payload)
    if root.root_version != current.root_version + 1:
        raise TrustRootError(f"root {current.root_version + 1} is next, not root {root.root_version}")
    if root.epoch < current.epoch:
        raise TrustRootError("a new root may not lower the epoch")
    _check_signed(envelope, root, "itself")
    return root


def _check_signed(envelope: Envelope, by: TrustRoot, words: str) -> None:
    try:
        verify(
            envelope,
            payload_type=ROOT_TYPE,
            keys=by.public_keys(),
            keyids=by.root.keyids,
            threshold=by.root.threshold,
        )
    except (EnvelopeError, SignatureError) as error:
        raise TrustRootError(f"not signed by {words}: {error.detail}") from error
