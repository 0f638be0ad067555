"""One path across the fleet, and what was changed: counted, by layer, as far as the role reaches."""

import csv
import io
import json
import re
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from configs import publishing, signing
from configs.changes import Actor, Change, Operation
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text
from tests.console.test_desk_fleet import plain

PERIOD = "/core_cycle/period_ms"
HISTORY, VALUES = "/admin/history/", "/admin/values/"


def change(cast: build.Cast, scope: str, target: str, value: int, reason: str = "Slower") -> None:
    publishing.publish(
        organization_id=cast.acme.pk,
        change=Change(reason=reason, operations=[Operation(scope, target, "set", PERIOD, value)]),
        actor=Actor("alice"),
        now=build.NOW,
        signer=signing.signer(),
    )


@pytest.fixture
def exception(published: build.Cast) -> build.Cast:
    """Acme's south has a period of its own."""
    change(published, "site", "south", 3000, "South is slow")
    return published


def answered(caller: Caller, path: str = PERIOD) -> Any:
    return caller("GET", f"/organizations/acme/values?path={path}")


def test_values_are_counted_with_the_layer_they_come_from(exception: build.Cast, alice: Caller) -> None:
    change(exception, "organization", "acme", 2500)
    found = answered(alice).json()
    shown = {one["value"]: (one["edges"], one["set_in"], one["sample"]) for one in found["values"]}
    assert shown == {
        2500: (1, {"organization": 1}, ["acme-north-1"]),
        3000: (1, {"site": 1}, ["acme-south-1"]),
    }
    assert found["unpublished"] == 0


def test_a_path_that_nobody_has_is_one_group_without_a_value(published: build.Cast, alice: Caller) -> None:
    assert answered(alice, "/alarms/nobody/threshold").json()["values"] == [
        {"key": "absent", "edges": 2, "set_in": {}, "sample": ["acme-north-1", "acme-south-1"]}
    ]


def test_a_keyed_list_is_followed_by_identity(published: build.Cast, alice: Caller) -> None:
    device = build.document()["modbus_devices"][0]
    (one,) = answered(alice, f"/modbus_devices/{device['device_id']}/device_id").json()["values"]
    assert (one["value"], one["set_in"]) == (device["device_id"], {"organization": 2})


@pytest.mark.parametrize(("path", "status"), [("", 400), ("no-slash", 422), ("/", 200)])
def test_a_bad_path_is_said(published: build.Cast, alice: Caller, path: str, status: int) -> None:
    assert answered(alice, path).status_code == status


def test_a_role_in_one_site_counts_and_reads_its_site_alone(
    exception: build.Cast, nora: Caller, dora: Caller
) -> None:
    assert [one["sample"] for one in answered(nora).json()["values"]] == [["acme-north-1"]]
    assert nora("GET", f"/organizations/acme/history?path={PERIOD}").json()["items"] == []
    assert answered(dora).status_code == 404
    page = signed_in(get_user_model().objects.get(username="nora"))
    assert "acme-south-1" not in text(page.get(VALUES, {"path": PERIOD, "value": "absent"}))
    assert "South is slow" not in text(page.get(HISTORY))
    assert b"South is slow" not in page.get(HISTORY, {"export": "csv"}).content


def test_the_history_of_a_path_is_of_the_whole_organization(exception: build.Cast, alice: Caller) -> None:
    steps = alice("GET", f"/organizations/acme/history?path={PERIOD}").json()["items"]
    assert [(one["scope"], one["path"]) for one in steps] == [
        ("site", PERIOD),
        ("organization", "/core_cycle"),
    ]
    assert "old" not in steps[0]
    assert alice("GET", f"/organizations/acme/history?path={PERIOD}&limit=1").json()["next"]


def test_the_page_shows_the_groups_and_then_the_edges(exception: build.Cast) -> None:
    client = signed_in(exception.bob)
    page = text(client.get(VALUES, {"path": PERIOD}))
    assert "2 values on 2 edges" in plain(page)
    key = re.findall(r"value=(\w+)", page)[-1]
    assert ">acme-" in text(client.get(VALUES, {"path": PERIOD, "value": key}))
    gone = client.get(VALUES, {"path": PERIOD, "value": "0000"})
    assert gone.status_code == 422
    assert "Look at the values again" in text(gone)
    assert client.get(VALUES, {"organization": "birch", "path": PERIOD}).status_code == 404
    assert "no-slash" in text(client.get(VALUES, {"path": "no-slash"}))


def test_history_tells_what_was_done_and_what_became_of_it(exception: build.Cast) -> None:
    shown = plain(text(signed_in(exception.bob).get(HISTORY, {"path": PERIOD})))
    assert "South is slow" in shown
    assert f"site south: set {PERIOD} to 3000" in shown
    assert "1 edge: not reported yet" in shown
    assert "No change matches." in text(signed_in(exception.bob).get(HISTORY, {"author": "mallory"}))
    assert signed_in(exception.bob).get(HISTORY, {"path": "no-slash"}).status_code == 422


def test_history_leaves_as_a_file_that_no_spreadsheet_runs(exception: build.Cast) -> None:
    change(exception, "site", "south", 4000, "=1+1")
    client = signed_in(exception.bob)
    table = list(csv.DictReader(io.StringIO(client.get(HISTORY, {"export": "csv"}).content.decode())))
    assert {"'=1+1", "South is slow"} <= {row["reason"] for row in table}
    listed = json.loads(client.get(HISTORY, {"export": "json"}).content)
    assert "=1+1" in {row["reason"] for row in listed}


def test_the_queries_do_not_grow(exception: build.Cast) -> None:
    client = signed_in(exception.bob)
    asked = ((HISTORY, {"path": PERIOD}), (VALUES, {"path": PERIOD}))

    def counts() -> list[int]:
        found = []
        for address, query in asked:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address, query).status_code == 200
            found.append(len([one for one in captured if "SAVEPOINT" not in one["sql"]]))
        return found

    counts()
    before = counts()
    for value in (5000, 6000, 7000):
        change(exception, "organization", "acme", value)
    assert counts() == before
    assert max(before) <= 12 + 1  # the tenants are told once more at the end of the test's own transaction
