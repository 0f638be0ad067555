"""The desk as an attacker's page, form and text find it: frames, forged forms, redirects, planted scripts."""

import json
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from edges import tenancy
from tests import build
from tests.attacks.conftest import MANY, cast_of
from tests.console.matrix.expectations import API, STATIC
from tests.console.matrix.routes import Route, routes
from tests.console.matrix.world import World

pytestmark = pytest.mark.django_db
MARK = "xss7"
PAYLOAD = (
    f"\"'><script>{MARK}()</script><img src={MARK} onerror={MARK}()>"
    f"<svg/onload={MARK}()> ' onfocus='{MARK}()' x-init=\"{MARK}()\" </textarea></style>"
)
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")


def address(world: World, route: Route) -> str:
    values = dict(world.targets["own"])
    model = "/".join(route.pattern.split("/")[1:3])
    values |= {"object_id": values.get(model, "x"), "version_id": values.get(f"history {model}", "1")}
    values |= {"name": "hold", "app_label": "edges", "url": "x", "change_set": values["done"], "profile": "x"}
    return (
        "/"
        + route.address(values | STATIC | {"number": "1", "one": "1", "other": "2", "root_version": "1"})[1:]
    )


def owner(world: World, **options: Any) -> Client:
    client = Client(raise_request_exception=False, **options)
    client.cookies["sessionid"] = world.sessions["owner"]
    return client


def desk_pages(world: World) -> list[str]:
    return [address(world, route) for route in routes() if route.is_desk]


def test_every_page_refuses_to_be_framed_and_says_where_scripts_may_come_from(world: World) -> None:
    pages = 0
    for path in [*desk_pages(world), "/api/docs"]:
        answer = owner(world).get(path, headers={"Accept": "text/html"})
        assert answer["X-Frame-Options"] == "DENY", path
        assert answer["X-Content-Type-Options"] == "nosniff", path
        if answer["Content-Type"].startswith("text/html") and answer.content:
            pages += 1
            policy = answer["Content-Security-Policy"]
            assert "frame-ancestors 'none'" in policy, path
            assert "object-src 'none'; base-uri 'self'; form-action 'self'" in policy, path
            told = path not in ("/api/docs", "/admin/password_change/", "/admin/password_change/done/")
            assert not told or "no-store" in answer["Cache-Control"], path
    assert pages > 30


FORGED: dict[str, dict[str, str]] = {
    "without the token": {},
    "with the token, from another page": {"X-CSRFToken": "a" * 32, "Origin": "https://evil.example"},
    "with the token, from a page without origin": {"X-CSRFToken": "a" * 32, "Origin": "null"},
    "with a token that is not the cookie's": {"X-CSRFToken": "b" * 32},
}


@pytest.mark.parametrize("how", FORGED)
def test_no_route_takes_a_forged_request_of_a_signed_in_browser(world: World, how: str) -> None:
    """Every unsafe method of every route, with the body that would be taken from an owner's token."""
    client = owner(world, enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    taken = []
    for route in routes():
        for method in UNSAFE:
            call = API.get(route.pattern, {}).get(method)
            body = json.dumps(call.body(world.targets["own"])).encode() if call and call.body else b"{}"
            kind = "application/x-www-form-urlencoded" if route.is_desk else "application/json"
            headers = {**FORGED[how], **(call.headers if call else {})}
            answer = client.generic(method, address(world, route), body, content_type=kind, headers=headers)
            if answer.status_code not in (401, 403, 404, 405):
                taken.append((route.pattern, method, answer.status_code))
    assert taken == []


def test_over_tls_a_form_without_a_referrer_is_forged(world: World) -> None:
    client = owner(world, enforce_csrf_checks=True)
    client.cookies["csrftoken"] = "a" * 32
    answer = client.post("/admin/password_change/", headers={"X-CSRFToken": "a" * 32}, secure=True)
    assert answer.status_code == 403


ELSEWHERE = (
    "//evil.example/",
    "https://evil.example/",
    "\\\\evil.example",
    "/\\evil.example",
    "///evil.example",
    "http:///evil.example",
    "https:evil.example",
    "javascript:alert(1)",
    "\x01//evil.example",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
)


def test_signing_in_and_out_leads_nowhere_else(cast: build.Cast, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    cast.alice.set_password("correct horse battery staple")
    cast.alice.save()
    settings.EMS_LIMITS = {"failed": MANY}
    for elsewhere in ELSEWHERE:
        form = {"username": "alice", "password": "correct horse battery staple", "next": elsewhere}
        client = Client()
        answer = client.post("/admin/login/", form, QUERY_STRING=f"next={elsewhere}")
        assert (answer.status_code, answer["Location"]) == (302, "/admin/"), elsewhere
        for path in ("/admin/login/", "/admin/password_change/", "/admin/edges/edge/", "/admin/logout/"):
            answer = client.post(path, {"next": elsewhere}, QUERY_STRING=f"next={elsewhere}")
            assert answer.headers.get("Location", "/admin/").startswith("/admin/"), (path, elsewhere)


class Page(HTMLParser):
    """What a browser would run: scripts, handlers, expressions of Alpine and htmx, foreign elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.run: list[str] = []
        self._inside: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "style"):
            self._inside.append(tag)
        if any(MARK in name for name, _ in attrs) or MARK in tag:
            self.run.append(f"<{tag} {attrs}>")
        for name, value in attrs:
            runs = name.startswith(("on", "x-", "@", ":", "hx-", "style", "srcdoc", "formaction"))
            leads = name in ("href", "src", "action") and (value or "").strip().lower().startswith(
                ("javascript:", "data:text", MARK)
            )
            if MARK in (value or "") and (runs or leads):
                self.run.append(f"<{tag} {name}={value}>")

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if self._inside and MARK in data:
            self.run.append(data[:200])


def test_the_reader_of_pages_sees_what_would_run() -> None:
    assert len(Page(f"<textarea>x{PAYLOAD}").run) >= 4
    assert Page(f'<a href="javascript:{MARK}()">').run
    assert Page(f'<div x-data="{{ a: {MARK} }}">').run


def plant(world: World) -> None:
    """The payload through every door by which an edge or a person leaves text."""
    cast = cast_of(world)
    _, key = build.make_key(cast.acme_north)
    edge = "/api/v1/edges/acme-north-1"
    word, short = PAYLOAD[:64], PAYLOAD[:32]
    attempt = {"version": 2, "status": word, "code": word, "detail": PAYLOAD, "log": PAYLOAD * 3}
    beat = {
        "running": {"version": 1},
        "phase": short,
        "last_attempt": attempt,
        "hold": {"by": PAYLOAD, "reason": PAYLOAD, "until": word},
        "health": {PAYLOAD: {"ok": False, "detail": PAYLOAD}},
        "schemas": [word],
        "hardware_id": PAYLOAD,
        "agent_version": word,
        "capabilities": {PAYLOAD: PAYLOAD},
    }
    event = {
        "id": "33333333-3333-4333-8333-333333333333", "seq": 2, "type": word, "at": "2026-01-01T00:00:00Z",
        "code": word, "detail": PAYLOAD, "data": {PAYLOAD: PAYLOAD},
    }  # fmt: skip
    layer = {"extensions": {"vendor": {"note": PAYLOAD, "deep": {"more": [PAYLOAD]}}}}
    at_once = {"scope": "edge", "target": "acme-north-1", "op": "set", "path": "/extensions", "value": {}}
    change = {"reason": PAYLOAD, "publish": True, "operations": [at_once | {"value": layer["extensions"]}]}
    person = {"Authorization": f"Bearer {world.credentials['owner']}"}
    sent = [
        (f"{edge}/heartbeat", beat, {"X-API-Key": key}),
        (f"{edge}/events", {"events": [event]}, {"X-API-Key": key}),
        ("/api/v1/organizations/acme/change-sets", change, person),
        ("/api/v1/organizations/acme/sites", {"code": "x", "name": PAYLOAD, "time_zone": "UTC"}, person),
        ("/api/v1/organizations/acme/tokens", {"name": PAYLOAD, "role": "viewer"}, person),
        (f"{edge}/hold", {"reason": PAYLOAD}, person),
    ]
    for path, body, headers in sent:
        answer = Client().post(path, body, content_type="application/json", headers=headers)
        assert answer.status_code in (200, 201), answer.content
    with tenancy.scope([cast.acme.pk]):
        for row in (cast.acme, cast.north, cast.acme_north):
            row.name = PAYLOAD
            row.save()


def test_text_of_edges_and_people_stays_text_on_every_page(world: World) -> None:
    plant(world)
    client = owner(world)
    searched = [
        f"{reverse('admin:edges_edge_changelist')}?q={PAYLOAD}",
        f"/admin/edges/edge/add/?name={PAYLOAD}",
    ]
    layer = "/admin/layers/acme/edge/acme-north-1/"
    forms = [
        (layer, {"body": json.dumps({"x": PAYLOAD}), "reason": PAYLOAD, "revision": "1", "step": "preview"}),
        (layer, {"body": f"{{{PAYLOAD}", "reason": PAYLOAD, "revision": PAYLOAD}),
        (address_of_act(world, "rollback"), {"reason": PAYLOAD, "to_version": PAYLOAD}),
        ("/admin/edges/membership/add/", {"username": PAYLOAD, "role": PAYLOAD}),
        ("/admin/login/", {"username": PAYLOAD, "password": "x"}),
        ("/admin/transfer/", {"organization": "acme", "text": PAYLOAD, "reason": PAYLOAD}),
        ("/admin/edges/bulk/", {"organization": "acme", "text": f"edge_id,site\n{PAYLOAD},x", "step": "add"}),
    ]
    answers = [
        (path, client.get(path, headers={"Accept": "text/html"})) for path in desk_pages(world) + searched
    ]
    answers += [(path, client.post(path, form, headers={"Accept": "text/html"})) for path, form in forms]
    carrying = 0
    for path, answer in answers:
        assert answer.status_code < 500, path
        if answer.get("Content-Disposition", "").startswith("attachment"):
            continue  # a file to keep, which no browser shows
        text = answer.content.decode()
        carrying += MARK in text
        assert Page(text).run == [], path
    assert carrying > 12


def address_of_act(world: World, name: str) -> str:
    return reverse("admin:console_act", args=[world.targets["own"]["edge_uid"], name])


def test_an_answer_of_the_api_is_no_page(world: World) -> None:
    """Text in it runs nowhere: it is JSON, and browsers are told not to guess otherwise."""
    plant(world)
    person = {"Authorization": f"Bearer {world.credentials['owner']}"}
    for path in ("organizations/acme/events", "organizations/acme/sites", "edges/acme-north-1/status"):
        answer = Client().get(f"/api/v1/{path}", headers=person)
        assert MARK in answer.content.decode()
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"
    refused = Client().get(f"/api/v1/organizations?{PAYLOAD}=1", headers=person)
    assert refused["Content-Type"] == "application/problem+json"
