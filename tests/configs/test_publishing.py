"""From an operator's step to versions, blobs, heads and a notice."""

import orjson

from configs import fetching
from configs.models import Revision, SectionBlob, Version
from edge_protocol.canonical import section_digest
from edge_protocol.envelope import Envelope
from edge_protocol.manifest import Manifest
from edges import tenancy
from edges.models import EdgeHead
from tests import build
from tests.configs.conftest import World

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"


def test_a_new_edge_takes_the_baselines_and_version_1(world: World) -> None:
    ready = fetching.full(world.north_edge.pk, world.organization.pk)
    document = orjson.loads(ready.body)
    assert (ready.version, document["version"], document["edge_id"]) == (1, 1, "acme-north-1")
    manifest = Manifest.from_payload(Envelope.from_header(ready.envelope_header).payload)
    for name, digest in manifest.sections.items():
        assert section_digest(document[name]) == digest
    assert set(document["profiles"]) == {"tesla_powerwall_2", "sunspec_meter"}
    assert document["scheduler"] == build.document()["scheduler"]


def test_one_step_reaches_every_edge_as_one_changed_section(world: World) -> None:
    outcome = world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    assert [one.to_dict() for one in outcome.affected] == [
        {"edge_id": edge, "from_version": 1, "version": 2, "changed_sections": ["scheduler"]}
        for edge in ("acme-north-1", "acme-south-1")
    ]
    answer = fetching.delta(world.north_edge.pk, world.organization.pk, since=1)
    assert isinstance(answer, fetching.Ready)
    delta = orjson.loads(answer.body)
    assert (delta["from_version"], delta["version"], delta["removed"]) == (1, 2, [])
    assert list(delta["changed"]) == ["scheduler"]
    with tenancy.scope([world.organization.pk]):
        head = EdgeHead.objects.get(edge=world.north_edge)
        assert (head.version, head.etag) == (2, answer.etag)
        assert Version.objects.filter(edge=world.north_edge).count() == 2
        assert Revision.objects.count() == 2
        assert SectionBlob.objects.count() == 6  # five sections, and the second scheduler
