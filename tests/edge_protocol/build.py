"""Plain builders of the protocol's things, and strategies for its values."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from edge_protocol.envelope import Envelope, Signer, private_key_from_seed, public_text, seal, signer
from edge_protocol.manifest import MANIFEST_TYPE, Manifest
from edge_protocol.signing_keys import keyid
from edge_protocol.trust import ROOT_TYPE, Role, TrustRoot

VECTORS = Path(__file__).resolve().parent.parent / "vectors"
EDGE_UID = "7f6c1c1e-51c1-4a4e-9a39-6a3d2b0f0001"
ORG_UID = "7f6c1c1e-51c1-4a4e-9a39-6a3d2b0f0002"
NOW = datetime(2026, 2, 16, 10, 30, tzinfo=UTC)


def vectors(name: str) -> dict[str, Any]:
    return json.loads((VECTORS / f"{name}.json").read_bytes())


def example() -> dict[str, Any]:
    """The example document of the edge configuration spec, fresh."""
    return vectors("protocol-v1")["document"]


def sections() -> dict[str, Any]:
    return vectors("protocol-v1")["sections"]


def key(number: int) -> tuple[str, str, Signer]:
    """A test key: its base64url public text, its keyid, its signer."""
    private = private_key_from_seed(bytes([number]) * 32)
    text = public_text(private)
    return text, keyid(text), signer(private)


def trust_root(**changes: Any) -> TrustRoot:
    """Root 1: key 1 signs configurations, key 2 signs roots."""
    keys = changes.pop("with_keys", (1, 2))
    values: dict[str, Any] = {
        "root_version": 1,
        "epoch": 1,
        "issued_at": "2026-01-01T00:00:00Z",
        "expires_at": "2027-01-01T00:00:00Z",
        "keys": {key(number)[1]: key(number)[0] for number in keys},
        "config": Role((key(1)[1],), 1),
        "root": Role((key(2)[1],), 1),
    }
    return TrustRoot(**{**values, **changes})


def sealed_root(root: TrustRoot, *signers: int) -> Envelope:
    return seal(ROOT_TYPE, root.payload(), [key(number)[2] for number in signers or (2,)])


def manifest(**changes: Any) -> Manifest:
    vector = json.loads(vectors("protocol-v1")["manifest_canonical_utf8"])
    values = {name: value for name, value in vector.items() if name not in ("spec", "type")}
    return Manifest(**{**values, **changes})


def sealed(one: Manifest, *signers: int) -> Envelope:
    return seal(MANIFEST_TYPE, one.payload(), [key(number)[2] for number in signers or (1,)])


# -- values ---------------------------------------------------------------------------------------
texts = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00"),
    max_size=8,
)
integers = st.integers(-(2**53) + 1, 2**53 - 1)
scalars = st.one_of(
    st.none(), st.booleans(), integers, st.floats(allow_nan=False, allow_infinity=False), texts
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=12,
)

_names = st.sampled_from(["a", "b", "c"])
_plain = st.sampled_from([0, 1, 2, True, False, "t", [], [1], [1, 2]])


def _objects(removals: bool) -> st.SearchStrategy[dict[str, Any]]:
    leaf = st.one_of(_plain, st.none()) if removals else _plain
    inner = st.dictionaries(_names, leaf, max_size=2)
    return st.dictionaries(_names, st.one_of(leaf, leaf, inner), max_size=3)


def _items(key_name: str, removals: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    def item(identity: str) -> st.SearchStrategy[dict[str, Any]]:
        filled = _objects(removals).map(lambda members: {key_name: identity, **members})
        removed = st.just({key_name: identity, "$remove": True})
        return st.one_of(filled, filled, removed) if removals else filled

    chosen = st.lists(st.sampled_from(["x", "y", "z"]), unique=True, max_size=2)
    return chosen.flatmap(lambda names: st.tuples(*map(item, names)).map(list))


def bodies(removals: bool = True) -> st.SearchStrategy[dict[str, Any]]:
    """Layer bodies: small on purpose, so that layers meet each other's paths."""
    scheduler = st.fixed_dictionaries(
        {}, optional={"controllers": _items("id", removals), "strategy": _plain}
    )
    optional = {
        "core_cycle": _objects(removals),
        "scheduler": scheduler,
        "modbus_devices": _items("device_id", removals),
        "alarms": _items("id", removals),
        "sync": st.one_of(_objects(removals), st.none()) if removals else _objects(removals),
        "extensions": _objects(removals),
    }
    return st.fixed_dictionaries({}, optional=optional)
