"""Genuine things played again, or shown where they do not belong: believed for what they are and no more."""

from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.rows import Floor
from edge_agent.store import Store
from edge_protocol.base64s import to_base64url
from edge_protocol.envelope import Envelope, Signature, keyid, seal
from edge_protocol.errors import EpochError, ProtocolError, ReplayError, TrustRootError
from edge_protocol.instants import format_instant
from edge_protocol.manifest import MANIFEST_TYPE, Seen, verify_manifest
from edge_protocol.trust import ROOT_TYPE, Role, TrustRoot, first_root, next_root
from tests.edge_agent.cloud_simulator import CloudSimulator, key_from
from tests.edge_agent.conftest import cloud, edge  # noqa: F401 - fixtures
from tests.edge_agent.edge import Edge, document
from tests.edge_protocol.build import EDGE_UID, NOW, ORG_UID, key, manifest, sealed, sealed_root, trust_root

OURS = manifest(edge_uid=EDGE_UID, org_uid=ORG_UID)
NEXT = trust_root(root_version=2)


def relabelled(envelope: Envelope, payload_type: str) -> Envelope:
    return Envelope(payload_type, envelope.payload, envelope.signatures)


# Signed for real by keys of the deployment, and no manifest of the role `config`.
NO_MANIFESTS = {
    "a root": sealed_root(NEXT),
    "a root under the manifest's type": relabelled(sealed_root(NEXT), MANIFEST_TYPE),
    "a root that the config key signed as a manifest": seal(MANIFEST_TYPE, NEXT.payload(), [key(1)[2]]),
    "a manifest that the root key signed": sealed(OURS, 2),
    "a manifest that was signed as a root": relabelled(
        seal(ROOT_TYPE, OURS.payload(), [key(1)[2]]), MANIFEST_TYPE
    ),
    "a manifest under the root's type": seal(ROOT_TYPE, OURS.payload(), [key(1)[2]]),
    "a manifest without a signature": Envelope(MANIFEST_TYPE, OURS.payload(), ()),
    "a manifest with another's signature": Envelope(
        MANIFEST_TYPE, OURS.payload(), sealed(manifest(version=41)).signatures
    ),
}
NO_ROOTS = {
    "a manifest": sealed(OURS),
    "a manifest under the root's type": relabelled(sealed(OURS), ROOT_TYPE),
    "a manifest that the root key signed as a root": seal(ROOT_TYPE, OURS.payload(), [key(2)[2]]),
    "a root that the config key signed": sealed_root(NEXT, 1),
    "a root under the manifest's type": relabelled(sealed_root(NEXT), MANIFEST_TYPE),
    "the first root again": sealed_root(trust_root()),
    "a root without a signature": Envelope(ROOT_TYPE, NEXT.payload(), ()),
}


@pytest.mark.parametrize("what", NO_MANIFESTS)
def test_what_is_signed_and_no_manifest_is_not_taken_for_one(what: str) -> None:
    with pytest.raises(ProtocolError):
        verify_manifest(
            NO_MANIFESTS[what],
            root=trust_root(),
            edge_uid=EDGE_UID,
            org_uid=ORG_UID,
            edge_id=OURS.edge_id,
            highest_seen=Seen(),
            now=NOW,
        )


@pytest.mark.parametrize("what", NO_ROOTS)
def test_what_is_signed_and_no_next_root_is_not_taken_for_one(what: str) -> None:
    with pytest.raises(TrustRootError):
        next_root(trust_root(), NO_ROOTS[what])


@pytest.mark.parametrize("y", [1, 0, 2**255 - 20, 2**255 - 18, 2**255 - 19 + 2**255])
def test_a_root_whose_key_signs_everything_is_refused_whoever_signed_it(y: int) -> None:
    """The identity and its like: R = identity, s = 0 would be a signature under every manifest."""
    public = to_base64url(y.to_bytes(32, "little"))
    weak = keyid(public)
    keys = {weak: public, key(2)[1]: key(2)[0]}
    root = TrustRoot(**{**fields(NEXT), "keys": keys, "config": Role((weak,), 1)})
    with pytest.raises(TrustRootError):
        next_root(trust_root(), sealed_root(root))
    first = TrustRoot(**{**fields(root), "root_version": 1})
    with pytest.raises(TrustRootError):
        first_root(sealed_root(first), first.sha256)


def fields(root: TrustRoot) -> dict[str, object]:
    return {name: getattr(root, name) for name in TrustRoot.__dataclass_fields__}


def test_the_signature_of_nobody_is_none() -> None:
    nobody = Signature(key(1)[1], (1).to_bytes(32, "little") + bytes(32))
    forged = Envelope(MANIFEST_TYPE, OURS.payload(), (nobody,) * 16)
    with pytest.raises(ProtocolError):
        verify_manifest(
            forged,
            root=trust_root(),
            edge_uid=EDGE_UID,
            org_uid=ORG_UID,
            edge_id=OURS.edge_id,
            highest_seen=Seen(),
            now=NOW,
        )


def test_a_number_that_nothing_can_follow_is_followed_in_the_next_epoch() -> None:
    """The thief of the online key signs the last version there is: only the root keys lead on."""
    wanted = {"edge_uid": EDGE_UID, "org_uid": ORG_UID, "edge_id": OURS.edge_id, "now": NOW}
    last = Seen(1, 2**53 - 1, "ab" * 32)
    with pytest.raises(ReplayError):
        verify_manifest(sealed(OURS), root=trust_root(), highest_seen=last, **wanted)
    after = manifest(edge_uid=EDGE_UID, org_uid=ORG_UID, epoch=2)
    with pytest.raises(EpochError):
        verify_manifest(sealed(after), root=trust_root(), highest_seen=last, **wanted)
    risen = next_root(trust_root(), sealed_root(trust_root(root_version=2, epoch=2)))
    assert verify_manifest(sealed(after), root=risen, highest_seen=last, **wanted).version == OURS.version


def test_an_edge_that_a_thief_sent_to_the_year_9990_comes_back_with_the_next_epoch(
    cloud: CloudSimulator,  # noqa: F811
    edge: Edge,  # noqa: F811
) -> None:
    """A stolen online key signs a date that makes all others stale, until a new root ends its epoch."""
    cloud.publish(document())
    edge.start()
    cloud.wait_status(1, "confirmed")
    cloud.issued_at = datetime(9990, 1, 1, tzinfo=UTC)
    answered = [status for *_, status in cloud.calls].count(304)
    edge.ask("sync")
    cloud.wait(lambda one: [status for *_, status in one.calls].count(304) > answered)
    cloud.issued_at = None
    cloud.publish(document(30000))
    cloud.wait(lambda one: [event for event in one.events.values() if event["code"] == "trust_stale"])
    assert edge.active()["version"] == 1
    cloud.add_root(config_key=key_from(9), epoch=2)
    cloud.publish(document(20000))
    edge.ask("ping")
    cloud.wait_status(3, "confirmed")


def test_an_older_manifest_of_the_same_version_makes_nothing_expire_sooner(
    cloud: CloudSimulator,  # noqa: F811
    edge: Edge,  # noqa: F811
) -> None:
    """A cache that answers with a re-issue of last week: still genuine, still in date, and not the newest."""
    now = datetime.now(UTC)
    cloud.issued_at = now
    cloud.publish(document())
    edge.start()
    cloud.wait_status(1, "confirmed")
    for issued_at in (now + timedelta(hours=1), now - timedelta(days=10)):
        cloud.issued_at = issued_at
        before = len(cloud.calls)
        edge.ask("sync")
        cloud.wait(lambda one, before=before: [path for _, path, _ in one.calls[before:] if "/delta" in path])
    edge.wait_asked(lambda one: not one["live"]["sync_problem"])
    assert edge.stop() == 0
    newest = now + timedelta(hours=1)
    assert (floor(edge).issued_at, floor(edge).expires_at) == (
        format_instant(newest),
        format_instant(newest + timedelta(days=14)),
    )


def floor(edge: Edge) -> Floor:  # noqa: F811
    store = Store.open(edge.data / "agent.db")
    try:
        return store.load_floor()
    finally:
        store.close()
