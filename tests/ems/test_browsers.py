"""What browsers are told, health, and static files."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from tests.databases import Database, pointed_at

HEALTH = "/health"
ORIGIN = {"headers": {"origin": "https://desk.example.com"}}


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.CORS_ORIGINS = ["https://desk.example.com"]


def preflight(client: Client, path: str = "/api/v1/nothing", **more: Any) -> Any:
    headers = {"origin": "https://desk.example.com", "access-control-request-method": "PUT", **more}
    return client.options(path, headers=headers)


def test_health_needs_nothing(client: Client) -> None:
    answer = client.get(HEALTH)
    assert answer.status_code == 200
    assert answer.json().keys() == {"status", "timestamp", "service"}
    assert (answer.json()["status"], answer["Cache-Control"]) == ("ok", "no-store")


def test_ready_when_the_database_has_every_migration(client: Client, db: None) -> None:
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")


def test_not_ready_when_the_database_is_away(
    client: Client, template: Database, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), pointed_at(Database(template.place, "nowhere")):
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["detail"]) == (503, "The database does not answer.")


def test_not_ready_as_a_role_above_the_policies(
    client: Client, template: Database, django_db_blocker: DjangoDbBlocker
) -> None:
    with django_db_blocker.unblock(), pointed_at(template):
        connection.settings_dict["USER"] = "ems_owner"
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert "not the application's" in answer.json()["detail"]


@pytest.mark.parametrize("path", ["/health", "/health/ready", "/metrics"])
def test_probes_ask_by_any_name_and_without_tls(client: Client, db: None, settings: Any, path: str) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["ems.example.com"]
    assert client.get(path, headers={"host": "10.1.2.3:8000"}).status_code == 200
    assert client.get("/api/v1/x", headers={"host": "10.1.2.3:8000"}).status_code == 400


def test_health_is_only_read(client: Client) -> None:
    assert client.post(HEALTH).status_code == 405


def test_an_allowed_origin_may_ask(client: Client, allowed: None) -> None:
    answer = preflight(client)
    assert answer.status_code == 204
    assert answer["Access-Control-Allow-Origin"] == "https://desk.example.com"
    assert "If-Match" in answer["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer
    assert "Origin" in answer["Vary"]


def test_an_allowed_origin_reads_what_the_contract_says_in_headers(client: Client, allowed: None) -> None:
    for path in ("/api/openapi.json", "/api/v1/organizations"):
        answer = client.get(path, **ORIGIN)
        assert answer["Access-Control-Allow-Origin"] == "https://desk.example.com"
        exposed = set(answer["Access-Control-Expose-Headers"].split(", "))
        assert {"ETag", "Location", "Retry-After", "X-Request-ID"} <= exposed
        assert "Access-Control-Allow-Credentials" not in answer


def test_another_origin_is_told_nothing(client: Client, allowed: None) -> None:
    answer = preflight(client, origin="https://evil.example.com")
    assert "Access-Control-Allow-Origin" not in answer


def test_no_origin_is_allowed_unless_it_is_named(client: Client) -> None:
    assert "Access-Control-Allow-Origin" not in preflight(client)


def test_pages_are_not_open_to_other_origins(client: Client, allowed: None, db: None) -> None:
    assert "Access-Control-Allow-Origin" not in client.get("/admin/login/", **ORIGIN)


def test_a_page_says_where_it_may_load_from(client: Client, db: None) -> None:
    answer = client.get("/admin/login/", headers={"accept": "text/html"})
    assert answer.status_code == 200
    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


def test_a_static_file_comes_whole_and_is_remembered(client: Client) -> None:
    answer = client.get("/static/admin/css/base.css")
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/css")
    again = client.get("/static/admin/css/base.css", headers={"if-modified-since": answer["Last-Modified"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "path",
    ["nothing.css", "../settings.py", "..%2f..%2fmanage.py", "admin", "%00", "admin/css/../../../../x"],
)
def test_nothing_else_is_served_as_a_static_file(client: Client, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404
