"""What an operator does to one edge: roll back, hold, release, retry."""

import orjson
import pytest

from configs import fetching, holding, layers, retrying, rolling_back
from configs.changes import Address
from configs.models import ChangeSet, EdgePins, Hold, Quarantine, Version
from configs.refusals import NotInState, Unknown
from edge_protocol.envelope import Envelope
from edge_protocol.manifest import Manifest
from edges import tenancy
from edges.models import EdgeHead, EdgeStatus
from tests import build
from tests.configs.conftest import ALICE, World
from tests.configs.test_fates import fates, quarantine, section

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
PERIOD = "/core_cycle/period_ms"


def rollback(world: World, to_version: int | None = None):
    return rolling_back.rollback(
        edge=world.north_edge,
        to_version=to_version,
        reason="it worked",
        actor=ALICE,
        now=build.NOW,
        signer=world.desk.signer,
    )


def retry(world: World):
    return retrying.retry(
        edge=world.north_edge, reason="again", actor=ALICE, now=build.NOW, signer=world.desk.signer
    )


def manifest(world: World) -> Manifest:
    ready = fetching.full(world.north_edge.pk, world.organization.pk)
    return Manifest.from_payload(Envelope.from_header(ready.envelope_header).payload)


def test_a_rollback_is_a_new_version_with_old_content_and_a_hold(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    world.desk.publish(("edge/acme-north-1", "set", PERIOD, 500))
    outcome = rollback(world, 1)
    assert fates(outcome) == {"acme-north-1": 4}
    stated = manifest(world)
    assert (stated.version, stated.kind, stated.content_of) == (4, "rollback", 1)
    with tenancy.scope([world.organization.pk]):
        first, last = (world.north_edge_version(number) for number in (1, 4))
        assert (last.sections, last.digest) == (first.sections, first.digest)
        hold = Hold.objects.get(edge=world.north_edge, released_at=None)
        assert (hold.source, hold.by, hold.reason) == ("rollback", "alice", "it worked")
        pins = EdgePins.objects.get(edge=world.north_edge)
        assert pins.organization_revision_id == first.organization_revision_id
        assert EdgeHead.objects.get(edge=world.south_edge).version == 2
    own = layers.read(world.organization.pk, Address("edge", "acme-north-1"))
    assert (own.number, own.body) == (2, {})


def test_the_next_edit_builds_on_what_runs_after_a_rollback(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    world.desk.publish(("edge/acme-north-1", "set", PERIOD, 500))
    rollback(world, 1)
    assert (
        fates(world.desk.publish(("organization/acme", "set", THRESHOLD, 45_000)))["acme-north-1"] == "held"
    )
    outcome = world.desk.publish(("edge/acme-north-1", "set", PERIOD, 600))
    assert [one.changed_sections for one in outcome.affected] == [("core_cycle",)]
    document = orjson.loads(fetching.full(world.north_edge.pk, world.organization.pk).body)
    assert document["core_cycle"]["period_ms"] == 600
    assert document["scheduler"] == build.document()["scheduler"]


def test_a_rollback_goes_to_the_version_before_by_default(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    world.desk.publish(("organization/acme", "set", THRESHOLD, 30_000))
    rollback(world)
    assert manifest(world).content_of == 2


def test_a_rollback_to_nowhere_is_refused(world: World) -> None:
    with pytest.raises(Unknown):
        rollback(world, 7)
    with pytest.raises(Unknown):
        rollback(world)
    with pytest.raises(NotInState):
        rollback(world, 1)
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    quarantine(world, 2, scheduler=section(world, "scheduler"))
    world.desk.publish(("organization/acme", "set", THRESHOLD, 30_000))
    with pytest.raises(NotInState):
        rollback(world, 2)
    world.desk.publish(("edge/acme-north-1", "retire"))
    with pytest.raises(NotInState):
        rollback(world, 1)


def test_a_release_after_a_rollback_goes_forward_again(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    rollback(world)
    outcome = holding.release(
        edge=world.north_edge, reason="understood", actor=ALICE, now=build.NOW, signer=world.desk.signer
    )
    assert fates(outcome) == {"acme-north-1": 4}
    with tenancy.scope([world.organization.pk]):
        assert world.north_edge_version(4).digest == world.north_edge_version(2).digest


def test_a_hold_is_not_taken_twice_and_not_released_twice(world: World) -> None:
    holding.hold(edge=world.north_edge, reason="one", actor=ALICE, now=build.NOW)
    with pytest.raises(NotInState):
        holding.hold(edge=world.north_edge, reason="two", actor=ALICE, now=build.NOW)
    more = {"edge": world.north_edge, "actor": ALICE, "now": build.NOW, "signer": world.desk.signer}
    assert fates(holding.release(reason="over", **more)) == {"acme-north-1": "same"}
    with pytest.raises(NotInState):
        holding.release(reason="over", **more)


def test_a_retry_offers_refused_content_as_a_new_version(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    quarantine(world, 2, scheduler=section(world, "scheduler"))
    world.desk.publish(("organization/acme", "set", PERIOD, 500))
    outcome = retry(world)
    assert fates(outcome) == {"acme-north-1": 3}
    stated = manifest(world)
    assert (stated.kind, stated.content_of, stated.version) == ("retry", 2, 3)
    with tenancy.scope([world.organization.pk]):
        assert Quarantine.objects.get(edge=world.north_edge).lifted_at == build.NOW
        refused = world.north_edge_version(2)
        assert stated.sections["scheduler"] == refused.sections["scheduler"]
    # What accumulated meanwhile comes with it: what runs is what the pins say.
    assert orjson.loads(fetching.full(world.north_edge.pk, world.organization.pk).body)["core_cycle"] == {
        "period_ms": 500
    }


def test_a_retry_of_nothing_is_refused(world: World) -> None:
    with pytest.raises(NotInState):
        retry(world)
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    quarantine(world, 2, scheduler=section(world, "scheduler"))
    world.desk.publish(("organization/acme", "set", THRESHOLD, 30_000))
    with pytest.raises(NotInState):
        retry(world)


def test_a_version_that_the_edge_rejected_without_quarantine_can_be_retried(world: World) -> None:
    with tenancy.scope([world.organization.pk]):
        EdgeStatus.objects.filter(edge=world.north_edge).update(
            last_attempt={"version": 1, "status": "rejected", "code": "local_limits"}
        )
    assert fates(retry(world)) == {"acme-north-1": 2}
    assert manifest(world).content_of == 1


def test_version_numbers_have_no_gaps_through_all_kinds(world: World) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    rollback(world)
    holding.release(edge=world.north_edge, reason="x", actor=ALICE, now=build.NOW, signer=world.desk.signer)
    quarantine(world, 4, scheduler=section(world, "scheduler"))
    retry(world)
    with tenancy.scope([world.organization.pk]):
        rows = Version.objects.filter(edge=world.north_edge).order_by("number")
        assert [(row.number, row.kind) for row in rows] == [
            (1, "publish"),
            (2, "publish"),
            (3, "rollback"),
            (4, "publish"),
            (5, "retry"),
        ]
        assert sorted(ChangeSet.objects.values_list("number", flat=True)) == list(range(1, 8))
