"""What a heartbeat does to the cloud's copy of quarantine and to an old manifest, and what it is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from configs import fetching, heartbeats
from configs.models import Quarantine
from configs.refusals import ClockRefused
from edge_protocol.envelope import Envelope
from edge_protocol.manifest import Manifest
from edge_protocol.messages import Heartbeat, HeartbeatAnswer
from edges import credentials, tenancy
from edges.models import EdgeHead
from tests import build
from tests.configs.conftest import World, founded
from tests.configs.test_acts import retry
from tests.configs.test_fates import fates, section

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
PERIOD = "/core_cycle/period_ms"


@pytest.fixture
def key(world: World) -> str:
    return build.make_key(world.north_edge)[1]


def beat(world: World, key: str, *, now: datetime = build.NOW, **body) -> HeartbeatAnswer:
    principal = credentials.authenticate_edge(key, now=build.NOW)
    return heartbeats.receive(
        principal=principal,
        heartbeat=Heartbeat.from_dict({"running": {"version": 0, "digest": None}, **body}),
        transport="http",
        now=now,
        signer=world.desk.signer,
    )


def manifest(world: World) -> Manifest:
    header = fetching.full(world.north_edge.pk, world.organization.pk).envelope_header
    return Manifest.from_payload(Envelope.from_header(header).payload)


def test_an_edge_is_told_what_to_run_and_how_often_to_ask(world: World, key: str) -> None:
    root = founded()
    answer = beat(world, key)
    assert answer.desired.to_dict() == {
        "version": 1,
        "etag": fetching.full(world.north_edge.pk, world.organization.pk).etag,
    }
    assert (answer.next_poll_seconds, answer.next_heartbeat_seconds) == (300, 60)
    assert answer.trust_root_version == root.root_version
    world.desk.publish(
        ("organization/acme", "set", "/sync", {"heartbeat_interval_s": 10, "sync_interval_s": 30})
    )
    answer = beat(world, key)
    assert (answer.next_poll_seconds, answer.next_heartbeat_seconds) == (30, 10)


def test_an_edge_without_a_version_is_told_so(world: World) -> None:
    acme = world.organization
    edge = build.make_edge(build.make_site(acme, "bare"), "acme-bare-1")
    assert beat(world, build.make_key(edge)[1]).desired is None


def test_a_manifest_older_than_a_day_is_issued_again_with_the_same_content(world: World, key: str) -> None:
    before, etag = manifest(world), fetching.full(world.north_edge.pk, world.organization.pk).etag
    beat(world, key, now=build.NOW + timedelta(hours=23))
    assert manifest(world) == before
    later = build.NOW + timedelta(days=1)
    answer = beat(world, key, now=later)
    renewed = manifest(world)
    assert (renewed.kind, renewed.issued, renewed.expires) == ("reissue", later, later + timedelta(days=14))
    assert (
        replace(renewed, kind="publish", issued_at=before.issued_at, expires_at=before.expires_at) == before
    )
    assert answer.desired.etag == etag
    with tenancy.scope([world.organization.pk]):
        assert EdgeHead.objects.get(edge=world.north_edge).issued_at == later


def test_a_retry_is_issued_again_as_a_retry(world: World, key: str) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    beat(world, key, quarantine=[{"version": 2, "sections": {"scheduler": section(world, "scheduler")}}])
    retry(world)
    beat(world, key, now=build.NOW + timedelta(days=2))
    assert (manifest(world).kind, manifest(world).content_of) == ("retry", 2)


def test_nothing_is_signed_by_a_clock_that_the_database_contradicts(world: World, key: str) -> None:
    wrong = replace(world.desk.signer, clock=lambda: datetime.now(UTC) + timedelta(minutes=6))
    world.desk.signer = wrong
    with pytest.raises(ClockRefused):
        world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    before = manifest(world)
    answer = beat(world, key, now=build.NOW + timedelta(days=2))
    assert (answer.desired.version, manifest(world)) == (1, before)


def test_what_an_edge_refused_is_mirrored_and_dropped_with_it(world: World, key: str) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    entry = {"version": 2, "sections": {"scheduler": section(world, "scheduler")}, "code": "crash"}
    boot = str(uuid4())
    beat(world, key, quarantine=[entry], boot_id=boot, seq=1)
    assert (
        fates(world.desk.publish(("organization/acme", "set", PERIOD, 500)))["acme-north-1"] == "quarantined"
    )
    beat(world, key, boot_id=boot, seq=2)  # left out: as before
    assert (
        fates(world.desk.publish(("organization/acme", "set", PERIOD, 600)))["acme-north-1"] == "quarantined"
    )
    beat(world, key, quarantine=[], boot_id=boot, seq=3)
    assert fates(world.desk.publish(("organization/acme", "set", PERIOD, 700)))["acme-north-1"] == 3


def test_a_late_report_does_not_close_again_what_a_retry_lifted(world: World, key: str) -> None:
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    first = {"version": 2, "sections": {"scheduler": section(world, "scheduler")}, "code": "crash"}
    beat(world, key, quarantine=[first])
    retry(world)
    beat(world, key, quarantine=[first, {"version": 1, "sections": {"alarms": None}}])
    with tenancy.scope([world.organization.pk]):
        open_ones = Quarantine.objects.filter(edge=world.north_edge, lifted_at=None)
        assert list(open_ones.values_list("version", flat=True)) == [1]
