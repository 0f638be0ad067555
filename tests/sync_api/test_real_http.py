"""What only a real server shows: bodies on the wire, errors before Django, a database that is away."""

import gzip
import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.test import Client
from psycopg import sql

from edges import tenancy
from edges.models import EdgeStatus
from tests.configs.conftest import make_world
from tests.databases import Database
from tests.processes import ServerProcess
from tests.sync_api.conftest import Asker, make_asker
from tests.sync_api.edge_sockets import EdgeEnd
from tests.sync_api.servers import ask

StartServer = Callable[..., ServerProcess]
BEAT = json.dumps({"running": {"version": 1, "digest": None}}).encode()


@pytest.fixture
def asker(committed: Database) -> Asker:
    return make_asker(Client(), make_world().north_edge)


def speak(server: ServerProcess, sent: bytes) -> tuple[int, dict[str, Any]]:
    """Exactly these bytes on a new connection; the status and the JSON of what comes back."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(sent)
        received = b""
        while b"\r\n\r\n" not in received or not complete(received):
            chunk = connection.recv(65536)
            if not chunk:
                break
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body) if body else {}


def complete(received: bytes) -> bool:
    head, _, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(lengths) and len(body) >= int(lengths[0].split(b":")[1])


def post(asker: Asker, *headers: str, body: bytes = b"") -> bytes:
    lines = [
        f"POST {asker.path('heartbeat')} HTTP/1.1",
        "Host: 127.0.0.1",
        f"X-API-Key: {asker.text}",
        "Content-Type: application/json",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


def test_bodies_on_the_wire(
    asker: Asker, committed: Database, live_server_process: StartServer, signing_key: Path
) -> None:
    server = live_server_process(committed, EMS_SIGNING_KEY_FILE=str(signing_key))
    squeezed = gzip.compress(BEAT)
    te = "Transfer-Encoding: chunked"
    cases: list[tuple[int, str | None, bytes]] = [
        (200, None, post(asker, f"Content-Length: {len(BEAT)}", body=BEAT)),
        (200, None, post(asker, te, body=chunked(BEAT[:5], BEAT[5:]))),
        (200, None, post(asker, te, "Content-Encoding: gzip", body=chunked(squeezed[:9], squeezed[9:]))),
        (400, "bad_json", post(asker, te, body=chunked())),
        (400, "bad_json", post(asker, "Content-Length: 0")),
        (400, "bad_json", post(asker)),
        (413, "body_too_large", post(asker, te, body=chunked(*[b" " * 8192] * 9))),
        (413, "body_too_large", post(asker, "Content-Length: 65537", body=b" " * 65537)),
        (413, "body_too_large", post(asker, "Content-Length: 99999999999")),
        (415, "unsupported_media", post(asker, "Content-Encoding: br", "Content-Length: 2", body=b"{}")),
    ]
    for status, code, sent in cases:
        answered, body = speak(server, sent)
        assert (answered, body.get("code")) == (status, code), sent[:300]


def test_errors_before_django_are_problems_too(
    asker: Asker, committed: Database, live_server_process: StartServer
) -> None:
    server = live_server_process(committed)
    for line, status in (
        (b"GET /nothing HTTP/1.1", 404),
        (b"PROPFIND /health HTTP/1.1", 405),
        (b"GET /%ff%fe HTTP/1.1", 404),
    ):
        answered, body = speak(server, line + b"\r\nHost: 127.0.0.1\r\nX-Request-ID: here\r\n\r\n")
        assert (answered, body["status"], body["instance"]) == (status, status, "here"), line
    answered, body = speak(server, b"GET /api/v1/trust/roots/1 HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert (answered, body["code"]) == (400, "bad_request")


def test_a_server_without_lifespan_starts_with_the_first_request(
    asker: Asker, committed: Database, live_server_process: StartServer
) -> None:
    server = live_server_process(committed, UVICORN_LIFESPAN="off")
    with EdgeEnd(server, asker) as edge:
        assert edge.hear()["version"] == 1
    fields = [("X-API-Key", asker.text), ("If-None-Match", "*")]
    assert ask(server, asker.path("config"), fields).status == 304


@pytest.mark.slow
def test_a_database_that_is_away_is_503_and_said_on_the_socket(
    asker: Asker, committed: Database, live_server_process: StartServer
) -> None:
    server = live_server_process(committed)
    with psycopg.connect(committed.place.url("postgres", "postgres"), autocommit=True) as admin:
        name = sql.Identifier(committed.name)
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [committed.name]
        )
    answer = ask(server, asker.path("config"), [("X-API-Key", asker.text), ("If-None-Match", "*")])
    assert (answer.status, json.loads(answer.body)["code"]) == (503, "unavailable")
    assert int(answer["retry-after"]) > 0
    assert ask(server, "/health").status == 200
    assert ask(server, "/health/ready").status == 503
    with EdgeEnd(server, asker) as edge:
        assert edge.closed_with() == 1013


def test_what_was_asked_is_answered_before_a_server_stops(
    asker: Asker, committed: Database, live_server_process: StartServer, signing_key: Path
) -> None:
    server = live_server_process(committed, EMS_SIGNING_KEY_FILE=str(signing_key))
    sent = post(asker, f"Content-Length: {len(BEAT)}", body=BEAT)
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(sent[:-5])
        ask(server, "/health")  # the server has read what came so far
        server.process.send_signal(signal.SIGTERM)
        connection.sendall(sent[-5:])
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    with tenancy.scope([asker.edge.organization_id]):
        assert EdgeStatus.objects.get(pk=asker.edge.pk).running_version == 1
