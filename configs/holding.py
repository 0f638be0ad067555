"""Freezing one edge, and letting it go on from what accumulated meanwhile."""

from datetime import datetime
from uuid import UUID

from configs import freezing, publishing, storing, watching
from configs.changes import Actor, Change
from configs.models import Hold, HoldSource, Kind
from configs.moving import Motion
from configs.outcomes import Outcome, Preview
from configs.refusals import NotInState
from configs.signing import Signer
from edges import auditing, tenancy
from edges.models import Edge


def hold(*, edge: Edge, reason: str, actor: Actor, now: datetime, until: datetime | None = None) -> Hold:
    """Changes of the organization's and the site's layers pass the edge by; its own layer stays editable.

    `until`: when to look at it again; nothing is released by itself. Errors: NotInState when it is held.
    """
    with tenancy.scope([edge.organization_id]):
        storing.lock(edge.organization_id)
        held = find(edge.pk)
        if held is not None:
            raise NotInState(f"{edge.edge_id} is held already, by {held.by}: {held.reason}")
        storing.advance(edge.organization_id, numbered=False)
        freezing.hold(
            [edge.pk],
            organization_id=edge.organization_id,
            source=HoldSource.OPERATOR,
            reason=reason,
            actor=actor,
            now=now,
            review_at=until,
        )
        made: Hold = Hold.objects.get(edge=edge, released_at=None)
    return made


def review(*, edge: Edge, until: datetime, reason: str, actor: Actor, now: datetime) -> Hold:
    """Purpose: another day on which an open hold is to be looked at; it stays, and stays its owner's.

    Errors: NotInState when the edge is not held, or `until` is not ahead.
    """
    if until <= now:
        raise NotInState("Set a review date that is ahead. Nothing was changed.")
    with tenancy.scope([edge.organization_id]):
        storing.lock(edge.organization_id)
        held = find(edge.pk)
        if held is None:
            raise NotInState(f"{edge.edge_id} is not held any more. Nothing was changed.")
        was = "none" if held.review_at is None else f"{held.review_at:%Y-%m-%d}"
        held.review_at = until
        held.save(update_fields=["review_at"])
        auditing.note(
            organization_id=edge.organization_id,
            what="hold_review_set",
            by=actor.name,
            about=edge.edge_id,
            detail=f"from {was} to {until:%Y-%m-%d}: {reason}",
            now=now,
        )
        watching.look(organization_id=edge.organization_id, now=now)
    return held


def find(edge_uid: UUID) -> Hold | None:
    """The open hold of an edge. Needs a scope."""
    found: Hold | None = Hold.objects.filter(edge_id=edge_uid, released_at=None).first()
    return found


def preview_release(*, edge: Edge, now: datetime) -> Preview:
    """The difference that accumulated while the edge was held. Errors: ChangeRefused, NotInState."""
    change, motion = _release(edge, "release")
    return publishing.preview(organization_id=edge.organization_id, change=change, now=now, motion=motion)


def release(
    *,
    edge: Edge,
    reason: str,
    actor: Actor,
    now: datetime,
    signer: Signer,
    preview_digest: str | None = None,
) -> Outcome:
    """The edge takes the present baselines and, if they differ from what it has, a version.

    Errors: ChangeRefused, NotInState when it is not held, PreviewChanged.
    """
    change, motion = _release(edge, reason)
    return publishing.publish(
        organization_id=edge.organization_id,
        change=change,
        actor=actor,
        now=now,
        signer=signer,
        preview_digest=preview_digest,
        motion=motion,
    )


def _release(edge: Edge, reason: str) -> tuple[Change, Motion]:
    with tenancy.scope([edge.organization_id]):
        if find(edge.pk) is None:
            raise NotInState(f"{edge.edge_id} is not held.")
    change = Change(reason=reason, operations=(), kind=Kind.RELEASE)
    return change, Motion(released=frozenset({edge.pk}))
