"""Birch sees and touches nothing of Acme: by row level security alone, by the filter alone, and by both."""

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, connection, transaction

from configs import changesets, fetching, history, layers, publishing
from configs.changes import Actor, Address
from configs.models import ChangeSet, EdgePins, Layer, Quarantine, Revision, Version
from configs.refusals import ChangeRefused, NothingPublished, Unknown
from configs.rollouts import starting
from configs.rollouts.policies import Wish
from configs.timed.models import Approval, ApprovalRule, ChangeSetEntry, Progress, Timing
from edges import tenancy
from edges.models import Edge, Organization
from edges.tenancy import TenantModel
from tests import build
from tests.configs.conftest import World
from tests.configs.test_fates import fates, quarantine

MODELS = [model for model in apps.get_app_config("configs").get_models() if issubclass(model, TenantModel)]
THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
INTRUDER = Actor("mallory")


@pytest.fixture
def birch(world: World) -> Organization:
    world.desk.publish(("site/north", "set", THRESHOLD, 30_000))
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000), exclude=["acme-south-1"])
    world.desk.preview(("organization/acme", "set", THRESHOLD, 20_000))
    quarantine(world, 2, scheduler="00")
    begin_rollout(world)
    wait_for_its_time(world)
    return build.make_organization("birch")


def begin_rollout(world: World) -> None:
    """One row of everything that a rollout has."""
    with tenancy.scope([world.organization.pk]):
        Edge.objects.filter(pk=world.north_edge.pk).update(stage="in_service")
    drafted = changesets.create_draft(
        organization_id=world.organization.pk,
        change=world.desk.change(("edge/acme-north-1", "set", "/core_cycle/period_ms", 3000)),
        actor=world.desk.actor,
        now=build.NOW,
    )
    starting.start(
        organization_id=world.organization.pk,
        change_set_id=drafted.change_set_id,
        wish=Wish(),
        actor=world.desk.actor,
        now=build.NOW,
    )


def wait_for_its_time(world: World) -> None:
    """One row of everything that a change set in time has."""
    own: dict[str, Any] = {"organization_id": world.organization.pk}
    with tenancy.scope([world.organization.pk]):
        change_set = ChangeSet.objects.order_by("number").last()
        Timing.objects.create(**own, change_set=change_set, due_at=build.NOW)
        Progress.objects.create(**own, change_set=change_set, phase="planning", at=build.NOW)
        ApprovalRule.objects.create(**own, above_edges=5, changed_at=build.NOW, changed_by="alice")
        Approval.objects.create(
            **own, change_set=change_set, rule_number=1, asked_by="alice", asked_at=build.NOW
        )
        ChangeSetEntry.objects.create(
            **own, change_set=change_set, what="scheduled", by="alice", at=build.NOW
        )


@pytest.fixture(params=["row level security alone", "application filter alone", "both"])
def guard(request: pytest.FixtureRequest, settings: Any) -> str:
    if request.param == "row level security alone":
        settings.TENANT_APPLICATION_FILTER = False
    return str(request.param)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_row_of_another_organization_is_seen(
    world: World, birch: Organization, guard: str, model: type[TenantModel]
) -> None:
    visible = [birch.pk, world.organization.pk] if guard == "application filter alone" else [birch.pk]
    with tenancy.scope(visible), connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
        (behind,) = cursor.fetchone()
        # Row level security is told of both, or of Birch alone; the application's scope is Birch's.
        token = tenancy._organizations.set(frozenset([birch.pk]))
        try:
            seen = model.objects.count()
        finally:
            tenancy._organizations.reset(token)
    assert seen == 0
    assert (behind > 0) == (guard == "application filter alone")


ACTS: dict[str, Callable[[World, Edge, Organization], Any]] = {
    "publish to its organization": lambda world, edge, birch: _publish(birch, "organization/acme"),
    "publish to its site": lambda world, edge, birch: _publish(birch, "site/north"),
    "publish to its edge": lambda world, edge, birch: _publish(birch, "edge/acme-north-1"),
    "exclude its edge": lambda world, edge, birch: _publish(
        birch, "organization/birch", exclude=["acme-north-1"]
    ),
    "select its edges": lambda world, edge, birch: _publish(birch, "edge/", selector={"all": True}),
    "name its edge in a selector": lambda world, edge, birch: _publish(
        birch, "edge/", selector={"edges": ["acme-north-1"]}
    ),
    "fetch": lambda world, edge, birch: fetching.full(edge.pk, birch.pk),
    "fetch a delta": lambda world, edge, birch: fetching.delta(edge.pk, birch.pk, since=1),
    "take a bundle": lambda world, edge, birch: fetching.bundle(edge.pk, birch.pk, number=1),
    "revert": lambda world, edge, birch: changesets.revert(
        organization_id=birch.pk,
        change_set_id=world.first.change_set_id,
        reason="x",
        actor=INTRUDER,
        now=build.NOW,
        signer=world.desk.signer,
    ),
    "read a version": lambda world, edge, birch: history.version(edge=edge, number=1),
    "read what is effective": lambda world, edge, birch: history.effective(edge=edge),
}


def _publish(birch: Organization, address: str, **more: Any) -> Any:
    from tests.configs.conftest import Desk, make_signer

    return Desk(birch, make_signer()).publish((address, "set", THRESHOLD, 1), **more)


@pytest.mark.parametrize("act", ACTS)
def test_no_act_reaches_another_organization(world: World, birch: Organization, act: str) -> None:
    intruded = Edge(
        pk=world.north_edge.pk, edge_id=world.north_edge.edge_id, organization=birch, site=world.north
    )
    with pytest.raises((ChangeRefused, NothingPublished, Unknown)):
        ACTS[act](world, intruded, birch)
    with tenancy.scope([world.organization.pk]):
        assert Version.objects.filter(edge=world.north_edge).count() == 2


def test_reading_elsewhere_finds_nothing(world: World, birch: Organization) -> None:
    assert layers.read(birch.pk, Address("site", "north")).number == 0
    intruded = Edge(
        pk=world.north_edge.pk, edge_id=world.north_edge.edge_id, organization=birch, site=world.north
    )
    with tenancy.scope([birch.pk]):
        assert not history.of_path(edge=intruded, path=THRESHOLD).exists()
    at = history.running_at(edge=intruded, at=build.NOW)
    assert (at["running"], at["desired"]) == (None, None)


@pytest.mark.parametrize(
    "make",
    [
        lambda birch, world: Revision(
            layer=world.layer, number=9, body="{}", change_set_id=world.first.change_set_id, author="m"
        ),
        lambda birch, world: Quarantine(edge=world.north_edge, version=9, sections={}),
        lambda birch, world: Layer(scope="edge", edge=world.north_edge),
        lambda birch, world: EdgePins(edge=world.south_edge, registry_id=1),
    ],
    ids=["revision", "quarantine", "layer", "pins"],
)
def test_a_row_cannot_hang_on_another_organizations_parent(
    world: World, birch: Organization, make: Callable[..., TenantModel]
) -> None:
    with tenancy.scope([world.organization.pk]):
        world.layer = Layer.objects.get(scope="organization")  # type: ignore[attr-defined]
    row = make(birch, world)
    row.organization = birch
    if hasattr(row, "created_at"):
        row.created_at = build.NOW
    with tenancy.scope([birch.pk]), pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_two_organizations_with_equal_content_share_no_blob(world: World) -> None:
    from tests.configs.conftest import Desk, make_signer

    birch = build.make_organization("birch")
    desk = Desk(birch, make_signer())
    desk.publish(("organization/birch", "set", "", build.document()))
    desk.add_edge(build.make_site(birch, "main"), "birch-main-1")
    outcome = desk.publish(("organization/birch", "set", THRESHOLD, 1_000))
    assert fates(outcome) == {"birch-main-1": 2}
    assert outcome.number == 3
    document = publishing.preview(
        organization_id=world.organization.pk,
        change=world.desk.change(("organization/acme", "set", THRESHOLD, 50_000)),
        now=build.NOW,
    )
    assert fates(document) == {"acme-north-1": "same", "acme-south-1": "same"}
