"""Publishers at the same time, in threads and in processes, on a database of their own."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from configs import adopting, holding, layers, rolling_back
from configs.changes import Address
from configs.models import ChangeSet, EdgePins, Ledger, Revision, SectionBlob, Version
from configs.refusals import Refusal, StaleLayer
from edges import notices, tenancy
from edges.models import EdgeHead
from tests import build
from tests.configs.conftest import ALICE, World, make_world
from tests.databases import Database

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
REPOSITORY = Path(__file__).resolve().parents[2]
PUBLISHERS = 20


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Every act in a thread of its own, started together; answers or refusals in order."""
    results: list[Any] = [None] * len(acts)
    together = threading.Barrier(len(acts))

    def run(position: int, act: Callable[[], Any]) -> None:
        try:
            together.wait()
            results[position] = act()
        except Refusal as refused:
            results[position] = refused
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def check_whole(world: World) -> None:
    """Nothing lost, nothing half: the invariants of everything that publishing writes."""
    with tenancy.scope([world.organization.pk]):
        numbers = sorted(ChangeSet.objects.values_list("number", flat=True))
        assert numbers == list(range(1, len(numbers) + 1))
        assert Ledger.objects.get().change_sets == len(numbers)
        blobs = set(SectionBlob.objects.values_list("digest", flat=True))
        for head in EdgeHead.objects.all():
            rows = list(Version.objects.filter(edge_id=head.pk).order_by("number"))
            assert [row.number for row in rows] == list(range(1, len(rows) + 1))
            assert (rows[-1].number, rows[-1].digest) == (head.version, head.digest)
            assert all(set(row.sections.values()) <= blobs for row in rows)
            pins = EdgePins.objects.get(pk=head.pk)
            assert (pins.organization_revision_id, pins.edge_revision_id) == (
                rows[-1].organization_revision_id,
                rows[-1].edge_revision_id,
            )
        for layer_id in set(Revision.objects.values_list("layer_id", flat=True)):
            revisions = sorted(Revision.objects.filter(layer_id=layer_id).values_list("number", flat=True))
            assert revisions == list(range(1, len(revisions) + 1))


def test_twenty_publishers_at_once_lose_nothing(committed: Database) -> None:
    world = make_world()

    def publish(position: int) -> Callable[[], Any]:
        path = f"/extensions/vendor{position}/value"
        return lambda: world.desk.publish(("organization/acme", "set", path, position))

    outcomes = at_once(*(publish(position) for position in range(PUBLISHERS)))
    assert sorted(one.number for one in outcomes) == list(range(4, 4 + PUBLISHERS))
    body = layers.read(world.organization.pk, Address("organization", "acme")).body
    assert body["extensions"] == {f"vendor{n}": {"value": n} for n in range(PUBLISHERS)}
    with tenancy.scope([world.organization.pk]):
        assert set(EdgeHead.objects.values_list("version", flat=True)) == {1 + PUBLISHERS}
    check_whole(world)


def test_different_acts_on_one_edge_at_once_leave_it_whole(committed: Database) -> None:
    world = make_world()
    desk, edge = world.desk, world.north_edge
    desk.publish(("organization/acme", "set", THRESHOLD, 45_000))
    more = {"edge": edge, "reason": "at once", "actor": ALICE, "now": build.NOW}
    results = at_once(
        lambda: desk.publish(("organization/acme", "set", THRESHOLD, 40_000)),
        lambda: desk.publish(("edge/acme-north-1", "set", "/core_cycle/period_ms", 500)),
        lambda: desk.publish(("site/north", "set", "/core_cycle/period_ms", 600)),
        lambda: rolling_back.rollback(to_version=1, signer=desk.signer, **more),
        lambda: holding.hold(**more),
        lambda: desk.add_edge(world.north, "acme-north-2"),
        lambda: adopting.create_edge(
            site=world.south, edge_id="acme-south-2", actor=ALICE, now=build.NOW, signer=desk.signer
        ),
    )
    assert len(results) == 7
    with tenancy.scope([world.organization.pk]):
        for head in EdgeHead.objects.all():
            rows = list(Version.objects.filter(edge_id=head.pk).order_by("number"))
            assert [row.number for row in rows] == list(range(1, len(rows) + 1))
            assert rows[-1].number == head.version
        newest = Revision.objects.filter(layer__scope="organization").latest("number")
        for pins in EdgePins.objects.filter(edge__edge_id__in=["acme-north-2", "acme-south-2"]):
            assert pins.organization_revision_id == newest.pk


def test_of_two_who_put_the_same_revision_one_is_stale(committed: Database) -> None:
    world = make_world()

    def put(period_ms: int) -> Any:
        return layers.put(
            organization_id=world.organization.pk,
            address=Address("site", "north"),
            body={"core_cycle": {"period_ms": period_ms}},
            revision=0,
            reason="put",
            actor=ALICE,
            now=build.NOW,
            signer=world.desk.signer,
        )

    results = at_once(lambda: put(500), lambda: put(600))
    assert sum(isinstance(one, StaleLayer) for one in results) == 1
    check_whole(world)


PUBLISH_MANY = """
import os, sys
import django
django.setup()
from datetime import UTC, datetime
from uuid import UUID
from configs import publishing
from configs.changes import Actor, Change, Operation
from tests.configs.conftest import make_signer
name, organization = sys.argv[1], UUID(sys.argv[2])
for position in range(5):
    step = Operation("organization", "acme", "set", f"/extensions/{name}/value{position}", position)
    publishing.publish(
        organization_id=organization,
        change=Change(reason=name, operations=[step]),
        actor=Actor(name),
        now=datetime.now(UTC),
        signer=make_signer(),
    )
"""


def test_publishers_in_several_processes_lose_nothing(committed: Database) -> None:
    world = make_world()
    environment = os.environ | {"DATABASE_URL": committed.url, "DJANGO_SETTINGS_MODULE": "ems.settings"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PUBLISH_MANY, name, str(world.organization.pk)],
            env=environment,
            cwd=REPOSITORY,
        )
        for name in ("one", "two", "three")
    ]
    assert [process.wait() for process in processes] == [0, 0, 0]
    body = layers.read(world.organization.pk, Address("organization", "acme")).body
    assert {name: len(values) for name, values in body["extensions"].items()} == {
        "one": 5,
        "two": 5,
        "three": 5,
    }
    check_whole(world)


def test_a_publish_that_fails_in_the_middle_leaves_nothing(
    committed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world()

    class PowerCut(BaseException):
        pass

    def cut(**_: object) -> None:
        raise PowerCut

    monkeypatch.setattr(notices, "notify", cut)
    with pytest.raises(PowerCut):
        world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    monkeypatch.undo()
    with tenancy.scope([world.organization.pk]):
        assert set(EdgeHead.objects.values_list("version", flat=True)) == {1}
        assert ChangeSet.objects.count() == 3
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    check_whole(world)
