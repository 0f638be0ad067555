"""Writing a plan under the organization's lock: the change set, its layers and steps, moves and holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from configs import editing, freezing, hinting, storing_versions, watching
from configs.changes import Actor, Address
from configs.models import ChangeSet, Layer, Operation, Quarantine, Revision, State
from configs.planning import Plan
from configs.resolving import members
from configs.rollouts import rebasing, waking
from configs.sealing import Sealed
from edge_protocol.canonical import canonical
from edges import notices, organizing
from edges.models import Edge, Organization


def lock(organization_id: UUID) -> None:
    """Wait for every other publisher of the organization. `no_key`: child rows may still be inserted."""
    Organization.objects.select_for_update(no_key=True).get(pk=organization_id)


_ADVANCE = """
INSERT INTO configs_ledger (organization_id, sequence, change_sets)
VALUES (%(organization)s, %(moved)s, %(sets)s)
ON CONFLICT (organization_id) DO UPDATE
   SET sequence = configs_ledger.sequence + %(moved)s, change_sets = configs_ledger.change_sets + %(sets)s
RETURNING change_sets
"""


def advance(organization_id: UUID, *, moved: bool = True, numbered: bool = True) -> int:
    """Count a movement of the fleet and, if numbered, a change set; gives its number. Needs the lock."""
    parameters: dict[str, Any] = {"organization": organization_id, "moved": int(moved), "sets": int(numbered)}
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, parameters)
        number: int = cursor.fetchone()[0]
    return number


def promote(revisions: Sequence[UUID], organization_id: UUID) -> None:
    """These revisions become the baselines of their layers. Needs the lock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE configs_layer l SET baseline_id = r.id FROM configs_revision r"
            " WHERE r.id = ANY(%s) AND l.id = r.layer_id AND l.organization_id = %s",
            [list(revisions), organization_id],
        )


def lift(sealed: Iterable[Sealed], *, now: datetime) -> None:
    """A retry lifts what it repeats, once; a report of the old quarantine may still be on its way."""
    for one in sealed:
        if one.kind == "retry":
            open_ones = Quarantine.objects.filter(edge_id=one.edge.facts.uid, lifted_at=None)
            open_ones.filter(version=one.content_of).update(lifted_at=now)


@dataclass(frozen=True, slots=True)
class Writing:
    """One plan on its way into the tables."""

    plan: Plan
    sealed: Sequence[Sealed]
    actor: Actor
    now: datetime
    change_set_id: UUID

    @property
    def organization_id(self) -> UUID:
        return self.plan.ground.organization.pk

    def store(self, *, draft: ChangeSet | None) -> tuple[ChangeSet, dict[Address, int]]:
        """Every row of the plan. Needs the lock, and that nothing moved since the plan was made."""
        change_set = self._change_set(draft)
        numbers = self._layers(change_set)
        self._baselines()
        self._operations(change_set)
        storing_versions.store(self.plan, self.sealed, change_set_id=change_set.pk, now=self.now)
        self._edges()  # after the heads: renewals lock a head first too, and the notices' counter last
        lift(self.sealed, now=self.now)
        self._holds()
        self._hint(change_set)
        if draft is not None or self.plan.change.reverts is not None:
            watching.look(organization_id=self.organization_id, now=self.now)  # what was planned has happened
        if self.sealed:
            notices.notify(kind="published", organization_id=self.organization_id, subject_id=change_set.pk)
        return change_set, numbers

    def store_candidates(self, draft: ChangeSet) -> ChangeSet:
        """The revisions of a rollout: no baseline yet, and no edge's pins. Needs the lock."""
        advance(self.organization_id, numbered=False)
        draft.state, draft.preview_digest = State.IN_ROLLOUT, self.plan.preview.preview_digest
        draft.save()
        self._layers(draft)
        self._operations(draft)
        self._holds()
        self._hint(draft)
        watching.look(organization_id=self.organization_id, now=self.now)
        return draft

    def _hint(self, change_set: ChangeSet) -> None:
        hinting.moved(
            changed="change_set",
            organization_id=self.organization_id,
            subject=change_set.pk,
            change_set_id=change_set.pk,
            sites={one.edge.facts.site_id for one in self.sealed},
        )

    def _change_set(self, draft: ChangeSet | None) -> ChangeSet:
        change, number = self.plan.change, advance(self.organization_id, numbered=draft is None)
        row = draft or ChangeSet(
            id=self.change_set_id,
            organization_id=self.organization_id,
            number=number,
            kind=change.kind,
            author=self.actor.name,
            author_user_id=self.actor.user_id,
            reason=change.reason,
            selector=None if change.selector is None else dict(change.selector),
            exclude=list(change.exclude),
            reverts_id=change.reverts,
            base=self.plan.base(),
            created_at=self.now,
        )
        row.state, row.published_at, row.published_by = State.PUBLISHED, self.now, self.actor.name
        row.preview_digest = self.plan.preview.preview_digest
        row.save(force_insert=draft is None)
        if change.reverts is not None:
            undone = ChangeSet.objects.filter(pk=change.reverts)
            undone.update(state=State.REVERTED, closed_at=self.now)
        return row

    def _layers(self, change_set: ChangeSet) -> dict[Address, int]:
        """New revisions; layers that did not exist come into being."""
        changed = self.plan.application.bodies
        states = {address: self.plan.states[address] for address in changed}
        ids = {address: state.layer_id or uuid4() for address, state in states.items()}
        Layer.objects.bulk_create(
            Layer(
                id=ids[address],
                organization_id=self.organization_id,
                scope=address.scope,
                site_id=state.site_id,
                edge_id=state.edge_uid,
            )
            for address, state in self.plan.states.items()
            if address in changed and state.layer_id is None
        )
        made = {
            address: Revision(
                id=self.plan.revisions[address],
                organization_id=self.organization_id,
                layer_id=ids[address],
                number=states[address].newest + 1,
                parent_id=states[address].revision_id,
                body=canonical(body).decode(),
                members=members(body),
                change_set=change_set,
                author=self.actor.name,
                created_at=self.now,
            )
            for address, body in changed.items()
        }
        Revision.objects.bulk_create(made.values())
        rebasing.store(self.plan.rebased, made)
        return {address: states[address].newest + 1 for address in changed}

    def _baselines(self) -> None:
        promote([self.plan.revisions[one] for one in self.plan.application.bodies], self.organization_id)

    def _operations(self, change_set: ChangeSet) -> None:
        """A draft's operations are written again: now they have targets and what they replaced."""
        Operation.objects.filter(change_set=change_set).delete()
        layers = self._layer_ids()
        Operation.objects.bulk_create(
            Operation(
                organization_id=self.organization_id,
                change_set=change_set,
                position=position,
                layer_id=layers.get(one.operation.address),
                scope=one.operation.scope,
                target=one.operation.target,
                op=one.operation.op,
                path=one.operation.path,
                value=editing.text(one.operation.value),
                old=editing.text(self.plan.old_value(one)),
            )
            for position, one in enumerate(self.plan.application.applied)
        )

    def _layer_ids(self) -> dict[Address, UUID]:
        known = {address: one.layer_id for address, one in self.plan.states.items() if one.layer_id}
        made = Revision.objects.filter(pk__in=list(self.plan.revisions.values()))
        layers = dict(made.values_list("pk", "layer_id"))
        return known | {address: layers[revision] for address, revision in self.plan.revisions.items()}

    def _edges(self) -> None:
        """Moves and retirements, one edge at a time: each has its own line of history."""
        application, meant = self.plan.application, self.plan.targets
        if not application.moves and not application.retired:
            return
        uids = [meant.edges[name] for name in {*application.moves, *application.retired}]
        for edge in Edge.objects.filter(pk__in=uids).order_by("edge_id"):
            if edge.edge_id in application.moves:
                edge.site_id = meant.sites[application.moves[edge.edge_id]]
                edge.save(update_fields=["site"])
            if edge.edge_id in application.retired:
                organizing.retire_edge(
                    edge=edge, by=self.actor.name, reason=self.plan.change.reason, now=self.now
                )
            waking.reported(organization_id=self.organization_id, edge_uid=edge.pk, now=self.now)

    def _holds(self) -> None:
        """Who is released, and who is frozen with the change's reason."""
        if self.plan.motion.released:
            freezing.release(self.plan.motion.released, actor=self.actor, now=self.now)
        for source in set(self.plan.frozen.values()):
            freezing.hold(
                [uid for uid, one in self.plan.frozen.items() if one == source],
                organization_id=self.organization_id,
                source=source,
                reason=self.plan.change.reason,
                actor=self.actor,
                now=self.now,
            )
