"""The agent's checks of a manifest, each with its error, in the protocol's order."""

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from edge_protocol import errors
from edge_protocol.canonical import canonical
from edge_protocol.envelope import Envelope, seal
from edge_protocol.manifest import (
    MANIFEST_TYPE,
    Manifest,
    Seen,
    check_contents,
    freshness,
    read_manifest,
    to_dict,
    verify_manifest,
)
from edge_protocol.trust import ROOT_TYPE, Role, TrustRoot
from tests.edge_protocol.build import EDGE_UID, NOW, ORG_UID, key, manifest, sealed, sections, trust_root

OTHER = "11111111-1111-4111-8111-111111111111"
DIGEST = manifest().digest


def verified(
    envelope: Envelope,
    *,
    root: TrustRoot | None = None,
    seen: Seen | None = None,
    now: datetime = NOW,
    edge_uid: str = EDGE_UID,
) -> Manifest:
    return verify_manifest(
        envelope,
        root=root or trust_root(),
        edge_uid=edge_uid,
        org_uid=ORG_UID,
        edge_id="site1_edge_prod",
        highest_seen=seen or Seen(),
        now=now,
    )


def test_a_genuine_manifest_passes() -> None:
    assert verified(sealed(manifest())) == manifest()
    assert verified(Envelope.from_header(sealed(manifest()).to_header())) == manifest()


REFUSED: dict[str, tuple[Envelope, type[errors.ProtocolError]]] = {
    "a trust root's type": (seal(ROOT_TYPE, manifest().payload(), [key(1)[2]]), errors.EnvelopeError),
    "nobody's signature": (seal(MANIFEST_TYPE, manifest().payload(), []), errors.SignatureError),
    "a root key's signature": (sealed(manifest(), 2), errors.SignatureError),
    "a stranger's signature": (sealed(manifest(), 9), errors.SignatureError),
    "another edge": (sealed(manifest(edge_uid=OTHER)), errors.WrongRecipientError),
    "another organization": (sealed(manifest(org_uid=OTHER)), errors.WrongRecipientError),
    "another name": (sealed(manifest(edge_id="site2_edge")), errors.WrongRecipientError),
    "an epoch before": (sealed(manifest(epoch=2)), errors.EpochError),
    "expired": (sealed(manifest(expires_at="2026-02-16T10:30:00Z")), errors.TrustStaleError),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_to_be_believed_is_refused_with_its_reason(name: str) -> None:
    envelope, reason = REFUSED[name]
    with pytest.raises(reason) as caught:
        verified(envelope)
    assert type(caught.value) is reason


def test_the_threshold_of_the_config_role_holds() -> None:
    root = trust_root(with_keys=(1, 2, 3), config=Role((key(1)[1], key(3)[1]), 2))
    assert verified(sealed(manifest(), 1, 3), root=root) == manifest()
    with pytest.raises(errors.SignatureError):
        verified(sealed(manifest(), 1), root=root)


def test_order_is_by_epoch_then_version() -> None:
    assert verified(sealed(manifest()), seen=Seen(1, 42, DIGEST)) == manifest()
    assert verified(sealed(manifest()), seen=Seen(1, 42)) == manifest()
    assert verified(sealed(manifest()), seen=Seen(1, 41, "0" * 64)) == manifest()
    new_epoch = trust_root(epoch=2)
    assert verified(sealed(manifest(epoch=2)), root=new_epoch, seen=Seen(1, 9999, "0" * 64)).epoch == 2
    with pytest.raises(errors.ReplayError):
        verified(sealed(manifest()), seen=Seen(1, 43, DIGEST))
    with pytest.raises(errors.EquivocationError):
        verified(sealed(manifest()), seen=Seen(1, 42, "0" * 64))


def test_the_first_broken_rule_is_the_one_reported() -> None:
    foreign_and_old = manifest(edge_uid=OTHER, epoch=3, version=1, expires_at="2026-02-15T10:30:01Z")
    with pytest.raises(errors.SignatureError):
        verified(sealed(foreign_and_old, 5))
    with pytest.raises(errors.WrongRecipientError):
        verified(sealed(foreign_and_old), seen=Seen(5, 5))
    with pytest.raises(errors.EpochError):
        verified(sealed(foreign_and_old), seen=Seen(5, 5), edge_uid=OTHER)
    with pytest.raises(errors.ReplayError):
        verified(sealed(manifest(version=1, expires_at="2026-02-15T10:30:01Z")), seen=Seen(1, 5))


def test_freshness_speaks_of_the_manifest_and_of_the_root() -> None:
    root = trust_root()
    assert freshness(manifest(), root=root, now=NOW) is None
    stale = freshness(manifest(), root=root, now=datetime(2026, 3, 1, 10, 30, tzinfo=UTC))
    assert stale == "the manifest of version 42 expired at 2026-03-01T10:30:00Z"
    expired = trust_root(expires_at="2026-02-01T00:00:00Z")
    assert freshness(manifest(), root=expired, now=NOW) == "trust root 1 expired at 2026-02-01T00:00:00Z"


def test_a_boot_believes_what_it_holds_whatever_the_date() -> None:
    old = manifest(expires_at="2026-02-15T10:30:01Z")
    assert read_manifest(sealed(old), root=trust_root()) == old


def changed(**members: Any) -> bytes:
    value = orjson.loads(manifest().payload())
    return canonical({name: member for name, member in {**value, **members}.items() if member != "absent"})


BAD_MANIFESTS: dict[str, bytes] = {
    "not JSON": b"{",
    "not an object": b"[]",
    "a number": b"1",
    "a member more": changed(config_length=1),
    "a member less": changed(kind="absent"),
    "another spec": changed(spec=2),
    "another type": changed(type="ems.trust-root"),
    "no type": changed(type="absent"),
    "an unknown kind": changed(kind="emergency"),
    "a kind that is no text": changed(kind=["publish"]),
    "version 0": changed(version=0),
    "version true": changed(version=True),
    "a version with a fraction": changed(version=1.5),
    "epoch -1": changed(epoch=-1),
    "content_of 0": changed(content_of=0),
    "a uid that is none": changed(edge_uid="site1"),
    "an upper-case uid": changed(org_uid=OTHER.upper().replace("1", "A")),
    "an edge_id with a slash": changed(edge_id="a/b"),
    "a short digest": changed(sections={"alarms": "ab"}),
    "an upper-case digest": changed(sections={"alarms": "A" * 64}),
    "a section's name with a dot": changed(sections={"a.b": "a" * 64}),
    "sections as a list": changed(sections=[]),
    "a date that is none": changed(issued_at="2026-02-30T10:30:00Z"),
    "a date in another zone": changed(expires_at="2026-03-01T10:30:00+00:00"),
    "a timestamp that is a number": changed(timestamp=5),
    "a schema that is a number": changed(schema=1),
    "not canonical": manifest().payload().replace(b'"epoch":1', b'"epoch": 1'),
    "a name twice": manifest().payload().replace(b'"epoch":1', b'"epoch":1,"epoch":1'),
}


@pytest.mark.parametrize("name", BAD_MANIFESTS)
def test_what_is_signed_and_no_manifest_is_refused(name: str) -> None:
    with pytest.raises(errors.ManifestError):
        verified(seal(MANIFEST_TYPE, BAD_MANIFESTS[name], [key(1)[2]]))


def test_contents_are_exactly_those_of_the_manifest() -> None:
    check_contents(manifest(), sections())
    for wrong in (
        {**sections(), "sync": {}},
        {name: value for name, value in sections().items() if name != "alarms"},
        {**sections(), "alarms": []},
    ):
        with pytest.raises(errors.DeltaBaseError):
            check_contents(manifest(), wrong)


def test_a_manifest_is_shown_with_its_constants() -> None:
    assert to_dict(manifest())["type"] == "ems.config-manifest"
    assert canonical(to_dict(manifest())) == manifest().payload()
