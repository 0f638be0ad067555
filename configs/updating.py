"""Another state of the device profile registry reaches an organization's edges: a change set of its own."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Max

from configs import publishing, registry
from configs.changes import Actor, Change
from configs.models import EdgePins, Kind, RegistryRevision
from configs.moving import Motion
from configs.outcomes import Outcome, Preview
from configs.refusals import ChangeError, ChangeRefused, Unknown
from configs.registry import Differences
from configs.signing import Signer
from edges import tenancy
from edges.models import Edge, Stage


@dataclass(frozen=True, slots=True)
class Standing:
    """One revision and the edges pinned to it, without the retired.

    `differs`: what taking the newest would bring them; None for the newest, and where no edge is.
    """

    revision: int
    note: str
    created_at: datetime
    edges: int
    differs: Differences | None

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def standing(*, organization_id: UUID) -> list[Standing]:
    """Every revision, newest first, with the organization's edges on it. Three queries."""
    with tenancy.scope([organization_id]):
        pins = EdgePins.objects.filter(organization_id=organization_id).exclude(edge__stage=Stage.RETIRED)
        counted = dict(pins.order_by().values_list("registry_id").annotate(Count("pk")))
        rows = list(RegistryRevision.objects.order_by("-number").values_list("number", "note", "created_at"))
    newest = rows[0][0] if rows else 0
    profiles = registry.load({newest, *counted}) if set(counted) - {newest} else {}
    return [
        Standing(number, note, created_at, counted.get(number, 0), _differs(profiles, number, newest))
        for number, note, created_at in rows
    ]


def _differs(profiles: Mapping[int, registry.Profiles], number: int, newest: int) -> Differences | None:
    if number == newest or number not in profiles:
        return None
    return registry.between(profiles[number], profiles[newest])


def behind(organization_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many edges of each organization have another revision than the newest. Two queries."""
    newest = RegistryRevision.objects.aggregate(newest=Max("number"))["newest"]
    rows = EdgePins.objects.filter(organization_id__in=organization_ids).exclude(registry_id=newest)
    rows = rows.exclude(edge__stage=Stage.RETIRED).order_by()
    with tenancy.scope(organization_ids):
        return dict(rows.values_list("organization_id").annotate(Count("pk")))


def preview_profiles(
    *, organization_id: UUID, now: datetime, revision: int | None = None, edges: Sequence[str] | None = None
) -> Preview:
    """What another revision would change. Edges that it makes invalid are listed and go on.

    Shape and errors: as `publish_profiles`.
    """
    change, motion = intent(organization_id, "profiles", revision=revision, edges=edges, now=now)
    return publishing.preview(organization_id=organization_id, change=change, now=now, motion=motion)


def publish_profiles(
    *,
    organization_id: UUID,
    reason: str,
    actor: Actor,
    now: datetime,
    signer: Signer,
    revision: int | None = None,
    edges: Sequence[str] | None = None,
    preview_digest: str | None = None,
) -> Outcome:
    """Pin edges that are not held to a registry revision; a version where their document changes.

    `revision` None: the newest; an older one is the way back. `edges`: edge_ids, to try it on these first;
    None: all. Errors: Unknown (no such revision), ChangeRefused (no such edge), PreviewChanged, ClockRefused.
    """
    change, motion = intent(organization_id, reason, revision=revision, edges=edges, now=now)
    return publishing.publish(
        organization_id=organization_id,
        change=change,
        actor=actor,
        now=now,
        signer=signer,
        preview_digest=preview_digest,
        motion=motion,
    )


def intent(
    organization_id: UUID, reason: str, *, revision: int | None, edges: Sequence[str] | None, now: datetime
) -> tuple[Change, Motion]:
    """The change set that moves pins to a revision, and how they move. Errors: Unknown, ChangeRefused."""
    number = registry.current(now=now) if revision is None else revision
    if revision is not None and not RegistryRevision.objects.filter(pk=revision).exists():
        raise Unknown(f"There is no revision {revision} of the profile registry.")
    chosen = None if edges is None else _chosen(organization_id, edges)
    change = Change(reason=reason, operations=(), kind=Kind.REGISTRY)
    return change, Motion(registry=number, registry_of=chosen)


def _chosen(organization_id: UUID, names: Sequence[str]) -> frozenset[UUID]:
    with tenancy.scope([organization_id]):
        rows = Edge.objects.filter(organization_id=organization_id, edge_id__in=names)
        found = dict(rows.values_list("edge_id", "pk"))
    errors = [
        ChangeError(None, "", "edges", None, f"there is no edge {name!r} here")
        for name in names
        if name not in found
    ]
    if errors:
        raise ChangeRefused(errors)
    return frozenset(found.values())
