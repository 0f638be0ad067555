"""The manifest: the small signed statement that names a version's recipient, order and contents."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from edge_protocol.canonical import MAX_INTEGER, JsonValue, canonical, parse, section_digest, version_digest
from edge_protocol.envelope import MAX_ENVELOPE_BYTES, Envelope, verify
from edge_protocol.errors import (
    DeltaBaseError,
    DocumentError,
    EpochError,
    EquivocationError,
    ManifestError,
    ReplayError,
    TrustStaleError,
    WrongRecipientError,
)
from edge_protocol.instants import parse_instant
from edge_protocol.keys import is_edge_id
from edge_protocol.trust import TrustRoot

MANIFEST_TYPE = "application/vnd.ems.config-manifest.v1+json"
KINDS = ("publish", "rollback", "retry", "reissue")
LIFETIME_DAYS = 14

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SECTION = re.compile(r"[a-z][a-z0-9_]{0,62}")
_MAX_SECTIONS = 64


@dataclass(frozen=True, slots=True)
class Manifest:
    """Shape: the members of the wire, `spec` and `type` aside (they are constants of this reader).

    `sections` maps each section to the digest of its canonical bytes; instants are wire texts;
    `content_of` is the version whose content a rollback or retry repeats.
    """

    edge_id: str
    edge_uid: str
    org_uid: str
    version: int
    epoch: int
    kind: str
    content_of: int | None
    schema: str
    sections: Mapping[str, str]
    timestamp: str
    issued_at: str
    expires_at: str

    def payload(self) -> bytes:
        """The canonical bytes: what is signed. Errors: CanonicalError."""
        members = {name: getattr(self, name) for name in _FIELDS}
        return canonical(
            {**members, "sections": dict(self.sections), "spec": 1, "type": "ems.config-manifest"}
        )

    @property
    def digest(self) -> str:
        """The version's digest: of its map of sections."""
        return version_digest(self.sections)

    @property
    def issued(self) -> datetime:
        return parse_instant(self.issued_at)

    @property
    def expires(self) -> datetime:
        return parse_instant(self.expires_at)

    @classmethod
    def from_payload(cls, payload: bytes) -> "Manifest":
        """Read a manifest; a reader of spec 1 refuses any other member. Errors: ManifestError."""
        try:
            value = parse(payload, max_bytes=MAX_ENVELOPE_BYTES)
        except DocumentError as error:
            raise ManifestError(f"not a manifest: {error.detail}") from error
        if not isinstance(value, dict):
            raise ManifestError("not a manifest: an object is expected")
        if value.pop("type", None) != "ems.config-manifest" or value.pop("spec", None) != 1:
            raise ManifestError("not a manifest of spec 1")
        if set(value) != set(_FIELDS):
            raise ManifestError("a manifest has exactly the members of its specification")
        _check_members(value)
        manifest = cls(**value)
        if manifest.payload() != payload:
            raise ManifestError("a manifest is written in its canonical bytes")
        return manifest


_FIELDS = tuple(Manifest.__dataclass_fields__)


def _check_members(value: Mapping[str, Any]) -> None:
    for name in ("edge_uid", "org_uid"):
        _expect(isinstance(value[name], str) and _UUID.fullmatch(value[name]) is not None, name, "a UUID")
    _expect(isinstance(value["edge_id"], str) and is_edge_id(value["edge_id"]), "edge_id", "an edge's id")
    for name in ("version", "epoch"):
        _expect(_is_count(value[name]), name, "a number from 1")
    _expect(value["kind"] in KINDS, "kind", f"one of {', '.join(KINDS)}")
    _expect(value["content_of"] is None or _is_count(value["content_of"]), "content_of", "a version or null")
    _expect(isinstance(value["schema"], str) and len(value["schema"]) <= 64, "schema", "a short text")
    _check_sections(value["sections"])
    for name in ("timestamp", "issued_at", "expires_at"):
        _check_instant(value[name], name)


def _expect(holds: bool, name: str, what: str) -> None:
    if not holds:
        raise ManifestError(f"{name} is not {what}", path=f"/{name}")


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_INTEGER


def _check_sections(sections: Any) -> None:
    _expect(isinstance(sections, dict) and len(sections) <= _MAX_SECTIONS, "sections", "a map of sections")
    for name, digest in sections.items():
        named = _SECTION.fullmatch(name) is not None and isinstance(digest, str)
        _expect(named and _DIGEST.fullmatch(digest) is not None, "sections", "a map of section to digest")


def _check_instant(text: Any, name: str) -> None:
    try:
        parse_instant(text)
    except ValueError as error:
        raise ManifestError(f"{name} is {error}", path=f"/{name}") from error


@dataclass(frozen=True, slots=True, order=False)
class Seen:
    """The highest version that was ever verified; `digest` None where only its number is known."""

    epoch: int = 0
    version: int = 0
    digest: str | None = None


def read_manifest(envelope: Envelope, *, root: TrustRoot) -> Manifest:
    """The manifest of an envelope, signed by the root's config keys; whose and how old it is stays open.

    What a boot without cloud asks about the version it holds. Errors: EnvelopeError, SignatureError,
    ManifestError.
    """
    payload = verify(
        envelope,
        payload_type=MANIFEST_TYPE,
        keys=root.public_keys(),
        keyids=root.config.keyids,
        threshold=root.config.threshold,
    )
    return Manifest.from_payload(payload)


def verify_manifest(
    envelope: Envelope,
    *,
    root: TrustRoot,
    edge_uid: str,
    org_uid: str,
    edge_id: str,
    highest_seen: Seen,
    now: datetime,
) -> Manifest:
    """Every check of an agent up to and including the dates, in the protocol's order.

    When it returns, `highest_seen` may move to this manifest; quarantine, schema and content come after.
    Units: `now` = max(clock, time floor), aware. Errors: EnvelopeError, SignatureError, ManifestError,
    WrongRecipientError, EpochError, EquivocationError, ReplayError, TrustStaleError.
    Source: wire protocol, "What an agent checks, in this order".
    """
    manifest = read_manifest(envelope, root=root)
    check_recipient(manifest, edge_uid=edge_uid, org_uid=org_uid, edge_id=edge_id)
    if manifest.epoch != root.epoch:
        raise EpochError(f"the manifest is of epoch {manifest.epoch}, the trusted root of {root.epoch}")
    _check_order(manifest, highest_seen)
    stale = freshness(manifest, root=root, now=now)
    if stale is not None:
        raise TrustStaleError(stale)
    return manifest


def check_recipient(manifest: Manifest, *, edge_uid: str, org_uid: str, edge_id: str) -> None:
    """Errors: WrongRecipientError for a genuine manifest of another edge or organization."""
    if (manifest.edge_uid, manifest.org_uid, manifest.edge_id) != (edge_uid, org_uid, edge_id):
        raise WrongRecipientError(f"the manifest is addressed to {manifest.edge_id}, not to {edge_id}")


def _check_order(manifest: Manifest, seen: Seen) -> None:
    ours, theirs = (seen.epoch, seen.version), (manifest.epoch, manifest.version)
    if theirs < ours:
        raise ReplayError(f"version {manifest.version} is older than version {seen.version}, already seen")
    if theirs == ours and seen.digest is not None and seen.digest != manifest.digest:
        raise EquivocationError(f"version {manifest.version} was seen with other contents")


def freshness(manifest: Manifest, *, root: TrustRoot, now: datetime) -> str | None:
    """None while the manifest and its root are in date, else the sentence that says what expired."""
    if now >= manifest.expires:
        return f"the manifest of version {manifest.version} expired at {manifest.expires_at}"
    if root.is_expired(now):
        return f"trust root {root.root_version} expired at {root.expires_at}"
    return None


def check_contents(manifest: Manifest, sections: Mapping[str, JsonValue]) -> None:
    """Every section of the manifest is there with its digest, and no other.

    Errors: DeltaBaseError naming the first section that differs.
    """
    if set(sections) != set(manifest.sections):
        differing = sorted(set(sections) ^ set(manifest.sections))
        raise DeltaBaseError(f"sections that differ from the manifest: {', '.join(differing)}")
    for name, value in sections.items():
        if section_digest(value) != manifest.sections[name]:
            raise DeltaBaseError(
                f"the section {name} is not the one that the manifest names", path=f"/{name}"
            )


def to_dict(manifest: Manifest) -> dict[str, Any]:
    """Shape: the manifest as the wire writes it, for people and reports."""
    return {**asdict(manifest), "spec": 1, "type": "ems.config-manifest"}
