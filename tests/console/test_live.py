"""The live socket on a real server: who gets in, who hears what, how it ends."""

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from websockets.exceptions import ConnectionClosed

from configs import heartbeats
from edge_protocol.messages import Heartbeat
from edges import credentials, hints, operator_tokens, people, tenancy
from edges.hints import Hint
from edges.models import Edge, Membership
from tests import build
from tests.configs.conftest import World, make_world
from tests.console.live_ends import PersonEnd
from tests.databases import Database
from tests.processes import ServerProcess

THRESHOLD = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
OTHER_DESK = "https://desk.example.com"


@dataclass
class Scene:
    """Acme with an edge in each of two sites; Birch beside it; a server for all."""

    world: World
    server: ServerProcess
    tokens: dict[str, str]
    users: dict[str, Any]

    def open(self, name: str) -> PersonEnd:
        return PersonEnd(self.server, token=self.tokens[name])

    def session(self, name: str) -> tuple[Client, str]:
        client = Client()
        client.force_login(self.users[name])
        return client, client.cookies["sessionid"].value

    def reports(self, edge: Edge, phase: str) -> None:
        """A heartbeat of this edge, filed as any is."""
        principal = credentials.authenticate_edge(build.make_key(edge)[1], now=datetime.now(UTC))
        running = {"version": 0, "digest": None}
        heartbeats.receive(
            principal=principal,
            heartbeat=Heartbeat.from_dict({"running": running, "phase": phase}),
            transport="http",
            now=datetime.now(UTC),
            signer=self.world.desk.signer,
        )

    def own_hint(self, name: str) -> None:
        (grant,) = credentials.operator_of_user(self.users[name]).grants
        with tenancy.scope([grant.organization_id]):
            hints.tell([Hint("alerts", grant.organization_id, None)])

    def end(self) -> dict[str, str]:
        """Something that everybody of Acme may hear of, said last: the line after which nothing comes."""
        with tenancy.scope([self.world.organization.pk]):
            sites = (self.world.north.pk, self.world.south.pk)
            hints.tell(Hint("alerts", self.world.organization.pk, frozenset({site})) for site in sites)
        return {"changed": "alerts", "organization": "acme"}


@pytest.fixture
def scene(committed: Database, live_server_process: Callable[..., ServerProcess]) -> Scene:
    world = make_world()
    birch = build.make_organization("birch")
    places = {
        "owner": (world.organization, "owner", None),
        "southerner": (world.organization, "viewer", world.south),
        "stranger": (birch, "owner", None),
    }
    users, tokens = {}, {}
    for name, (organization, role, site) in places.items():
        users[name] = build.make_user(name)
        build.make_membership(users[name], organization, role, site)
        tokens[name] = build.make_operator_token(users[name], organization, role=role)[1]
    return Scene(world, live_server_process(committed, CORS_ORIGINS=OTHER_DESK), tokens, users)


def test_who_hears_what(scene: Scene) -> None:
    world = scene.world
    north = {"changed": "edge", "organization": "acme", "id": "acme-north-1"}
    south = {"changed": "edge", "organization": "acme", "id": "acme-south-1"}
    with (
        scene.open("owner") as owner,
        scene.open("southerner") as southerner,
        scene.open("stranger") as birch,
    ):
        for end in (owner, southerner, birch):
            assert end.hear() == {"type": "hello", "protocol": 1, "ping_seconds": 30}
        scene.reports(world.north_edge, "applying")
        scene.reports(world.south_edge, "applying")
        world.desk.publish(("organization/acme", "set", THRESHOLD, 41_000))
        world.desk.publish(("site/south", "set", THRESHOLD, 42_000))
        last = scene.end()
        heard = owner.hear_until(last)
        assert north in heard
        assert south in heard
        assert len({one["id"] for one in heard if one["changed"] == "change_set"}) == 2
        at_south = southerner.hear_until(last)
        assert south in at_south
        assert north not in at_south
        # The change of all of Acme is not theirs to see; that their own edge should run something else is.
        assert {one["changed"] for one in at_south} == {"edge", "fleet", "change_set", "alerts"}
        assert len({one["id"] for one in at_south if one["changed"] == "change_set"}) == 1
        # Hints are names and kinds: nothing of a document, a reason or a value.
        assert {key for one in (*heard, *at_south) for key in one} == {"changed", "organization", "id"}
        scene.own_hint("stranger")
        assert birch.hear() == {
            "type": "changed",
            "changes": [{"changed": "alerts", "organization": "birch"}],
        }


def test_a_burst_melts(scene: Scene) -> None:
    acme = scene.world.organization.pk
    with scene.open("owner") as owner:
        owner.hear()
        with tenancy.scope([acme]):  # one transaction: heard at once
            for number in range(3000):
                hints.tell([Hint("edge", acme, frozenset({scene.world.north.pk}), f"edge-{number}")])
        changes: list[dict[str, str]] = []
        messages = 0
        while {"changed": "edge", "organization": "acme"} not in changes:
            changes += owner.hear()["changes"]
            messages += 1
        last = scene.end()
        changes += owner.hear_until(last)
        assert len(changes) < 300
        assert messages <= 3


def test_who_may_no_more_hears_no_more(scene: Scene) -> None:
    acme = scene.world.organization.pk
    token, text = build.make_operator_token(scene.users["owner"], scene.world.organization)
    client, session = scene.session("owner")
    with (
        PersonEnd(scene.server, token=text) as by_token,
        scene.open("southerner") as by_membership,
        PersonEnd(scene.server, session=session, origin=scene.server.url) as by_session,
        scene.open("owner") as stays,
    ):
        for end in (by_token, by_membership, by_session, stays):
            assert end.hear()["type"] == "hello"
        with tenancy.scope([acme]):
            assert operator_tokens.revoke(token_id=token.token_id, by="owner", now=datetime.now(UTC))
            withdrawn = Membership.objects.get(user=scene.users["southerner"])
            people.withdraw(membership=withdrawn, now=datetime.now(UTC))
        client.logout()
        assert [end.closed_with() for end in (by_token, by_membership, by_session)] == [4401] * 3
        stays.hear_until(scene.end())


def test_whose_page_may_connect(scene: Scene) -> None:
    _, session = scene.session("owner")
    url, token = scene.server.url, scene.tokens["owner"]
    let_in: list[dict[str, str]] = [
        {"session": session, "origin": url},
        {"token": token, "origin": url},
        {"token": token, "origin": OTHER_DESK},
        {"token": token},
    ]
    for given in let_in:
        with PersonEnd(scene.server, **given) as end:
            assert end.hear()["type"] == "hello", given
    refused: list[tuple[int, dict[str, str]]] = [
        (4403, {"session": session, "origin": "https://evil.example"}),
        (4403, {"token": token, "origin": "https://evil.example"}),
        (4403, {"session": session, "origin": "null"}),
        (4401, {"session": "0" * 32, "origin": url}),
        (4401, {"token": "emso_nonsense"}),
    ]
    for code, given in refused:
        with PersonEnd(scene.server, **given) as end:
            assert end.closed_with() == code, given
    # A session does not count across origins, and without one; what is said first is no token.
    for given in ({"session": session, "origin": OTHER_DESK}, {"session": session}):
        with PersonEnd(scene.server, **given) as end:
            end.connection.send(json.dumps({"type": "hello"}))
            assert end.closed_with() == 4401, given
    talkers_are_closed(scene)
    sockets_of_one_person_are_bounded(scene)


def talkers_are_closed(scene: Scene) -> None:
    for text, code in (("{}", 1008), ("x" * 5000, 1009)):
        with scene.open("owner") as end:
            end.hear()
            for _ in range(11):
                with contextlib.suppress(ConnectionClosed):
                    end.connection.send(text)
            assert end.closed_with() == code


def sockets_of_one_person_are_bounded(scene: Scene) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            assert stack.enter_context(scene.open("owner")).hear()["type"] == "hello"
        assert stack.enter_context(scene.open("owner")).closed_with() == 4429
        assert stack.enter_context(scene.open("southerner")).hear()["type"] == "hello"


def test_the_pages_say_what_they_follow(cast: build.Cast, client: Client) -> None:
    client.force_login(cast.alice)
    pages = {
        "/admin/fleet/": 'data-live="edge fleet rollout alerts"',
        "/admin/rollouts/": 'data-live="rollout"',
        f"/admin/edges/edge/{cast.acme_north.pk}/change/": 'data-live-id="acme-north-1"',
    }
    for path, said in pages.items():
        page = client.get(path).content.decode()
        assert said in page, path
        assert "/static/console/live.js" in page
    assert client.get("/static/console/live.js").status_code == 200
