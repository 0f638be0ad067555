"""Every route x method x principal x target: who gets what, and that foreign and unknown answer alike.

The rows are generated from the URL resolver; what stands in no expectation fails. Run once with the
application's filters alone (row level security off in a database of its own) and once with row level security
alone.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings as configured
from django.db import connection, transaction
from django.http.response import HttpResponseBase

from configs import founding
from edges import tenancy
from edges.models import Edge, Organization
from tests import build
from tests.conftest import Database
from tests.console.matrix import desk_expectations, expectations
from tests.console.matrix.desk_expectations import MODELS, Page
from tests.console.matrix.expectations import NOT_SERVED, Call
from tests.console.matrix.routes import Route, routes
from tests.console.matrix.world import API_PRINCIPALS, CANARY, DESK_PRINCIPALS, HOME, World, make_world

TARGETS = ("own", "same_org", "other_org", "unknown")
OF_ONE_EDGE = ("edge", "sibling", "revoked_edge")
# Who asks by methods that nothing serves: one of each kind, for the method is refused before the role counts.
ASK_FOR_NOTHING = ("anonymous", "edge", "owner", "other_owner")
# Under the address of their own parent: what is somebody else's, and what is nobody's.
CROSSED = ("crossed", "lost")
# Parameters that say the same of everybody.
COMMON = frozenset(
    {"path", "url", "app_label", "profile", "root_version", "number", "one", "other", "name", "deed", "verb"}
)
# What differs between two equal answers: names from the address, request ids, forgery tokens, moments.
REFUSED = frozenset({302, 401, 403, 404})
VOLATILE = re.compile(
    r'"instance":"[^"]*"|csrfmiddlewaretoken" value="[^"]*"|"X-CSRFTOKEN": "[^"]*"|X-CSRFToken": "[^"]*"'
)


@dataclass(frozen=True)
class Cell:
    route: Route
    method: str
    principal: str
    target: str
    expectation: Call | Page | None

    def __str__(self) -> str:
        return f"{self.method} {self.route.pattern} as {self.principal} on {self.target}"


@dataclass(frozen=True)
class Seen:
    cell: Cell
    status: int
    content: str
    location: str

    def likeness(self, address: str, values: dict[str, str]) -> str:
        """The whole answer without what the question brought."""
        text = VOLATILE.sub("", f"{self.status} {self.location} {self.content}")
        longest_first = sorted({address, *values.values()}, key=len, reverse=True)
        for value in (value for value in longest_first if len(value) > 3):
            text = text.replace(value, "")
        return text


# Each table's row level security has tests of its own, so that the long round waits for `make test-all`.
@pytest.fixture(
    params=[
        "application filters alone",
        pytest.param("row level security alone", marks=pytest.mark.slow),
    ]
)
def only(request: pytest.FixtureRequest, committed: Database, settings: Any) -> str:
    """One of the two fences is down."""
    if request.param == "row level security alone":
        settings.TENANT_APPLICATION_FILTER = False
        return request.param
    with psycopg.connect(committed.owner_url, autocommit=True) as owner:
        tables = owner.execute("select relname from pg_class where relrowsecurity").fetchall()
        assert len(tables) > 20
        for (table,) in tables:
            owner.execute(f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY')
    return request.param


@pytest.fixture
def world(only: str, key_folder: Path, settings: Any) -> World:
    signing_key = key_folder / "config-signing.key"
    settings.EMS_SIGNING_KEY_FILE = str(signing_key)
    settings.EMS_LIMITS = dict.fromkeys(("operator", "failed", "enroll"), (1000000.0, 1000000.0, 1, 0))
    founding.found_trust(
        signing_key=signing_key,
        root_key=key_folder / "root-1.key",
        now=build.NOW,
        random_bytes=lambda count: bytes(range(count)),
    )
    return make_world()


def test_each_fence_is_really_alone(only: str, world: World) -> None:
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from edges_edge")
        visible_without_scope = cursor.fetchone()[0]
    acme = world.targets["own"]["edges/organization"]
    with tenancy.scope([acme]):
        assert Edge.objects.count() == 2
        sql = str(Edge.objects.all().query)
    assert visible_without_scope == (0 if configured.TENANT_APPLICATION_FILTER is False else 3)
    assert (" = ANY(" in sql) is configured.TENANT_APPLICATION_FILTER


def test_every_route_and_method_is_expected() -> None:
    """A route that nobody thought about fails here, and so does an expectation that nothing serves."""
    served = {route.pattern for route in routes()}
    assert served == set(expectations.API) | set(desk_expectations.pages())


def test_the_api_answers_each_principal_as_expected(world: World) -> None:
    check(world, [route for route in routes() if not route.is_desk], API_PRINCIPALS)


def test_the_desk_answers_each_principal_as_expected(world: World) -> None:
    check(world, [route for route in routes() if route.is_desk], DESK_PRINCIPALS)


def check(world: World, chosen: list[Route], principals: tuple[str, ...]) -> None:
    wrong: list[str] = []
    for route in chosen:
        for method in route.methods:
            for principal in principals:
                seen = {cell.target: ask(world, cell) for cell in cells(route, method, principal)}
                for one in seen.values():
                    wrong += complaints(one)
                wrong += differences(world, seen)
    assert not wrong, "\n".join([f"{len(wrong)} cells are wrong:", *wrong[:40]])


def cells(route: Route, method: str, principal: str) -> Iterator[Cell]:
    if route.is_desk:
        expectation: Call | Page | None = desk_expectations.pages()[route.pattern][method]
    else:
        expectation = expectations.API[route.pattern].get(method)
    if expectation is None and principal not in ASK_FOR_NOTHING:
        return
    things = [name for name in route.parameters if name not in COMMON]
    # A method that is not served cannot tell own from foreign, only foreign from unknown.
    targets = (TARGETS if expectation else ("other_org", "unknown")) if things else ("own",)
    if principal not in OF_ONE_EDGE:  # to a role in the whole organization all of its edges are one's own
        targets = tuple(target for target in targets if target != "same_org")
    shared = "deviceprofile" in route.pattern
    if expectation and len(things) > 1 and not shared and principal not in ("other_owner", "edge", "sibling"):
        targets += CROSSED
    for target in targets:
        yield Cell(route, method, principal, target, expectation)


def ask(world: World, cell: Cell) -> Seen:
    """One request, whose effects are undone."""
    client, headers = world.client(cell.principal, is_desk=cell.route.is_desk)
    values = values_of(world, cell)
    address = cell.route.address(values)
    with transaction.atomic():
        if isinstance(cell.expectation, Page):
            answer = client.generic(
                cell.method, address, "reason=matrix&body=%7B%7D&revision=0&step=preview",
                content_type="application/x-www-form-urlencoded", headers=headers,
            )  # fmt: skip
        else:
            call = cell.expectation or Call("read")
            body = call.body(values) if call.body else None
            answer = client.generic(
                cell.method,
                f"{address}?{call.query}" if call.query else address,
                b"" if body is None else _json(body),
                content_type="application/json",
                headers={**headers, **call.headers},
            )
        content = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    return Seen(cell, answer.status_code, content.decode(errors="replace"), located(answer))


def _json(body: Any) -> bytes:
    import orjson

    return orjson.dumps(body)


def located(answer: HttpResponseBase) -> str:
    return str(answer.headers.get("Location", ""))


def values_of(world: World, cell: Cell) -> dict[str, str]:
    values = dict(world.targets[{"crossed": "other_org", "lost": "unknown"}.get(cell.target, cell.target)])
    if cell.target in CROSSED:
        values |= {name: world.targets["own"][name] for name in ("org", "edge_id", "edge_uid", *MODELS)}
    model = "/".join(cell.route.pattern.split("/")[1:3])
    values["object_id"] = values.get(model, "")
    values["version_id"] = values.get(f"history {model}", "")
    values |= {
        "name": "rollback",
        "app_label": "edges",
        "url": "nowhere",
        "change_set": values["done"],
    }
    values |= expectations.STATIC
    if isinstance(cell.expectation, Call):
        named = dict(cell.expectation.values)
        if "change_set" in named:
            named["change_set"] = values[named["change_set"]]
        values |= named
    else:
        values |= {"number": "1", "one": "1", "other": "2", "root_version": "1", "profile": "x"}
    return values


def complaints(seen: Seen) -> list[str]:
    cell = seen.cell
    expected = expected_statuses(cell)
    found = []
    if seen.status not in expected:
        found.append(f"{cell}: {seen.status}, not {sorted(expected)}: {seen.content.strip()[-200:]!r}")
    home = HOME.get(cell.principal, "acme")
    foreign = [canary for organization, canary in CANARY.items() if organization != home]
    if cell.principal == "anonymous" or cell.principal.startswith("revoked"):
        foreign = list(CANARY.values())
    if any(canary in seen.content + seen.location for canary in foreign):
        found.append(f"{cell}: tells of somebody else's: {seen.content.strip()[-200:]!r}")
    return found


def expected_statuses(cell: Cell) -> frozenset[int]:
    if cell.target in CROSSED:
        return REFUSED
    if isinstance(cell.expectation, Page):
        return cell.expectation.expected(cell.principal, cell.target)
    if cell.expectation is None:
        return NOT_SERVED | ({204} if cell.method == "OPTIONS" else frozenset())
    things = bool(expectations.THINGS & set(cell.route.parameters))
    return cell.expectation.expected(cell.principal, cell.target, names_a_thing=things)


def differences(world: World, seen: dict[str, Seen]) -> list[str]:
    """What is somebody else's must look exactly like what does not exist."""
    if "unknown" not in seen:
        return []
    cell = seen["unknown"].cell
    foreign = ("own", "same_org") if cell.principal == "other_owner" else ("other_org",)
    if isinstance(cell.expectation, Page) and "deviceprofile" in cell.route.pattern:
        return []
    found = []
    for target in (*foreign, "crossed"):
        nothing = likeness(world, seen["lost" if target == "crossed" and "lost" in seen else "unknown"])
        if target in seen and (like := likeness(world, seen[target])) != nothing:
            at = next(
                (at for at, pair in enumerate(zip(like, nothing, strict=False)) if pair[0] != pair[1]), 0
            )
            shown = f"{like[at - 60 : at + 60]!r} and {nothing[at - 60 : at + 60]!r}"
            found.append(f"{seen[target].cell}: differs from unknown: {shown}")
    return found


def likeness(world: World, seen: Seen) -> str:
    values = values_of(world, seen.cell)
    route = seen.cell.route
    return seen.likeness(route.address(values), {name: values[name] for name in route.parameters})


def test_the_two_organizations_are_both_there(world: World) -> None:
    ids = [world.targets[name]["edges/organization"] for name in ("own", "other_org")]
    with tenancy.scope(ids):
        assert set(Organization.objects.values_list("code", flat=True)) == {"acme", "birch"}
