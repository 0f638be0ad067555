"""Whose role covers one site alone sees nothing of the other: every address that can be read, as an operator.

Generated from the URL resolver like the isolation matrix, which asks with roles in whole organizations.
"""

import json
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from configs import founding
from edges import roles, tenancy
from edges.models import Site
from tests import build
from tests.console.matrix import desk_expectations, expectations
from tests.console.matrix.desk_expectations import Page
from tests.console.matrix.routes import Route, routes
from tests.console.matrix.world import World, make_world
from tests.console.test_isolation_matrix import Cell, values_of

HIDDEN = "acme-north-1"  # the edge of the other site; its name stands wherever something of it is told
OURS, THEIRS = "same_org", "own"  # of the world: Acme's site south, and Acme's site north


@pytest.fixture
def world(db: None, key_folder: Any, settings: Any) -> World:
    signing_key = key_folder / "config-signing.key"
    settings.EMS_SIGNING_KEY_FILE = str(signing_key)
    settings.EMS_LIMITS = dict.fromkeys(("operator", "failed"), (1000000.0, 1000000.0, 1, 0))
    founding.found_trust(
        signing_key=signing_key,
        root_key=key_folder / "root-1.key",
        now=build.NOW,
        random_bytes=lambda count: bytes(range(count)),
    )
    return make_world()


def southerner(world: World) -> tuple[Client, dict[str, str]]:
    """A signed-in operator of Acme's site south, and the header of a token of theirs."""
    with tenancy.scope([world.targets[OURS]["edges/organization"]]):
        south = Site.objects.select_related("organization").get(code="south")
    user = build.make_user("sandra")
    build.make_membership(user, south.organization, "operator", site=south)
    text = build.make_operator_token(user, south.organization, role="operator", site=south)[1]
    client = Client()
    client.force_login(user)
    return client, {"Authorization": f"Bearer {text}"}


def readable() -> list[tuple[Route, Any]]:
    """Every address that somebody may read."""
    found = []
    for route in routes():
        if route.is_desk:
            asked = desk_expectations.pages()[route.pattern].get("GET")
        else:
            asked = expectations.API[route.pattern].get("GET")
        if asked is not None and getattr(asked, "who", "") not in ("public", "edge"):
            found.append((route, asked))
    return found


def ask(world: World, route: Route, expectation: Any, target: str, who: tuple[Client, dict[str, str]]) -> Any:
    client, header = who
    values = values_of(world, Cell(route, "GET", "operator", target, expectation))
    address = route.address(values)
    query = "" if isinstance(expectation, Page) else expectation.query
    reader = client if route.is_desk else Client()
    headers = {"Accept": "text/html"} if route.is_desk else header
    answer = reader.get(f"{address}?{query}" if query else address, headers=headers)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return address, answer, content.decode(errors="replace")


def names_theirs(world: World, route: Route) -> bool:
    """Does this address name something of the site that is hidden?"""
    ours, theirs = world.targets[OURS], world.targets[THEIRS]
    model = "/".join(route.pattern.split("/")[1:3])
    names = [model if name == "object_id" else name for name in route.parameters]
    return any(ours.get(name) != theirs.get(name) for name in names if name in theirs)


def test_a_role_in_one_site_reads_nothing_of_another(world: World) -> None:
    who = southerner(world)
    wrong, answered = [], 0
    for route, expectation in readable():
        for target in (OURS, THEIRS):
            address, answer, text = ask(world, route, expectation, target, who)
            if HIDDEN in text.replace(address, ""):
                at = text.replace(address, "").index(HIDDEN)
                wrong.append(f"{address}: tells of {HIDDEN}: {text[max(0, at - 80) : at + 40]!r}")
            if target == THEIRS and names_theirs(world, route) and answer.status_code == 200:
                wrong.append(f"{address}: is shown")
            answered += answer.status_code == 200
    assert not wrong, "\n".join(wrong)
    assert answered > 60


FILES = ("/admin/history/?export=csv", "/admin/history/?export=json", "/admin/transfer/acme/")
SEARCHES = (
    "/admin/edges/edge/?q=acme-north",
    "/admin/fleet/?text=acme-north",
    "/admin/configs/version/?q=acme-north",
    "/admin/values/?path=/core_cycle/period_ms",
    "/admin/history/?path=/core_cycle/period_ms",
    "/admin/alerts/?state=all",
    "/admin/edges/edgeevent/?q=acme-north",
    "/admin/fleet/?site=acme/north",
)


@pytest.mark.parametrize("address", [*FILES, *SEARCHES])
def test_files_searches_and_filters_stop_at_the_site(world: World, address: str) -> None:
    client, _ = southerner(world)
    answer = client.get(address)
    assert answer.status_code in (200, 403, 404), address
    assert HIDDEN not in answer.content.decode()


def writable() -> list[tuple[Route, str, Any]]:
    """Every address of the API that changes something for people, by method."""
    return [
        (route, method, call)
        for route in routes()
        if not route.is_desk
        for method, call in expectations.API[route.pattern].items()
        if method not in ("GET", "HEAD", "OPTIONS") and call.who not in ("public", "edge", "either")
    ]


def change(world: World, route: Route, method: str, call: Any, target: str, header: dict[str, str]) -> Any:
    """The answer of one change, whose effects are undone."""
    values = values_of(world, Cell(route, method, "operator", target, call))
    body = b"" if call.body is None else json.dumps(call.body(values)).encode()
    with transaction.atomic():
        address = f"{route.address(values)}?{call.query}"
        headers = {**header, **call.headers}
        answer = Client().generic(method, address, body, content_type="application/json", headers=headers)
        transaction.set_rollback(True)
    return answer


def test_a_role_in_one_site_changes_nothing_of_another(world: World) -> None:
    """At home the same calls do what the role says, so that the refusals are the site's."""
    _, header = southerner(world)
    wrong, at_home = [], 0
    for route, method, call in writable():
        answer = change(world, route, method, call, THEIRS, header)
        if answer.status_code not in (403, 404):
            wrong.append(f"{method} {route.pattern}: {answer.status_code} {answer.content[:200]!r}")
        if roles.allows("operator", call.who) and names_theirs(world, route):
            answer = change(world, route, method, call, OURS, header)
            if answer.status_code not in call.ok:
                wrong.append(
                    f"{method} {route.pattern} at home: {answer.status_code} {answer.content[:200]!r}"
                )
            at_home += 1
    assert not wrong, "\n".join(wrong)
    assert at_home > 15
