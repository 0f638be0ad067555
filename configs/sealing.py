"""Manifests, made and signed outside every lock."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from configs.deciding import EdgePlan
from configs.planning import Plan
from configs.signing import LIFETIME, Signer
from configs.timed.telling import Tell, silent
from edge_protocol.instants import format_instant
from edge_protocol.manifest import Manifest

TOLD_EVERY = 250
PUBLISH = "publish"


@dataclass(frozen=True, slots=True)
class Sealed:
    """One version, ready to be stored."""

    edge: EdgePlan
    number: int
    kind: str
    content_of: int | None
    header: str


def seal(plan: Plan, *, signer: Signer, now: datetime, tell: Tell = silent) -> list[Sealed]:
    """A signed manifest for every affected edge. Errors: ClockRefused."""
    signer.check_clock(plan.ground.database_now)
    sealed: list[Sealed] = []
    tell("signing", 0, len(plan.affected))
    for one in _sealed(plan, signer, now):
        sealed.append(one)
        if len(sealed) % TOLD_EVERY == 0:
            tell("signing", len(sealed), len(plan.affected))
    return sealed


def _sealed(plan: Plan, signer: Signer, now: datetime) -> Iterable[Sealed]:
    organization, epoch = str(plan.ground.organization.pk), plan.ground.epoch
    issued_at, expires_at = format_instant(now), format_instant(now + LIFETIME)
    for edge in plan.affected:
        kind, content_of = plan.kinds.get(edge.facts.uid, (PUBLISH, None))
        number = edge.facts.version + 1
        manifest = Manifest(
            edge_id=edge.facts.edge_id,
            edge_uid=str(edge.facts.uid),
            org_uid=organization,
            version=number,
            epoch=epoch,
            kind=kind,
            content_of=content_of,
            schema=edge.pins.schema,
            sections=edge.sections,
            timestamp=issued_at,
            issued_at=issued_at,
            expires_at=expires_at,
        )
        yield Sealed(edge, number, kind, content_of, signer.sign_manifest(manifest).to_header())


def reissued(manifest: Manifest, *, signer: Signer, now: datetime) -> str:
    """The same statement with fresh dates; a retry stays one, so that its lift is not lost."""
    fresh = Manifest(
        edge_id=manifest.edge_id,
        edge_uid=manifest.edge_uid,
        org_uid=manifest.org_uid,
        version=manifest.version,
        epoch=manifest.epoch,
        kind="retry" if manifest.kind == "retry" else "reissue",
        content_of=manifest.content_of,
        schema=manifest.schema,
        sections=manifest.sections,
        timestamp=manifest.timestamp,
        issued_at=format_instant(now),
        expires_at=format_instant(now + LIFETIME),
    )
    return signer.sign_manifest(fresh).to_header()
