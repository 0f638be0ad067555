"""Ready bytes: full, delta and bundle, and their refusals."""

import orjson
import pytest

from configs import fetching
from configs.refusals import BadSince, FullRequired, NothingPublished, SinceAhead, Unknown
from edge_protocol.canonical import canonical
from edge_protocol.delta import take_in
from edge_protocol.envelope import Envelope
from edge_protocol.manifest import Manifest, check_contents
from tests import build
from tests.configs.conftest import World, founded

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
HEAD = ("version", "timestamp", "edge_id")


def full(world: World) -> fetching.Ready:
    return fetching.full(world.north_edge.pk, world.organization.pk)


def delta(world: World, since: int) -> fetching.Ready | fetching.NotModified:
    return fetching.delta(world.north_edge.pk, world.organization.pk, since=since)


def sections(body: bytes) -> dict:
    return {name: value for name, value in orjson.loads(body).items() if name not in HEAD}


def test_a_body_carries_each_section_in_its_canonical_bytes(world: World) -> None:
    body = full(world).body
    for name, value in sections(body).items():
        assert b'"%b":%b' % (name.encode(), canonical(value)) in body


def test_a_delta_taken_in_gives_what_the_manifest_names(world: World) -> None:
    before = sections(full(world).body)
    world.desk.publish(
        ("organization/acme", "set", THRESHOLD, 40_000),
        ("organization/acme", "set", "/extensions", {"acme": {"colour": "grün"}}),
    )
    world.desk.publish(("organization/acme", "unset", "/extensions"))
    answer = delta(world, 2)
    assert orjson.loads(answer.body)["removed"] == ["extensions"]
    answer = delta(world, 1)
    assert isinstance(answer, fetching.Ready)
    manifest = Manifest.from_payload(Envelope.from_header(answer.envelope_header).payload)
    change = orjson.loads(answer.body)
    after = take_in(before, change["changed"], change["removed"], manifest)
    assert after == sections(full(world).body)
    check_contents(manifest, after)


def test_a_delta_from_what_is_desired_is_not_modified(world: World) -> None:
    answer = delta(world, 1)
    assert isinstance(answer, fetching.NotModified)
    assert (answer.version, answer.etag) == (1, full(world).etag)


@pytest.mark.parametrize(
    ("since", "refusal"), [(0, FullRequired), (2, SinceAhead), (-1, BadSince), (2**53, BadSince)]
)
def test_a_base_that_cannot_be_is_refused(world: World, since: int, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        delta(world, since)


def test_before_the_first_version_there_is_nothing(db: None) -> None:
    acme = build.make_organization("acme")
    edge = build.make_edge(build.make_site(acme), "acme-north-1")
    with pytest.raises(NothingPublished):
        fetching.full(edge.pk, acme.pk)
    with pytest.raises(NothingPublished):
        fetching.delta(edge.pk, acme.pk, since=3)


def test_another_organization_finds_nothing(world: World) -> None:
    birch = build.make_organization("birch")
    with pytest.raises(NothingPublished):
        fetching.full(world.north_edge.pk, birch.pk)
    with pytest.raises(Unknown):
        fetching.bundle(world.north_edge.pk, birch.pk, number=1)


def test_a_bundle_has_the_document_its_manifest_and_every_root(world: World) -> None:
    root = founded()
    world.desk.publish(("organization/acme", "set", THRESHOLD, 40_000))
    bundle = orjson.loads(fetching.bundle(world.north_edge.pk, world.organization.pk, number=1))
    assert bundle["roots"] == [root.envelope]
    manifest = Manifest.from_payload(Envelope.from_json(bundle["manifest"]).payload)
    assert manifest.version == bundle["document"]["version"] == 1
    check_contents(manifest, {k: v for k, v in bundle["document"].items() if k not in HEAD})
    with pytest.raises(Unknown):
        fetching.bundle(world.north_edge.pk, world.organization.pk, number=3)
