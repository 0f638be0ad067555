"""No call of the operator API takes more queries when there is more of everything around what it is about."""

from uuid import uuid4

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from configs import adopting, holding, publishing, signing
from configs.changes import Actor, Change, Operation
from edges import tenancy
from edges.models import Edge, EdgeEvent, Organization, TrustRoot
from tests import build
from tests.console.matrix.expectations import API, Call
from tests.console.matrix.routes import Route
from tests.console.matrix.world import World, make_world

MORE = 12
# What was changed since is read once more; growth with the fleet would show as MORE.
BRANCH = 3
# Credential, limit and tenants take six; publishing reads, compares, signs and writes in sets.
MOST = {"read": 24, "forecast": 36, "write": 75}
CALLS = [
    (pattern, method)
    for pattern, methods in API.items()
    for method, call in methods.items()
    if call.who not in ("public", "edge", "either") and method != "HEAD"
]


def ask(world: World, pattern: str, method: str) -> tuple[int, int]:
    """Status and number of queries of one call whose effects are undone."""
    call: Call = API[pattern][method]
    values = {**world.targets["own"], **call.values}
    values["change_set"] = values.get(call.values.get("change_set", "done"), "")
    client, headers = world.client("owner", is_desk=False)
    body = call.body(values) if call.body else None
    address = Route(pattern, ()).address(values)
    with transaction.atomic():
        with CaptureQueriesContext(connection) as captured:
            answer = client.generic(
                method,
                f"{address}?{call.query}" if call.query else address,
                b"" if body is None else _json(body),
                content_type="application/json",
                headers={**headers, **call.headers},
            )
        transaction.set_rollback(True)
    return answer.status_code, len(captured)


def _kind(pattern: str, method: str) -> str:
    """A forecast is a publish without its writing."""
    if method != "GET":
        return "write"
    return "forecast" if pattern.endswith("/forecast") else "read"


def _json(body: object) -> bytes:
    import orjson

    return orjson.dumps(body)


def grow(world: World) -> None:
    """More sites, edges, versions, change sets, events, keys, tokens and people in the same organization."""
    with tenancy.scope([world.targets["own"]["edges/organization"]]):
        acme = Organization.objects.get()
    for index in range(MORE):
        site = build.make_site(acme, f"more-{index}")
        edge = build.make_edge(site, f"acme-more-{index}")
        person = build.make_user(f"more-{index}")
        build.make_membership(person, acme, "viewer")
        build.make_operator_token(person, acme)
        build.make_key(edge)
        with tenancy.scope([acme.pk]):
            adopting.adopt(edge=edge, actor=Actor("more"), now=build.NOW, signer=signing.signer())
            EdgeEvent.objects.create(
                organization=acme,
                edge=edge,
                event_id=uuid4(),
                seq=1,
                type="alarm",
                at=build.NOW,
                received_at=build.NOW,
            )
    for value in (1100, 1200, 1300):
        change = Change(
            reason="more",
            operations=[Operation("organization", "acme", "set", "/core_cycle/period_ms", value)],
        )
        publishing.publish(
            organization_id=acme.pk,
            change=change,
            actor=Actor("more"),
            now=build.NOW,
            signer=signing.signer(),
        )
    with tenancy.scope([acme.pk]):
        more = list(Edge.objects.filter(edge_id__startswith="acme-more-"))
    for edge in more:
        holding.hold(edge=edge, reason="more", actor=Actor("more"), now=build.NOW)


def test_no_call_takes_more_queries_in_a_larger_organization(trust: TrustRoot) -> None:
    world = make_world()
    for pattern, method in CALLS:
        ask(world, pattern, method)  # what a token's first use writes is not counted
    before = {call: ask(world, *call) for call in CALLS}
    grow(world)
    after = {call: ask(world, *call) for call in CALLS}
    wrong = [
        f"{call}: {before[call]} -> {after[call]}"
        for call in CALLS
        if before[call][0] != after[call][0] or after[call][1] > before[call][1] + BRANCH
    ]
    assert not wrong, "\n".join(wrong)
    dear = [
        f"{method} {pattern}: {count}"
        for (pattern, method), (_, count) in after.items()
        if count > MOST[_kind(pattern, method)]
    ]
    assert not dear, "\n".join(dear)
