"""Whatever operators do, in whatever order: the laws of versions and pins hold."""

from collections.abc import Callable
from typing import Any

import orjson
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs import fetching, fleet, holding, retrying, rolling_back
from configs.changes import Address
from configs.fleet import Reach
from configs.models import ChangeSet, EdgePins, Layer, Quarantine, Revision, Scope, Version
from configs.refusals import Refusal
from edge_protocol import semantics
from edge_protocol.canonical import section_digest
from edge_protocol.merge import merge_bodies
from edge_protocol.registry import builtin_profiles
from edges import tenancy
from edges.models import Edge, EdgeHead
from tests import build
from tests.configs.conftest import ALICE, World, make_world

CONTROLLERS = "/scheduler/controllers"
ADDRESSES = ("organization/acme", "site/north", "site/south", "edge/acme-north-1", "edge/acme-south-1")
PATHS: dict[str, st.SearchStrategy[Any]] = {
    f"{CONTROLLERS}/ctrlPeakShaving0/parameters/threshold_watts": st.sampled_from([10_000, 20_000, 30_000]),
    f"{CONTROLLERS}/ctrlBalancing0/execution_order": st.integers(1, 4),
    f"{CONTROLLERS}/ctrlBalancing0/enabled": st.booleans(),
    "/core_cycle/period_ms": st.sampled_from([500, 1000]),
    "/alarms/a1": st.just({"channel": "ess0/Soc", "condition": "<", "threshold": 20}),
    "/modbus_devices/ess0/connection/host": st.sampled_from(["10.0.0.1", "10.0.0.2"]),
    "/extensions/acme/value": st.integers(0, 2),
}


@st.composite
def edits(draw: st.DrawFn) -> tuple[Any, ...]:
    address, path = draw(st.sampled_from(ADDRESSES)), draw(st.sampled_from(sorted(PATHS)))
    op = draw(st.sampled_from(["set", "set", "set", "unset", "remove", "lock", "unlock"]))
    return (address, op, path, *([draw(PATHS[path])] if op == "set" else []))


def edge_of(world: World, name: str) -> Edge:
    return world.north_edge if name == "north" else world.south_edge


def act(world: World, what: str, name: str) -> None:
    edge = edge_of(world, name)
    more = {"edge": edge, "reason": "law", "actor": ALICE, "now": build.NOW}
    acts: dict[str, Callable[[], Any]] = {
        "hold": lambda: holding.hold(**more),
        "release": lambda: holding.release(signer=world.desk.signer, **more),
        "rollback": lambda: rolling_back.rollback(to_version=None, signer=world.desk.signer, **more),
        "retry": lambda: retrying.retry(signer=world.desk.signer, **more),
        "move": lambda: world.desk.publish((f"edge/{edge.edge_id}", "move", "", "south")),
        "refuse": lambda: refuse(world, edge),
    }
    acts[what]()


def refuse(world: World, edge: Edge) -> None:
    """The edge refuses what it was last given: the sections in which it differs from the version before."""
    with tenancy.scope([world.organization.pk]):
        (last, *rest) = Version.objects.filter(edge=edge).order_by("-number")[:2]
        before = rest[0].sections if rest else {}
        names = {name for name in {*last.sections, *before} if last.sections.get(name) != before.get(name)}
        if names:
            Quarantine.objects.get_or_create(
                organization=world.organization,
                edge=edge,
                version=last.number,
                defaults={
                    "sections": {name: last.sections.get(name) for name in names},
                    "created_at": build.NOW,
                },
            )


ACTS = st.tuples(
    st.sampled_from(["hold", "release", "rollback", "retry", "move", "refuse"]),
    st.sampled_from(["north", "south"]),
)
STEPS = st.lists(st.one_of(edits(), edits(), ACTS), min_size=1, max_size=12)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_every_version_is_what_its_pins_lead_to_and_nothing_is_lost(db: None, steps: list[Any]) -> None:
    with transaction.atomic():
        world = make_world()
        for step in steps:
            try:
                world.desk.publish(step) if "/" in step[0] else act(world, *step)
            except Refusal:
                continue
        check(world)
        transaction.set_rollback(True)


def check(world: World) -> None:
    with tenancy.scope([world.organization.pk]):
        numbers = sorted(ChangeSet.objects.values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
        for edge in (world.north_edge, world.south_edge):
            check_versions(world, edge)
            check_pins(world, edge)
        for layer in Layer.objects.all():
            assert layer.baseline.number == Revision.objects.filter(layer=layer).count()


def check_versions(world: World, edge: Edge) -> None:
    rows = list(Version.objects.filter(edge=edge).order_by("number"))
    head = EdgeHead.objects.get(edge=edge)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert (head.version, head.digest) == (rows[-1].number, rows[-1].digest)
    for row in rows:
        bodies = [
            orjson.loads(revision.body)
            for revision in (row.organization_revision, row.site_revision, row.edge_revision)
            if revision is not None
        ]
        document = merge_bodies(bodies, profiles=builtin_profiles())
        assert {name: section_digest(value) for name, value in document.items()} == row.sections
        found = semantics.check(document, profiles=builtin_profiles())
        assert [one for one in found if one.severity == "error"] == []
    body = orjson.loads(fetching.full(edge.pk, world.organization.pk).body)
    assert {name: section_digest(body[name]) for name in rows[-1].sections} == rows[-1].sections


def check_pins(world: World, edge: Edge) -> None:
    """Who is not held is pinned to the baselines; the edge's own layer always is."""
    pins, edge = EdgePins.objects.get(edge=edge), Edge.objects.get(pk=edge.pk)
    (facts,) = fleet.edges(world.organization.pk, Reach(False, edges=frozenset([edge.pk])))
    baselines = fleet.layers(world.organization.pk, "acme", sites=[edge.site_id], edges=[edge.pk], own=True)
    own = baselines.get(Address(Scope.EDGE, edge.edge_id))
    assert pins.edge_revision_id == (own and own.revision_id)
    if not facts.held:
        site = baselines.get(Address(Scope.SITE, edge.site.code))
        assert pins.organization_revision_id == baselines[Address(Scope.ORGANIZATION, "acme")].revision_id
        assert pins.site_revision_id == (site and site.revision_id)
