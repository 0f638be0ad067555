"""What people do to a rollout while it goes on."""

from datetime import datetime
from uuid import UUID

from configs.changes import Actor
from configs.refusals import NotInState, Unknown
from configs.rollouts import running
from configs.rollouts.events import (
    Advance,
    Cancel,
    Command,
    NotPossibleError,
    Pause,
    Resume,
    Resumption,
    RollBack,
    Scope,
)
from configs.rollouts.models import Rollout
from configs.signing import Signer


def pause(
    *, organization_id: UUID, rollout_id: UUID, reason: str, actor: Actor, now: datetime, signer: Signer
) -> Rollout:
    """Nothing new is offered until it is resumed; who has the change goes on. Errors: NotInState."""
    return _command(organization_id, rollout_id, Pause(actor.name, reason), now, signer)


def resume(
    *,
    organization_id: UUID,
    rollout_id: UUID,
    how: Resumption,
    reason: str,
    actor: Actor,
    now: datetime,
    signer: Signer,
) -> Rollout:
    """`how` says what becomes of those that failed; out of a plain pause it may be `continue`.

    Errors: NotInState.
    """
    return _command(organization_id, rollout_id, Resume(actor.name, reason, how), now, signer)


def roll_back(
    *,
    organization_id: UUID,
    rollout_id: UUID,
    scope: Scope,
    reason: str,
    actor: Actor,
    now: datetime,
    signer: Signer,
) -> Rollout:
    """The open wave, or all of them, newest first. Errors: NotInState."""
    return _command(organization_id, rollout_id, RollBack(actor.name, reason, scope), now, signer)


def cancel(
    *, organization_id: UUID, rollout_id: UUID, reason: str, actor: Actor, now: datetime, signer: Signer
) -> Rollout:
    """The end, while no edge has the change. Errors: NotInState."""
    return _command(organization_id, rollout_id, Cancel(actor.name, reason), now, signer)


def advance(
    *, organization_id: UUID, rollout_id: UUID, reason: str, actor: Actor, now: datetime, signer: Signer
) -> Rollout:
    """The next wave, by a person's word. Errors: NotInState."""
    return _command(organization_id, rollout_id, Advance(actor.name, reason), now, signer)


def _command(
    organization_id: UUID, rollout_id: UUID, command: Command, now: datetime, signer: Signer
) -> Rollout:
    try:
        row = running.run(
            organization_id=organization_id, rollout_id=rollout_id, now=now, signer=signer, command=command
        )
    except NotPossibleError as error:
        raise NotInState(str(error)) from error
    if row is None:
        raise Unknown("There is no such rollout.")
    return row
