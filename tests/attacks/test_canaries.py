"""Every secret of a deployment, sought in every answer, page and log line, and in a dump of the database."""

import json
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from websockets.exceptions import WebSocketException

from edges import enrollment, tenancy
from tests.attacks.conftest import MANY, PEPPER, SECRET_KEY, Target
from tests.attacks.test_pages import address
from tests.console.matrix.expectations import API
from tests.console.matrix.routes import routes
from tests.processes import ServerProcess
from tests.sync_api.conftest import Asker
from tests.sync_api.edge_sockets import EdgeEnd
from tests.sync_api.servers import Answer, ask

LIMITS = dict.fromkeys(("operator", "failed", "enroll"), MANY) | {"edge_key": [10_000, 100, 100, 20]}
PASSWORD = "canary-password-canary"
CREDENTIAL = re.compile(r"em[sn][eno]_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}")
JSON = ("Content-Type", "application/json")


@dataclass
class Sweep:
    """`secrets` by what they are; `shown` are the answers whose purpose it is to show one, once."""

    target: Target
    secrets: dict[str, str] = field(default_factory=dict)
    answers: list[tuple[str, str]] = field(default_factory=list)

    @property
    def server(self) -> ServerProcess:
        return self.target.servers[0]

    def keep(self, what: str, credential: str) -> str:
        """A credential is secret from behind its id."""
        self.secrets[what] = credential.rpartition("_")[2]
        return credential

    def ask(self, path: str, *headers: tuple[str, str], method: str = "GET", body: bytes = b"") -> Answer:
        answer = ask(self.server, path, headers, method=method, body=body)
        shown = "\n".join(f"{name}: {value}" for name, value in answer.headers)
        self.answers.append((f"{method} {path}", f"{shown}\n{answer.body.decode(errors='replace')}"))
        return answer

    def shown_once(self, what: str, path: str, *headers: tuple[str, str], body: bytes) -> str:
        answer = ask(self.server, path, headers, method="POST", body=body)
        found = CREDENTIAL.search(answer.body.decode())
        assert found is not None, (path, answer.status, answer.body[:300])
        return self.keep(what, found[0])


def person(sweep: Sweep) -> tuple[str, str]:
    return "Authorization", f"Bearer {sweep.target.world.credentials['owner']}"


def browser(sweep: Sweep) -> tuple[str, str]:
    return "Cookie", f"sessionid={sweep.target.world.sessions['owner']}"


def know(sweep: Sweep) -> None:
    world = sweep.target.world
    sweep.secrets |= {"pepper": PEPPER, "SECRET_KEY": SECRET_KEY, "password": PASSWORD}
    for name, file in (("signing seed", sweep.target.signing_key), ("root seed", sweep.target.root_key)):
        sweep.secrets[name] = file.read_text().strip()
    for name, credential in world.credentials.items():
        sweep.keep(name, credential)
    sweep.target.cast.charlie.set_password(PASSWORD)
    sweep.target.cast.charlie.save()


def read_everything(sweep: Sweep) -> None:
    for route in routes():
        path = address(sweep.target.world, route)
        who = browser(sweep) if route.is_desk else person(sweep)
        edge = ("X-API-Key", sweep.target.world.credentials["edge"])
        is_edges = any(call.who in ("edge", "either") for call in API.get(route.pattern, {}).values())
        sweep.ask(path, edge if is_edges else who, ("Accept", "text/html"))


def get_what_is_shown_once(sweep: Sweep) -> None:
    """Each door that gives a secret out; what it gave must not be found anywhere else."""
    with tenancy.scope([sweep.target.cast.acme.pk]):
        token, _ = enrollment.issue_token(
            edge=sweep.target.cast.acme_south, by="x", now=datetime.now(UTC), random_bytes=secrets.token_bytes
        )
    sweep.keep("enrollment token", token)
    body = {"token": token, "nonce": "canary-nonce", "agent_version": "1", "schemas": []}
    sweep.shown_once("enrolled key", "/api/v1/enroll", JSON, body=json.dumps(body).encode())
    key = ("X-API-Key", sweep.target.world.credentials["edge"])
    sweep.shown_once("rotated key", "/api/v1/edges/acme-north-1/keys/rotate", key, JSON, body=b"{}")
    who = (person(sweep), JSON, ("Idempotency-Key", "canary"))
    path = "/api/v1/edges/acme-north-1/enrollment-token"
    sweep.shown_once("issued token", path, *who, body=b"{}")
    made = json.dumps({"name": "canary", "role": "viewer"}).encode()
    sweep.shown_once("operator token", "/api/v1/organizations/acme/tokens", *who[:2], body=made)
    cookie = ("Cookie", f"{browser(sweep)[1]}; csrftoken={'a' * 32}")
    form = (cookie, ("X-CSRFToken", "a" * 32), ("Content-Type", "application/x-www-form-urlencoded"))
    path = f"/admin/edges/edge/{sweep.target.cast.acme_north.pk}/act/token/"
    sweep.shown_once("token of the desk", path, *form, body=b"reason=canary")
    sweep.ask(f"/admin/edges/edge/{sweep.target.cast.acme_north.pk}/change/", browser(sweep))
    again = sweep.ask("/api/v1/edges/acme-north-1/enrollment-token", *who, method="POST", body=b"{}")
    assert again.status == 409


def misplace(sweep: Sweep) -> None:
    """Secrets where careless clients and thieves put them: addresses, forms, other calls, broken requests."""
    key, token = sweep.target.world.credentials["edge"], sweep.target.world.credentials["owner"]
    for path in (f"/api/v1/organizations?cursor={token}", f"/nowhere?key={key}", f"/%ff?{key}",
                 f"/admin/login/?next=/{key}", f"/ws/edges/acme-north-1/notify?key={key}"):  # fmt: skip
        ask(sweep.server, path, [("Authorization", f"Basic {key}")])
    ask(sweep.server, f"/api/v1/edges/{key}/config", [("X-API-Key", key)])
    for path in ("heartbeat", "events", "keys/rotate"):
        for body in ({"running": key}, {"events": key}, {"running": {"version": key}}, key):
            header = ("X-API-Key", key)
            sweep.ask(f"/api/v1/edges/acme-north-1/{path}", header, JSON, method="POST",
                      body=json.dumps(body).encode())  # fmt: skip
    for credential in (key, token):
        for field_name in (
            "Authorization",
            "X-API-Key",
            "X-Request-ID",
            "EMS-Manifest-Issued",
            "If-None-Match",
        ):
            sweep.ask("/api/v1/edges/acme-north-1/config", (field_name, credential))
            sweep.ask("/api/v1/organizations", (field_name, credential))
    form = f"username=charlie&password={PASSWORD}".encode()
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    sweep.ask("/admin/login/", kind, method="POST", body=form)
    sweep.ask("/admin/login/", kind, method="POST", body=form.replace(b"charlie", b"nobody"))
    asker = Asker(None, sweep.target.cast.acme_north, None, key)  # type: ignore[arg-type]
    with suppress(WebSocketException), EdgeEnd(sweep.server, asker) as edge:
        edge.say(json.dumps({"type": "heartbeat", "running": key}))
        edge.hear_of("error")


@pytest.fixture(scope="module")
def sweep(target: Target) -> Sweep:
    made = Sweep(target)
    know(made)
    read_everything(made)
    get_what_is_shown_once(made)
    misplace(made)
    return made


def found(text: str, sought: dict[str, str]) -> list[str]:
    """Which secrets stand in the text, as they are or as PostgreSQL writes bytes."""
    return [what for what, secret in sought.items() if secret in text or secret.encode().hex() in text]


def test_the_sweep_saw_what_it_should(sweep: Sweep) -> None:
    assert len(sweep.secrets) >= 16
    assert len({path for path, _ in sweep.answers}) > 100
    assert sum("acme-north-1" in text for _, text in sweep.answers) > 20
    assert found("x" + PEPPER.encode().hex(), sweep.secrets) == ["pepper"]


def test_no_answer_and_no_page_shows_a_secret(sweep: Sweep) -> None:
    shown = {path: found(text, sweep.secrets) for path, text in sweep.answers}
    assert {path: what for path, what in shown.items() if what} == {}


def test_no_log_line_shows_a_secret_or_a_session(sweep: Sweep) -> None:
    sweep.ask("/health")
    text = "".join(server.log.read_text() for server in sweep.target.servers)
    assert "/api/v1/edges/emse_" in text, "requests are logged"
    assert "..." in text
    assert found(text, sweep.secrets | {"session": sweep.target.world.sessions["owner"]}) == []


def test_a_dump_of_the_database_holds_no_secret(sweep: Sweep) -> None:
    """Keyed hashes stand in it; neither what they are of nor what keyed them."""
    with psycopg.connect(sweep.target.database.superuser_url) as thief:
        tables = thief.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        rows = {
            table: [
                row[0]
                for row in thief.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table)))
            ]
            for (table,) in tables
        }
    assert len(rows["edges_edgekey"]) > 5
    assert len(rows["doors_idempotencyrecord"]) > 0
    told = {table: found("\n".join(texts), sweep.secrets) for table, texts in rows.items()}
    assert {table: what for table, what in told.items() if what} == {}


def test_key_files_are_their_owners_alone(sweep: Sweep) -> None:
    for file in (sweep.target.signing_key, sweep.target.root_key):
        assert file.stat().st_mode & 0o077 == 0
    assert Path(sweep.target.signing_key).parent.stat().st_mode & 0o077 == 0
