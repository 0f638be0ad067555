"""From an intent to everything that publishing it would do: read, resolve, judge, decide edge by edge.

Nothing is written and nothing is signed here. The number of queries does not depend on the fleet's size.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from uuid import UUID, uuid4

from django.conf import settings
from django.db import connection

from configs import attributing, cautioning, editing, fleet, registry, targets
from configs.changes import Address, Change, intent_digest
from configs.deciding import Decider, EdgePlan, Targeted
from configs.editing import Application, Applied
from configs.fleet import LayerState, Pins, Reach
from configs.judging import Judge
from configs.models import HoldSource, Ledger, Scope
from configs.moving import STILL, Motion, Moves
from configs.outcomes import Affected, Caution, Preview, Unaffected
from configs.refusals import ChangeRefused
from configs.resolving import PROFILES, Resolver, Section
from configs.rollouts import rebasing
from configs.rollouts.rebasing import Rebased
from configs.shapes import DEVICES
from configs.targets import Targets
from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.pointers import MISSING
from edges.models import Organization

# Reasons told of a refused change; how many there are is told too.
MOST_TOLD = 10_000


@dataclass(frozen=True, slots=True)
class Ground:
    """What holds for a whole plan: where the fleet stood when reading began, epoch, the database's time."""

    organization: Organization
    sequence: int
    epoch: int
    database_now: datetime


@dataclass(frozen=True)
class Plan:
    """Everything that publishing would write, but for signatures. `revisions` are ids of those to be made."""

    ground: Ground
    change: Change
    targets: Targets
    application: Application
    states: Mapping[Address, LayerState]
    revisions: Mapping[Address, UUID]
    motion: Motion
    edges: tuple[EdgePlan, ...]
    blobs: Mapping[str, Section]  # sections that were computed, by digest; some may be stored already
    cautions: tuple[Caution, ...] = ()
    frozen: Mapping[UUID, str] = field(default_factory=dict)  # edges to hold, by source
    kinds: Mapping[UUID, tuple[str, int]] = field(default_factory=dict)  # edge -> (kind, content_of)
    rebased: tuple[Rebased, ...] = ()  # candidates of rollouts, made anew on the new baselines

    @cached_property
    def affected(self) -> tuple[EdgePlan, ...]:
        return tuple(edge for edge in self.edges if edge.why is None)

    def base(self) -> dict[str, int]:
        """The revision numbers that the plan builds on, by layer."""
        return {str(address): state.number for address, state in self.states.items()}

    def old_value(self, one: Applied) -> JsonValue:
        """What a step replaced; for a move, the site that the edge left."""
        if one.operation.op != "move":
            return one.old
        sites = {edge.facts.edge_id: edge.facts.site_code for edge in self.edges}
        return sites.get(one.operation.target, MISSING)

    @cached_property
    def preview(self) -> Preview:
        return Preview(
            intent=intent_digest(self.targets.operations, self.change.exclude),
            affected=[
                Affected(
                    edge.facts.edge_id,
                    edge.facts.version,
                    edge.facts.version + 1,
                    edge.changed,
                    edge.digest,
                )
                for edge in self.affected
            ],
            unaffected=[
                Unaffected(edge.facts.edge_id, edge.why) for edge in self.edges if edge.why is not None
            ],
            warnings=self.cautions,
        )


_GROUND = """
SELECT coalesce((SELECT sequence FROM configs_ledger WHERE organization_id = %(organization)s), 0),
       coalesce((SELECT convert_from(decode(envelope ->> 'payload', 'base64'), 'UTF8')::jsonb ->> 'epoch'
                   FROM edges_trustroot ORDER BY root_version DESC LIMIT 1)::int, 1),
       clock_timestamp()
"""


def ground(organization_id: UUID) -> Ground:
    """Read first of all: whatever moves after it moves the sequence too. Two queries."""
    organization = Organization.objects.get(pk=organization_id)
    with connection.cursor() as cursor:
        cursor.execute(_GROUND, {"organization": organization_id})
        sequence, epoch, database_now = cursor.fetchone()
    return Ground(organization, sequence, epoch, database_now)


def sequence(organization_id: UUID) -> int:
    """How often the organization's fleet moved."""
    row = Ledger.objects.filter(pk=organization_id).values_list("sequence", flat=True).first()
    return row or 0


def plan(
    organization_id: UUID,
    change: Change,
    *,
    now: datetime,
    motion: Motion = STILL,
    is_rebased: bool = False,
) -> Plan:
    """What `change` would do now, and to candidates too if `is_rebased`. Needs a scope.

    Errors: ChangeRefused with every reason; Conflict with a rollout that it would be rebased under.
    """
    base = ground(organization_id)
    meant = targets.find(base.organization, change, now=now)
    states = states_of(base.organization, meant)
    application = editing.apply({address: one.body for address, one in states.items()}, meant.operations)
    rebased = rebasing.rebase(states, application) if is_rebased else ()
    revisions = {address: uuid4() for address in application.bodies}
    baselines = _baselines(organization_id, application, motion)
    moves = Moves.of(
        meant,
        application,
        revisions,
        motion,
        baselines=baselines,
        rebased={one.old: one.new for one in rebased},
    )
    concerned = fleet.edges(organization_id, _reach(meant, application, motion))
    targeted = [(facts, *moves.of_edge(facts)) for facts in concerned]
    new_bodies = {revisions[address]: body for address, body in application.bodies.items()}
    new_bodies |= {one.new: one.body for one in rebased}
    resolver, judge = judges(organization_id, targeted, new_bodies)
    decider = Decider(resolver, judge, application.applied)
    edges = decider.decide(targeted, lifted=motion.lifted)
    if decider.refused and motion.registry is None:
        found = attributing.errors(
            base.organization,
            decider.refused[:MOST_TOLD],
            new_bodies=new_bodies,
            registries=judge.registries,
            moves=application.moves,
        )
        raise ChangeRefused(found, total=len(decider.refused))
    return Plan(
        ground=base,
        change=change,
        targets=meant,
        application=application,
        states=states,
        revisions=revisions,
        motion=motion,
        edges=tuple(edges),
        blobs=decider.blobs,
        frozen={one.facts.uid: HoldSource.EXCLUDE for one in edges if _left_out(one)},
        cautions=(*cautioning.no_effect(application.applied), *decider.cautions),
        rebased=rebased,
    )


def _left_out(edge: EdgePlan) -> bool:
    return edge.why == "excluded" and not edge.facts.held


def states_of(organization: Organization, meant: Targets) -> dict[Address, LayerState]:
    """The layers that operations name, as they are; those that do not exist yet are empty."""
    addresses = {one.address for one in meant.operations if one.op not in {"move", "retire"}}
    found = fleet.layers(
        organization.pk,
        organization.code,
        sites={meant.sites[one.target] for one in addresses if one.scope == Scope.SITE},
        edges={meant.edges[one.target] for one in addresses if one.scope == Scope.EDGE},
        own=any(one.scope == Scope.ORGANIZATION for one in addresses),
    )
    for address in addresses - set(found):
        found[address] = LayerState(
            address, meant.site_id(address), meant.edge_uid(address), None, None, 0, {}
        )
    return found


def _reach(meant: Targets, application: Application, motion: Motion) -> Reach:
    addresses = {one.operation.address for one in application.applied}
    everything = motion.registry is not None and motion.registry_of is None
    everything |= any(one.scope == Scope.ORGANIZATION for one in addresses)
    sites = {meant.sites[one.target] for one in addresses if one.scope == Scope.SITE}
    edges = {meant.edges[one.target] for one in addresses if one.scope == Scope.EDGE}
    edges |= {meant.edges[edge_id] for edge_id in meant.excluded}
    repinned = motion.registry_of or frozenset()  # not among `motion.edges`: the held of them stay held
    return Reach(everything, frozenset(sites), frozenset(edges) | motion.edges | repinned)


def _baselines(
    organization_id: UUID, application: Application, motion: Motion
) -> tuple[UUID | None, Mapping[UUID, UUID]]:
    """Asked for only where pins move to a baseline by themselves: moves and releases."""
    if not motion.released and not application.moves:
        return None, {}
    return fleet.baselines(organization_id)


def judges(
    organization_id: UUID, targeted: Sequence[Targeted], new_bodies: Mapping[UUID, JsonObject]
) -> tuple[Resolver, Judge]:
    """A resolver that knows every body that matters to these edges and no other; a judge. Three queries."""
    moving = [(facts, pins) for facts, pins, why in targeted if why is None]
    numbers = {pins.registry for _, pins in moving} | {facts.pins.registry for facts, _ in moving}
    numbers |= {facts.published.registry for facts, _ in moving if facts.published is not None}
    registries = registry.load(numbers)
    resolver = Resolver(new_bodies, registries)
    whole = {one for facts, pins in moving for one in _differing(facts.published, pins)}
    resolver.add(fleet.bodies(organization_id, whole - set(new_bodies)))
    names = {
        name
        for published, pins in {(facts.published, pins) for facts, pins in moving if facts.published}
        for name in resolver.differing(published, pins)
    }
    if PROFILES in names:
        names.add(DEVICES)
    if names:
        rest = {one for _, pins in moving for one in pins.layers if one is not None}
        resolver.add(fleet.bodies(organization_id, rest - whole - set(new_bodies), members=names))
    judge = Judge(
        registries,
        load=lambda digests: fleet.blobs(organization_id, digests),
        shapes=lambda digests: fleet.shapes(organization_id, digests),
        production=settings.PRODUCTION,
    )
    return resolver, judge


def _differing(published: Pins | None, pins: Pins) -> Iterator[UUID]:
    """The revisions whose whole bodies matter: those that came or went; all, where nothing was published."""
    before = published.layers if published is not None else (None, None, None)
    for one, other in zip(before, pins.layers, strict=True):
        if one != other:
            yield from (revision for revision in (one, other) if revision is not None)
