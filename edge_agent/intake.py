"""From bytes to a verified version: every check of protocol.md, in its order, each step written down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.cloud import Document
from edge_agent.core import Core
from edge_agent.limits import LimitsError, breach, read_limits
from edge_agent.rows import StoredVersion
from edge_agent.settings import AgentSettings
from edge_agent.states import Action, Fetched, Lost, Offered, Reason, Rejected, Version
from edge_protocol import schema, semantics
from edge_protocol.canonical import canonical, section_digest, version_digest
from edge_protocol.defaults import probation_s
from edge_protocol.delta import take_in
from edge_protocol.envelope import Envelope
from edge_protocol.errors import (
    DeltaBaseError,
    EquivocationError,
    MessageError,
    ProtocolError,
    TrustError,
    TrustStaleError,
)
from edge_protocol.layout import ENVELOPE_MEMBERS, SCHEMA_ID
from edge_protocol.manifest import Manifest, Seen, check_contents, read_manifest, verify_manifest
from edge_protocol.messages import ConfigDelta, ConfigDocument

Advance = Callable[..., tuple[Action, ...]]


class ContentError(Exception):
    """What arrived is not what its manifest promises. `was_delta`: one full fetch may still help."""

    def __init__(self, detail: str, *, was_delta: bool) -> None:
        super().__init__(detail)
        self.detail = detail
        self.was_delta = was_delta


@dataclass(frozen=True, slots=True)
class Judged:
    """A document that passed every check of ours; the driver's validator is asked next."""

    version: Version
    document: dict[str, Any]


class Intake:
    """Used by the reducer's thread. Errors leave as TrustError, TrustStaleError and ContentError."""

    def __init__(self, core: Core, settings: AgentSettings, advance: Advance) -> None:
        self._core = core
        self._settings = settings
        self._advance = advance
        self.limits_digest: str | None = None
        # Its digests were compared when it came, in this process: once is enough.
        self._proven: tuple[int, int] | None = None

    def vouch(self, header: str) -> tuple[Manifest, bool]:
        """Verify a manifest up to and including its dates. Returns it, and whether it is news.

        Errors: TrustError, TrustStaleError. An equivocation also raises an alarm in the outbox.
        """
        core, floor = self._core, self._core.floor
        try:
            manifest = verify_manifest(
                Envelope.from_header(header),
                root=core.root(),
                edge_uid=self._settings.edge_uid,
                org_uid=self._settings.org_uid,
                edge_id=self._settings.edge_id,
                highest_seen=Seen(floor.epoch, floor.version, floor.digest),
                now=core.now(),
            )
        except TrustStaleError as error:
            core.troubles.trust = f"trust_stale: {error.detail}"
            core.emit_once("security", error.code, error.detail)
            raise
        except TrustError as error:
            kind = "alarm" if isinstance(error, EquivocationError) else "security"
            core.emit_once(kind, error.code, error.detail)
            raise
        core.troubles.trust = ""
        news = (manifest.epoch, manifest.version) > (floor.epoch, floor.version) or floor.undecided
        if not news:
            core.freshen(manifest, header)
        return manifest, news

    def take(self, fetched: Document) -> None:
        """A document or delta that arrived. Errors: TrustError, TrustStaleError, ContentError.

        `highest_seen` moves in the transaction that decides about the version, whichever way; where the
        content is not what was promised, nothing is decided and it moves alone.
        """
        manifest, news = self.vouch(fetched.manifest)
        if not news:
            return
        version = _version_of(manifest)
        if self._advance(Offered(version), seen=manifest):
            return
        if manifest.schema != SCHEMA_ID:
            detail = f"this agent does not know the schema {manifest.schema[:60]}: update the agent"
            self._advance(Rejected(version, Reason("schema_unknown", detail)), seen=manifest, decided=True)
            return
        try:
            sections = self._sections(fetched, manifest)
        except ContentError:
            self._core.move_floor(manifest)
            raise
        self._keep(fetched, manifest, sections)

    def _sections(self, fetched: Document, manifest: Manifest) -> dict[str, Any]:
        was_delta = fetched.since is not None
        try:
            if not was_delta:
                whole = ConfigDocument.from_dict(fetched.body)
                _same_head(whole, manifest)
                check_contents(manifest, whole.sections)
                return dict(whole.sections)
            delta = ConfigDelta.from_dict(fetched.body)
            _same_head(delta, manifest)
            if delta.from_version != fetched.since:
                raise DeltaBaseError(f"the delta starts at version {delta.from_version}, not {fetched.since}")
            return take_in(self._base(delta.from_version), delta.changed, delta.removed, manifest)
        except (DeltaBaseError, MessageError) as error:
            raise ContentError(error.detail, was_delta=was_delta) from error

    def _base(self, number: int) -> Mapping[str, Any]:
        for stored in reversed(self._core.store.versions()):
            if stored.version.number == number:
                try:
                    return self._core.document(stored.version)
                except (KeyError, ProtocolError) as error:
                    raise DeltaBaseError(f"version {number} is not held whole") from error
        raise DeltaBaseError(f"version {number} is not held any more")

    def _keep(self, fetched: Document, manifest: Manifest, sections: dict[str, Any]) -> None:
        core = self._core
        version = _version_of(manifest, sections)
        stored = StoredVersion(
            version,
            manifest.schema,
            manifest.timestamp,
            fetched.manifest,
            max(core.roots),
            core.clock.moment().wall,
        )
        bodies = {version.sections[name]: canonical(value) for name, value in sections.items()}
        core.remember(version, sections)
        put = lambda: core.store.put_version(stored, bodies)  # noqa: E731 - one write, beside the state's
        self._proven = version.ref
        self._advance(Fetched(version), also=put, seen=manifest, decided=True)

    def reject(self, version: Version, reason: Reason) -> None:
        self._advance(Rejected(version, reason), decided=True)

    # --- judging what is held

    def judge(self, version: Version) -> Judged | None:
        """Digests, JSON Schema, semantics, local limits; None when it was rejected or its content is lost."""
        try:
            document = self._core.document(version)
        except (KeyError, ProtocolError):
            document = {}
        proven = document and version.ref == self._proven
        if not proven and not _intact(version, document):
            self._core.emit("alarm", "content_lost", f"version {version.number} is damaged on disk")
            self._advance(Lost(version))
            return None
        reason = self._reason_against(document)
        if reason is not None:
            self.reject(version, reason)
            return None
        return Judged(version, document)

    def _reason_against(self, document: dict[str, Any]) -> Reason | None:
        violations = schema.check(document)
        if violations:
            first = violations[0]
            return Reason("schema", f"{first.path}: {first.rule}: {first.detail}")
        errors = [
            f
            for f in semantics.check(document, profiles=document.get("profiles", {}))
            if f.severity == "error"
        ]
        if errors:
            return Reason("semantics", f"{errors[0].path}: {errors[0].rule}: {errors[0].detail}")
        return self._beyond_limits(document)

    def settle_held(self) -> None:
        """Nothing newer, and what was seen last is held: after a rebuilt database that decides it."""
        floor = self._core.floor
        held = {stored.version.ref for stored in self._core.store.versions()} if floor.undecided else set()
        if (floor.epoch, floor.version) in held:
            self._core.settle_floor()

    def note_limits(self) -> None:
        """Read the local limits once at start: their digest and their trouble are reported."""
        self._beyond_limits({})

    def _beyond_limits(self, document: Mapping[str, Any]) -> Reason | None:
        try:
            limits = read_limits(self._settings.limits_file)
        except LimitsError as error:
            self._core.troubles.limits = str(error)
            return Reason("local_limits_unreadable", str(error))
        self._core.troubles.limits = limits.warning
        self.limits_digest = limits.digest
        return breach(limits, document)

    def is_sound(self, version: Version) -> bool:
        """For a boot without cloud: digests, and the signature under the root it came with; never dates."""
        core = self._core
        try:
            stored = core.stored(version)
            manifest = read_manifest(
                Envelope.from_header(stored.envelope), root=core.root(stored.root_version)
            )
            document = core.document(version)
        except (KeyError, ProtocolError):
            return False
        whose = (manifest.edge_uid, manifest.org_uid, manifest.epoch, manifest.version)
        settings = self._settings
        expected = (settings.edge_uid, settings.org_uid, version.epoch, version.number)
        return whose == expected and manifest.digest == version.digest and _intact(version, document)

    def is_fresh(self, version: Version) -> bool:
        """Whether the newest manifest of a waiting version is still in date: expired, nothing new comes."""
        try:
            stored = self._core.stored(version)
            # Its signature was checked when it came, or at boot: only the dates are looked at again.
            manifest = Manifest.from_payload(Envelope.from_header(stored.envelope).payload)
        except (KeyError, ProtocolError):
            return False
        return self._core.now() < manifest.expires


def _intact(version: Version, document: Mapping[str, Any]) -> bool:
    return version_digest(version.sections) == version.digest and {
        name: section_digest(value) for name, value in document.items()
    } == dict(version.sections)


def _version_of(manifest: Manifest, document: Mapping[str, Any] | None = None) -> Version:
    return Version(
        manifest.epoch,
        manifest.version,
        "rollback" if manifest.kind == "reissue" and manifest.content_of is not None else manifest.kind,
        manifest.content_of,
        manifest.digest,
        dict(manifest.sections),
        _probation_s(document or {}),
    )


def _probation_s(document: Mapping[str, Any]) -> int:
    """Asked before the schema has been checked, so nothing about the shape is taken for granted."""
    try:
        asked = document.get("sync", {}).get("probation_s")
        return int(asked or probation_s(document.get("core_cycle", {}).get("period_ms", 1000)))
    except (AttributeError, TypeError, ValueError):
        return 60


def _same_head(body: ConfigDocument | ConfigDelta, manifest: Manifest) -> None:
    """The members beside the sections are not signed themselves: the manifest says what they must be."""
    said = (body.version, body.timestamp, body.edge_id)
    signed = (manifest.version, manifest.timestamp, manifest.edge_id)
    for name, mine, theirs in zip(ENVELOPE_MEMBERS, said, signed, strict=True):
        if mine != theirs:
            raise DeltaBaseError(f"{name} is {mine!r}, the manifest says {theirs!r}")
