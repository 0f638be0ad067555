"""No page of the desk takes more than twelve queries, and none takes more when there is more around it."""

from collections.abc import Mapping

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from benchmarks.desk import MARK
from edges.models import TrustRoot
from tests.console.matrix.desk_expectations import pages
from tests.console.matrix.routes import Route, routes
from tests.console.matrix.world import World, make_world
from tests.console.test_isolation_matrix import Cell, values_of
from tests.console.test_query_counts import grow

TENANTS = "set_config('ems.orgs'"  # once a page; once more here, for the transaction around it
MOST = 12 - 1
# What a page asks for itself after it has come: a change worked out over the whole fleet.
MOST_WORKED_OUT = 30
BRANCH = 1  # a list that was empty asks for a clock; growth with what is around would show as many
SHOWN = 200


def addresses(world: World) -> dict[str, int]:
    """Every page with the most that it may take."""
    found: dict[str, int] = {}
    for route in routes():
        if route.is_desk:
            expectation = pages()[route.pattern]["GET"]
            values = values_of(world, Cell(route, "GET", "owner", "own", expectation))
            found |= _of(route, values)
    return found


def _of(route: Route, values: Mapping[str, str]) -> dict[str, int]:
    if "admin/profiles/" in route.pattern:
        return {route.address(values): MOST, f"{route.address(values)}?forecast": MOST_WORKED_OUT}
    if "draft>" not in route.pattern and "change_set>" not in route.pattern:
        return {route.address(values): MOST}
    named = [{**values, "change_set": values[name], "deed": "publish"} for name in ("draft", "done")]
    found = {route.address(one) for one in named}
    return dict.fromkeys(found, MOST) | {f"{one}?forecast": MOST_WORKED_OUT for one in found}


def counted(world: World, address: str) -> tuple[int, int]:
    """Status, and queries without the marks of transactions; what a page keeps is undone."""
    client, headers = world.client("owner", is_desk=True)
    with transaction.atomic():
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address, headers=headers)
        transaction.set_rollback(True)
    told = [one["sql"] for one in captured if not MARK.match(one["sql"]) and TENANTS not in one["sql"]]
    return answer.status_code, len(told)


def test_no_page_takes_many_queries_or_more_in_a_larger_organization(trust: TrustRoot) -> None:
    world = make_world()
    most = addresses(world)
    before = {address: counted(world, address) for address in most}
    grow(world)
    after = {address: counted(world, address) for address in most}
    assert sum(status == SHOWN for status, _ in after.values()) > 60
    wrong = [
        f"{address}: {before[address]} -> {after[address]}, at most {most[address]}"
        for address in most
        if after[address] > (before[address][0], min(most[address], before[address][1] + BRANCH))
    ]
    assert not wrong, "\n".join(wrong)
