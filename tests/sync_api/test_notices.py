"""The notice socket on real servers: who gets in, what is heard, how it ends."""

import json
import signal
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.test import Client
from websockets.exceptions import InvalidStatus

from edges import asking, keys, notices, tenancy
from edges.models import EdgeKey, EdgeStatus, Organization, TrustRoot
from tests import build
from tests.configs.conftest import make_world
from tests.databases import Database
from tests.processes import ServerProcess
from tests.sync_api.conftest import Asker, Published, make_asker
from tests.sync_api.edge_sockets import EdgeEnd
from tests.sync_api.servers import ask

StartServer = Callable[..., ServerProcess]


@dataclass
class Site:
    """Acme as published, two of its edges, and a way to start servers."""

    database: Database
    start_server: StartServer
    published: Published
    other: Asker
    signing_key: Path

    def start(self, **environment: str) -> ServerProcess:
        key = {"EMS_SIGNING_KEY_FILE": str(self.signing_key)}
        return self.start_server(self.database, **key, **environment)

    @property
    def asker(self) -> Asker:
        return self.published.asker

    def terminate_listeners(self) -> None:
        """What a restarted PostgreSQL or a cut line does to LISTEN."""
        with psycopg.connect(self.database.superuser_url, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND query LIKE '%edges_noticecounter'"
            )


@pytest.fixture
def site(committed: Database, live_server_process: StartServer, signing_key: Path) -> Site:
    world = make_world()
    client = Client()
    published = Published(world, make_asker(client, world.north_edge))
    other = make_asker(client, world.south_edge)
    return Site(committed, live_server_process, published, other, signing_key)


def test_an_edge_is_greeted_and_hears_of_what_is_published(site: Site) -> None:
    with EdgeEnd(site.start(), site.asker) as edge:
        assert edge.hear() == {"type": "hello", "protocol": 1, "version": 1, "ping_seconds": 30}
        site.published.threshold(40_000)
        head = site.published.head
        assert edge.hear() == {
            "type": "config.updated",
            "version": 2,
            "digest": head.digest,
            "spread_seconds": 0,
        }


def test_an_edge_without_a_version_is_greeted_with_0(site: Site) -> None:
    bare = make_asker(Client(), build.make_edge(site.published.world.north, "acme-north-2"))
    with EdgeEnd(site.start(), bare) as edge:
        assert edge.hear()["version"] == 0


def test_a_key_that_is_due_is_asked_to_be_rotated(site: Site) -> None:
    with tenancy.scope([site.asker.edge.organization_id]):
        made = build.NOW - timedelta(days=91)
        EdgeKey.objects.filter(pk=site.asker.key.pk).update(created_at=made)
    with EdgeEnd(site.start(), site.asker) as edge:
        assert edge.hear()["type"] == "hello"
        assert edge.hear() == {"type": "key.rotate"}


def test_who_may_not_in_is_told_with_a_code(site: Site) -> None:
    server = site.start()
    key = site.asker.text
    refusals: list[tuple[int, dict[str, Any]]] = [
        (4401, {"headers": {"X-Nothing": "1"}}),
        (4401, {"headers": {"Authorization": "Bearer emse_nonsense"}}),
        (4401, {"headers": {"Authorization": f"Bearer {key}", "X-API-Key": ""}}),
        (4401, {"headers": {"Authorization": f"Basic {key}"}}),
        (4403, {"edge_id": site.other.edge.edge_id}),
        (4403, {"edge_id": "no-such-edge"}),
    ]
    for code, how in refusals:
        with EdgeEnd(server, site.asker, edge_id=how.get("edge_id"), **how.get("headers", {})) as edge:
            assert edge.closed_with() == code, how


def test_another_path_is_refused_before_it_opens(site: Site) -> None:
    server = site.start()
    with pytest.raises(InvalidStatus) as refused, EdgeEnd(server, site.asker, edge_id="a/b"):
        pass
    assert refused.value.response.status_code == 403


def test_a_key_in_the_address_opens_nothing(site: Site) -> None:
    edge_id = f"{site.asker.edge.edge_id}/notify?key={site.asker.text}&x="
    with EdgeEnd(site.start(), site.asker, edge_id=edge_id, **{"X-Nothing": "1"}) as edge:
        assert edge.closed_with() == 4401


def test_a_newer_socket_replaces_the_older_one_on_any_process(site: Site) -> None:
    one, two = site.start(), site.start()
    with EdgeEnd(one, site.asker) as first:
        first.hear_of("hello")
        with EdgeEnd(one, site.asker) as second:
            assert first.closed_with() == 4409
            second.hear_of("hello")
            with EdgeEnd(two, site.asker) as third:
                assert second.closed_with() == 4409
                third.hear_of("hello")
                site.published.threshold(40_000)
                assert third.hear_of("config.updated")["version"] == 2


def test_edges_on_either_process_hear_and_a_revoked_key_is_closed_on_both(site: Site) -> None:
    one, two = site.start(), site.start()
    with EdgeEnd(one, site.asker) as north, EdgeEnd(two, site.other) as south:
        for edge in (north, south):
            edge.hear_of("hello")
        site.published.threshold(40_000)
        for edge in (north, south):
            assert edge.hear_of("config.updated")["version"] == 2
        for asker in (site.asker, site.other):
            with tenancy.scope([asker.edge.organization_id]):
                keys.revoke(
                    edge=asker.edge,
                    key_id=asker.key.key_id,
                    by="alice",
                    reason="lost",
                    cut_off=True,
                    now=datetime.now(UTC),
                )
        for edge in (north, south):
            assert edge.closed_with() == 4401
        for server in (one, two):
            with EdgeEnd(server, site.asker) as again:
                assert again.closed_with() == 4401


def test_a_key_that_ends_closes_its_socket(site: Site) -> None:
    with EdgeEnd(site.start(), site.asker) as edge:
        edge.hear_of("hello")
        with tenancy.scope([site.asker.edge.organization_id]):
            ends_at = datetime.now(UTC) + timedelta(milliseconds=300)
            EdgeKey.objects.filter(pk=site.asker.key.pk).update(expires_at=ends_at)
            notices.notify(
                kind="rotated",
                organization_id=site.asker.edge.organization_id,
                subject_id=site.asker.edge.pk,
            )
        assert edge.closed_with() == 4401


def test_a_suspended_organization_is_closed(site: Site) -> None:
    with EdgeEnd(site.start(), site.asker) as edge:
        edge.hear_of("hello")
        organization_id = site.asker.edge.organization_id
        with tenancy.scope([organization_id]):
            Organization.objects.filter(pk=organization_id).update(is_active=False)
            notices.notify(kind="revoked", organization_id=organization_id, subject_id=organization_id)
        assert edge.closed_with() == 4401


def test_requests_and_trust_roots_are_passed_on(site: Site) -> None:
    with EdgeEnd(site.start(), site.asker) as edge:
        edge.hear_of("hello")
        with tenancy.scope([site.asker.edge.organization_id]):
            asked = asking.ask(edge=site.asker.edge, kind="sync", payload={"why": "x"}, now=datetime.now(UTC))
        assert edge.hear_of("request") == {"type": "request", "why": "x", "id": str(asked.pk), "kind": "sync"}
        with tenancy.scope([]):
            TrustRoot.objects.create(root_version=3, envelope={}, sha256="", created_at=build.NOW)
            notices.notify(kind="trust", organization_id=None, subject_id=3)
        assert edge.hear_of("trust.updated") == {"type": "trust.updated", "root_version": 3}


def test_a_lost_listen_connection_loses_no_notice(site: Site) -> None:
    with EdgeEnd(site.start(), site.asker) as edge:
        edge.hear_of("hello")
        for version in (2, 3, 4):
            site.terminate_listeners()
            site.published.threshold(40_000 + version)
            assert edge.hear_of("config.updated")["version"] == version


def test_a_number_that_is_missing_makes_the_process_read_again(site: Site) -> None:
    """A publish whose own notification never came is found with the next one."""
    with EdgeEnd(site.start(), site.asker) as edge:
        edge.hear_of("hello")
        with psycopg.connect(site.database.superuser_url, autocommit=True) as admin:
            admin.execute("UPDATE edges_noticecounter SET seq = seq + 1")
            admin.execute("UPDATE edges_edgehead SET version = 7")
        with tenancy.scope([]):
            notices.notify(kind="trust", organization_id=None, subject_id=1)
        assert edge.hear_of("config.updated")["version"] == 7


def test_a_heartbeat_over_the_socket_is_filed_like_any_other(site: Site) -> None:
    server = site.start()
    with EdgeEnd(server, site.asker) as edge:
        edge.hear_of("hello")
        boot, head = str(uuid4()), site.published.head
        running = {"version": 1, "digest": head.digest}
        for seq in (1, 2):
            edge.say({"type": "heartbeat", "boot_id": boot, "seq": seq, "running": running})
            answer = edge.hear()
            assert answer["type"] == "heartbeat.ok"
            assert answer["desired"] == {"version": 1, "etag": head.etag}
        # Socket and HTTP share the counter: an old number is ignored on either.
        body = {"boot_id": boot, "seq": 1, "running": {"version": 0, "digest": None}}
        posted = ask(
            server,
            site.asker.path("heartbeat"),
            [("X-API-Key", site.asker.text), ("Content-Type", "application/json")],
            method="POST",
            body=json.dumps(body).encode(),
        )
        assert posted.status == 200
        with tenancy.scope([site.asker.edge.organization_id]):
            status = EdgeStatus.objects.get(pk=site.asker.edge.pk)
        assert (status.running_version, status.seq, status.transport) == (1, 2, "websocket")


def test_a_heartbeat_hears_of_what_was_published_since_the_socket_opened(site: Site) -> None:
    with EdgeEnd(site.start(), site.asker) as edge:
        edge.hear_of("hello")
        site.published.threshold(40_000)
        edge.say({"type": "heartbeat", "running": {"version": 1, "digest": None}})
        assert edge.hear_of("heartbeat.ok")["desired"]["version"] == 2


def test_unknown_messages_are_ignored_and_bad_ones_told_the_third_ends_it(site: Site) -> None:
    with EdgeEnd(site.start(), site.asker) as edge:
        edge.hear_of("hello")
        edge.say({"type": "something.new", "x": 1})
        for bad in ("{", '{"type":"heartbeat"}'):
            edge.say(bad)
            told = edge.hear()
            assert (told["type"], told["status"]) == ("error", 400 if bad == "{" else 422)
            assert {"title", "detail", "instance", "code", "errors"} <= set(told)
        edge.say({"type": "something.new"})  # a good one in between: it starts again
        for bad in ("[]", "1", '{"type":"heartbeat","running":{"version":-1}}'):
            edge.say(bad)
            assert edge.hear()["type"] == "error"
        assert edge.closed_with() == 1008


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"binary", 1003),
        (b"", 1003),
        ('"' + "x" * 64 * 1024 + '"', 1009),
        ('"' + "é" * 33 * 1024 + '"', 1009),  # counted in bytes
    ],
)
def test_what_is_no_small_text_ends_the_socket(site: Site, said: str | bytes, code: int) -> None:
    with EdgeEnd(site.start(), site.asker) as edge:
        edge.hear_of("hello")
        edge.say(said)
        assert edge.closed_with() == code


def test_text_that_is_no_utf8_ends_the_socket(site: Site) -> None:
    with EdgeEnd(site.start(), site.asker) as edge:
        edge.hear_of("hello")
        edge.connection.send(b'"\xff\xfe"', text=True)
        assert edge.closed_with() == 1007


def test_too_many_connections_of_one_key_are_refused(site: Site) -> None:
    server = site.start(EMS_LIMITS='{"edge_key": [4, 0.001, 1, 1]}')
    codes = []
    for _ in range(5):
        with EdgeEnd(server, site.asker) as edge:
            first = edge.connection.recv(timeout=10) if len(codes) < 3 else None
            codes.append("hello" if first else edge.closed_with())
    assert codes == ["hello", "hello", "hello", 4429, 4429]


def test_a_server_that_stops_says_come_back(site: Site) -> None:
    server = site.start()
    with EdgeEnd(server, site.asker) as edge:
        edge.hear_of("hello")
        server.process.send_signal(signal.SIGTERM)
        assert edge.closed_with() == 1012
        assert server.process.wait(timeout=30) in (0, -signal.SIGTERM)


def test_a_full_process_says_go_elsewhere(site: Site) -> None:
    server = site.start(EMS_MOST_SOCKETS="1")
    with EdgeEnd(server, site.asker) as edge:
        edge.hear_of("hello")
        with EdgeEnd(server, site.other) as other:
            assert other.closed_with() == 1013
