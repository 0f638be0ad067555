"""The fast lane and the DRF view give the same bytes and headers.

A cookie sends a request past the lane, and means nothing to an edge call: so every case is asked twice.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.test import Client

from edge_protocol.instants import format_instant
from edges import tenancy
from edges.models import EdgeKey
from tests import build
from tests.configs.conftest import make_world
from tests.databases import Database
from tests.processes import ServerProcess
from tests.sync_api.conftest import Published, make_asker
from tests.sync_api.servers import Answer, ask, lane_counts

PAST_THE_LANE = ("Cookie", "a=b")
Fields = list[tuple[str, str]]


@dataclass
class Doors:
    server: ServerProcess
    published: Published
    stranger_key: str

    def fields(self, *more: tuple[str, str]) -> Fields:
        return [("Authorization", f"Bearer {self.published.asker.text}"), ("X-Request-ID", "same"), *more]

    def path(self, call: str) -> str:
        return self.published.asker.path(call)

    def both(self, path: str, fields: Fields, method: str = "GET") -> tuple[Answer, Answer]:
        return (
            ask(self.server, path, fields, method=method),
            ask(self.server, path, [*fields, PAST_THE_LANE], method=method),
        )


@pytest.fixture
def doors(committed: Database, live_server_process: Callable[..., ServerProcess]) -> Doors:
    world = make_world()
    published = Published(world, make_asker(Client(), world.north_edge))
    published.threshold(40_000)
    stranger = make_asker(Client(), world.south_edge)
    return Doors(live_server_process(committed), published, stranger.text)


def same(one: Answer, two: Answer) -> Answer:
    """The answer, asserted to be the same but for the time of day."""
    timeless = [
        (each.status, tuple(header for header in each.headers if header[0] != "date"), each.body)
        for each in (one, two)
    ]
    assert timeless[0] == timeless[1]
    return one


def test_what_the_lane_answers_is_what_django_answers(doors: Doors) -> None:
    head = doors.published.head
    tag = ("If-None-Match", head.etag)
    issued = ("EMS-Manifest-Issued", format_instant(head.issued_at))
    cases: list[tuple[str, Fields]] = [
        ("config", doors.fields(tag)),
        ("config", doors.fields(("If-None-Match", f'"x", W/{head.etag}'))),
        ("config", doors.fields(("If-None-Match", "*"))),
        ("config", doors.fields(tag, issued)),
        ("config", doors.fields(tag, ("EMS-Manifest-Issued", "2020-01-01T00:00:00Z"))),
        ("config", doors.fields(tag, ("Accept-Encoding", "gzip"))),
        ("config", [("X-API-Key", doors.published.asker.text), ("X-Request-ID", "same"), tag]),
        (
            "config",
            [("authorization", f"BEARER  {doors.published.asker.text}"), ("X-Request-ID", "same"), tag],
        ),
        ("config/delta?since=2", doors.fields()),
        ("config/delta?since=2", doors.fields(issued)),
        ("config/delta?v=2", doors.fields()),
        ("config/delta?since=1", doors.fields(tag)),
        ("config/delta?since=0", doors.fields(tag)),
    ]
    before = lane_counts(doors.server).get("304", 0)
    for method in ("GET", "HEAD"):
        for call, fields in cases:
            answer = same(*doors.both(doors.path(call), fields, method))
            assert (answer.status, answer.body) == (304, b""), (call, fields)
    assert lane_counts(doors.server)["304"] == before + 2 * len(cases)


def test_the_ready_bytes_are_the_same(doors: Doors) -> None:
    cases: list[tuple[str, Fields]] = [
        ("config", doors.fields()),
        ("config", doors.fields(("If-None-Match", '"1-x"'))),
        ("config", doors.fields(("Accept-Encoding", "gzip"))),
        ("config", doors.fields(("Accept-Encoding", "br, gzip;q=0"))),
        ("config/delta?since=1", doors.fields()),
        ("config/delta?v=1", doors.fields(("Accept-Encoding", "gzip"))),
    ]
    for method in ("GET", "HEAD"):
        for call, fields in cases:
            answer = same(*doors.both(doors.path(call), fields, method))
            assert answer.status == 200, (call, fields)
            assert bool(answer.body) is (method == "GET")
            assert int(answer["content-length"]) > 0
    assert lane_counts(doors.server)["200"] == 2 * len(cases)


def test_what_the_lane_cannot_prove_is_djangos_to_answer(doors: Doors) -> None:
    text, etag = doors.published.asker.text, doors.published.head.etag
    tag = ("If-None-Match", etag)
    cases: list[tuple[str, Fields, int]] = [
        ("config", doors.fields(tag, ("If-None-Match", '"x"')), 304),  # a repeated field
        ("config?x=1", doors.fields(tag), 304),
        ("config/delta?since=3", doors.fields(tag), 409),
        ("config/delta?since=0", doors.fields(), 410),
        ("config/delta?since=02", doors.fields(tag), 400),
        ("config/delta?since=2&v=2", doors.fields(tag), 400),
        ("config/delta", doors.fields(tag), 400),
        ("config", [("X-Request-ID", "same"), tag], 401),
        ("config", doors.fields(tag, ("X-API-Key", "")), 401),
        ("config", doors.fields(tag, ("Authorization", "Bearer x")), 401),
        ("config", [("Authorization", f"Bearer {text}x"), ("X-Request-ID", "same"), tag], 401),
        ("config", [("Authorization", f"Basic {text}"), ("X-Request-ID", "same"), tag], 401),
        ("config", [("X-API-Key", doors.stranger_key), ("X-Request-ID", "same"), tag], 403),
    ]
    for call, fields, status in cases:
        assert same(*doors.both(doors.path(call), fields)).status == status, (call, fields)
    assert set(lane_counts(doors.server)) <= {"handed_over"}


def test_a_published_version_shows_at_once(doors: Doors) -> None:
    tag = ("If-None-Match", doors.published.head.etag)
    assert ask(doors.server, doors.path("config"), doors.fields(tag)).status == 304
    doors.published.threshold(30_000)
    assert ask(doors.server, doors.path("config"), doors.fields(tag)).status == 200
    assert ask(doors.server, doors.path("config/delta?since=2"), doors.fields()).status == 200


def test_the_use_of_a_key_is_noted_by_the_lane_too(doors: Doors) -> None:
    key, organization_id = doors.published.asker.key, doors.published.world.organization.pk
    before = build.NOW - timedelta(minutes=5)
    with tenancy.scope([organization_id]):
        EdgeKey.objects.filter(pk=key.pk).update(last_used_at=before)
    answer = ask(doors.server, doors.path("config"), doors.fields(("If-None-Match", "*")))
    assert (answer.status, lane_counts(doors.server)["304"]) == (304, 1)
    doors.server.process.terminate()  # a server that ends writes what it has noted
    doors.server.process.wait(timeout=30)
    with tenancy.scope([organization_id]):
        assert EdgeKey.objects.get(pk=key.pk).last_used_at > before


def test_the_limit_is_one_for_both_doors(
    committed: Database, live_server_process: Callable[..., ServerProcess]
) -> None:
    world = make_world()
    asker = make_asker(Client(), world.north_edge)
    server = live_server_process(committed, EMS_LIMITS='{"edge_key": [4, 0.001, 2, 5]}')
    fields = [("X-API-Key", asker.text), ("X-Request-ID", "same"), ("If-None-Match", "*")]
    path = asker.path("config")
    statuses = [
        ask(server, path, fields if number % 2 else [*fields, PAST_THE_LANE]).status for number in range(4)
    ]
    assert statuses == [304, 304, 304, 429]  # 4 less what a lease might outlive
    lane, django = (ask(server, path, each) for each in (fields, [*fields, PAST_THE_LANE]))
    assert same(lane, django).status == 429
    assert lane_counts(server)["429"] >= 1
    assert int(lane["retry-after"]) > 0
