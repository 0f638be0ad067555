"""A person's open draft: steps gather in it one by one, and the fleet is asked only when it is previewed.

So a draft may be half of something: of two values that only fit together, the first one can be written down.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from uuid import UUID, uuid4

from django.db.models import Count, OuterRef, QuerySet, Subquery

from configs import changesets, editing, planning, storing, targets
from configs.changes import EDGE_OPS, Actor, Change, Operation, check_change
from configs.models import ChangeSet, Kind, State
from configs.models import Operation as Row
from configs.refusals import NotInState
from configs.stored import operations_of, step
from configs.timed import gate
from edge_protocol.canonical import canonical, digest
from edge_protocol.pointers import MISSING
from edges import tenancy
from edges.models import Organization

LENGTH_OF_KEY = 16
LONGEST_REASON = 500
_LOCKS = ("lock", "unlock")


@dataclass(frozen=True, slots=True)
class Gathered:
    """The draft after a step was put in or taken out. `replaced`: older steps that gave way."""

    change_set_id: UUID
    number: int
    steps: int
    replaced: int = 0


@dataclass(frozen=True, slots=True)
class Bundle:
    """The same step on one or many layers of one kind; `key` names it while it is in the draft."""

    key: str
    operation: Operation
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """An open draft as a line of a page."""

    change_set_id: UUID
    number: int
    organization: str
    steps: int


def open_drafts(user_id: int | None, organizations: Collection[UUID]) -> QuerySet[ChangeSet]:
    """What this person has begun in these organizations and not published, newest first. Needs a scope.

    Of every kind: steps gathered one by one, an import, the undoing of a change.
    """
    rows = ChangeSet.objects.filter(
        state=State.DRAFT, author_user_id=user_id, organization_id__in=organizations
    )
    return rows.order_by("-number") if user_id is not None else rows.none()


def begun(user_id: int | None, organizations: Collection[UUID], *, most: int) -> list[Begun]:
    """The newest open drafts of a person. One query. Needs a scope."""
    steps = Row.objects.filter(change_set=OuterRef("pk")).order_by().values("change_set")
    counted = Subquery(steps.annotate(found=Count("pk")).values("found"))
    rows = open_drafts(user_id, organizations).annotate(found=counted)
    return [
        Begun(pk, number, name, found or 0)
        for pk, number, name, found in rows.values_list("pk", "number", "organization__name", "found")[:most]
    ]


def gather(
    *,
    organization_id: UUID,
    change: Change,
    actor: Actor,
    now: datetime,
    seen: Mapping[str, int] = MappingProxyType({}),
) -> Gathered:
    """Put steps into the person's open draft, or into a new one; the same path of the same layer gives way.

    An approval of the draft is void. What the draft was based on stays, layer by layer, so that what others
    did since is still told. `seen`: the revisions ("scope/target": number) that the person looked at, where
    they are older than the newest.
    Errors: ChangeRefused for steps that no layer can take, and for a selector that means nothing.
    """
    check_change(change)
    with tenancy.scope([organization_id]):
        storing.lock(organization_id)
        organization = Organization.objects.get(pk=organization_id)
        meant = targets.find(organization, change, now=now).operations
        row = open_drafts(actor.user_id, [organization_id]).filter(kind=Kind.EDIT).first()
        older = [] if row is None else [step(one) for one in operations_of(row)]
        kept = without(older, meant)
        base = _base(organization, [*kept, *meant], now)
        if row is None:
            row = _begin(organization_id, change.reason, actor, now)
        base |= row.base
        gate.void_by_edit(row, by=actor.name, now=now)
        _store(row, [*kept, *meant], base | {name: min(base[name], number) for name, number in seen.items()})
        ChangeSet.objects.filter(pk=row.pk).update(reason=with_reason(row.reason, change.reason))
    return Gathered(row.pk, row.number, len(kept) + len(meant), len(older) - len(kept))


def take_out(*, change_set_id: UUID, key: str, actor: Actor, now: datetime) -> Gathered:
    """Take one bundle of steps out of a draft; a draft without steps is over. An approval of it is void.

    Needs a scope. Errors: NotInState when the draft is no draft any more, or when the step is gone already.
    """
    organization_id = changesets.draft(change_set_id).organization_id
    storing.lock(organization_id)
    row = changesets.draft(change_set_id)
    steps = [step(one) for one in operations_of(row)]
    kept = [one for one in steps if key_of(one) != key]
    if len(kept) == len(steps):
        raise NotInState("This step is in the draft no longer: it was taken out or replaced meanwhile.")
    if not kept:
        changesets.cancel(
            organization_id=organization_id,
            change_set_id=row.pk,
            reason="its last step was taken out",
            actor=actor,
            now=now,
        )
    else:
        gate.void_by_edit(row, by=actor.name, now=now)
        names = {str(one.address) for one in kept}
        _store(row, kept, {name: number for name, number in row.base.items() if name in names})
    return Gathered(row.pk, row.number, len(kept))


def take_newest_base(*, change_set_id: UUID, actor: Actor, now: datetime) -> Gathered:
    """The same steps, after what others published since; the author has looked at it. Needs a scope.

    An approval of the draft is void: it was of the steps on what stood there before.
    Errors: ChangeRefused for steps that the newest layers cannot take, NotInState.
    """
    organization = changesets.draft(change_set_id).organization
    storing.lock(organization.pk)
    row = changesets.draft(change_set_id)
    steps = [step(one) for one in operations_of(row)]
    gate.void_by_edit(row, by=actor.name, now=now)
    _store(row, steps, _base(organization, steps, now))
    return Gathered(row.pk, row.number, len(steps))


def without(older: Iterable[Operation], newer: Sequence[Operation]) -> list[Operation]:
    """What is left of older steps beside newer ones: a value gives way to a value, a lock to a lock. Pure."""
    taken = {_place(one) for one in newer}
    return [one for one in older if _place(one) not in taken]


def with_reason(older: str, newer: str) -> str:
    """A draft's reason after one more was typed: both, while there is room. Pure."""
    if not newer or newer in older:
        return older
    both = f"{older}; {newer}" if older else newer
    return both if len(both) <= LONGEST_REASON else older


def bundles(steps: Iterable[Operation]) -> list[Bundle]:
    """Equal steps on many layers are one line, in the order of their first. Pure."""
    found: dict[str, tuple[Operation, list[str]]] = {}
    for one in steps:
        found.setdefault(key_of(one), (one, []))[1].append(one.target)
    return [Bundle(key, one, tuple(names)) for key, (one, names) in found.items()]


def key_of(one: Operation) -> str:
    value = None if one.value is MISSING else one.value
    return digest(canonical([one.scope, one.op, one.path, value]))[:LENGTH_OF_KEY]


def _place(one: Operation) -> tuple[str, str, str, str]:
    kind = "lock" if one.op in _LOCKS else "edge" if one.op in EDGE_OPS else "value"
    return one.scope, one.target, one.path, kind


def _base(organization: Organization, steps: Sequence[Operation], now: datetime) -> dict[str, int]:
    """The revisions that the steps stand on now. Errors: ChangeRefused for those that cannot be done."""
    meant = targets.find(organization, Change(reason="", operations=steps), now=now)
    states = planning.states_of(organization, meant)
    editing.apply({address: one.body for address, one in states.items()}, meant.operations)
    return {str(address): one.number for address, one in states.items()}


def _begin(organization_id: UUID, reason: str, actor: Actor, now: datetime) -> ChangeSet:
    row: ChangeSet = ChangeSet.objects.create(
        id=uuid4(),
        organization_id=organization_id,
        number=storing.advance(organization_id, moved=False),
        kind=Kind.EDIT,
        state=State.DRAFT,
        author=actor.name,
        author_user_id=actor.user_id,
        reason=reason,
        created_at=now,
    )
    return row


def _store(row: ChangeSet, steps: Sequence[Operation], base: dict[str, int]) -> None:
    storing.advance(row.organization_id, numbered=False)  # whoever publishes it meanwhile looks again
    ChangeSet.objects.filter(pk=row.pk).update(base=base, preview_digest="")
    Row.objects.filter(change_set=row).delete()
    Row.objects.bulk_create(
        Row(
            organization_id=row.organization_id,
            change_set=row,
            position=position,
            scope=one.scope,
            target=one.target,
            op=one.op,
            path=one.path,
            value=editing.text(one.value),
        )
        for position, one in enumerate(steps)
    )
