"""The notice socket as other pages, thieves and floods find it."""

import json
from contextlib import suppress
from dataclasses import dataclass

import pytest
from django.test import Client
from websockets.exceptions import ConnectionClosed

from edges import tenancy
from edges.models import EdgeKey
from tests import build
from tests.attacks.conftest import Target
from tests.sync_api.conftest import Asker, make_asker
from tests.sync_api.edge_sockets import EdgeEnd
from tests.sync_api.servers import ask

EVIL = "https://evil.example"


@dataclass
class Browser:
    """A person's browser on somebody else's page: it brings their cookies and cannot set a header."""

    session: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Origin": EVIL, "Cookie": f"sessionid={self.session}"}


@pytest.fixture
def asker(target: Target) -> Asker:
    return make_asker(Client(), target.cast.acme_north)


@pytest.fixture
def browser(target: Target) -> Browser:
    client = Client()
    client.force_login(target.cast.alice)
    return Browser(client.cookies["sessionid"].value)


def test_a_page_of_others_opens_no_socket_with_a_persons_cookies(
    target: Target, asker: Asker, browser: Browser
) -> None:
    with EdgeEnd(target.servers[0], asker, **browser.headers) as edge:
        assert edge.closed_with() == 4401


def test_an_operators_token_opens_no_socket(target: Target, asker: Asker) -> None:
    _, token = build.make_operator_token(target.cast.alice, target.cast.acme)
    with EdgeEnd(target.servers[0], asker, Authorization=f"Bearer {token}") as edge:
        assert edge.closed_with() == 4401


def test_a_flood_of_messages_that_mean_nothing_ends_the_socket(target: Target, asker: Asker) -> None:
    noise = json.dumps({"type": "noise", "x": "y" * 1000})
    with EdgeEnd(target.servers[0], asker) as edge:
        assert edge.hear()["type"] == "hello"
        with suppress(ConnectionClosed):
            for _ in range(200):  # the burst of a key is 120
                edge.say(noise)
        assert edge.closed_with() == 4429


def test_no_notice_can_be_sent_by_an_edge(target: Target, asker: Asker) -> None:
    """What sounds like a notice is a message that nobody understands; another edge hears nothing of it."""
    other = make_asker(Client(), target.cast.acme_south)
    spoofed = {"type": "config.updated", "version": 10**9, "digest": "ab" * 32, "spread_seconds": 0}
    with EdgeEnd(target.servers[0], asker) as edge, EdgeEnd(target.servers[0], other) as neighbour:
        assert [edge.hear()["type"], neighbour.hear()["type"]] == ["hello", "hello"]
        edge.say(spoofed)
        edge.say({"type": "heartbeat", "running": {"version": 0}})
        assert edge.hear()["type"] == "heartbeat.ok"
        neighbour.say({"type": "heartbeat", "running": {"version": 0}})
        assert neighbour.hear()["type"] == "heartbeat.ok"


def test_the_operator_api_answers_no_page_of_others(target: Target, browser: Browser) -> None:
    headers = list(browser.headers.items())
    read = ask(target.servers[0], "/api/v1/organizations", headers)
    assert "access-control-allow-origin" not in dict(read.headers)
    written = ask(
        target.servers[0],
        "/api/v1/organizations/acme/sites",
        [*headers, ("Content-Type", "application/json")],
        method="POST",
        body=json.dumps({"code": "evil", "name": "Evil", "time_zone": "UTC"}).encode(),
    )
    assert (written.status, json.loads(written.body)["code"]) == (403, "forbidden")


def test_an_edge_call_believes_no_cookie(target: Target, browser: Browser) -> None:
    path = "/api/v1/edges/acme-south-1/keys/rotate"
    answer = ask(target.servers[0], path, list(browser.headers.items()), method="POST")
    with tenancy.scope([target.cast.acme.pk]):
        candidates = EdgeKey.objects.filter(edge=target.cast.acme_south, pending=True)
        assert (answer.status, candidates.count()) == (401, 0)
