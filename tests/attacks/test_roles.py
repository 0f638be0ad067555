"""People who try more than their role: acts that hide in others, members that are not theirs to set."""

from collections.abc import Callable
from typing import Any

import pytest

from edges import tenancy
from edges.models import Edge, Membership, Site
from tests import build
from tests.console.conftest import Caller

pytestmark = pytest.mark.django_db
RETIRE = {"scope": "edge", "target": "acme-north-1", "op": "retire", "path": ""}


@pytest.fixture
def eve(published: build.Cast, operator: Callable[..., Caller]) -> Caller:
    """Operates Acme: edits, publishes and rolls back; edges and keys are not hers."""
    user = build.make_user("eve")
    build.make_membership(user, published.acme, "operator")
    return operator(user, published.acme)


def stage_of(cast: build.Cast) -> str:
    with tenancy.scope([cast.acme.pk]):
        return Edge.objects.get(pk=cast.acme_north.pk).stage


@pytest.mark.parametrize("publish", [True, False])
def test_an_operator_retires_no_edge_by_a_change_set(
    published: build.Cast, eve: Caller, publish: bool
) -> None:
    body = {"reason": "Out", "operations": [RETIRE], "publish": publish}
    assert eve("POST", "/organizations/acme/change-sets", body).status_code == 403
    assert stage_of(published) == "in_service"


def test_an_operator_publishes_no_draft_that_retires(
    published: build.Cast, alice: Caller, eve: Caller
) -> None:
    body = {"reason": "Out", "operations": [RETIRE]}
    draft = alice("POST", "/organizations/acme/change-sets", body).json()["id"]
    assert eve("POST", f"/change-sets/{draft}/publish", {}).status_code == 403
    assert stage_of(published) == "in_service"
    assert alice("POST", f"/change-sets/{draft}/publish", {}).status_code == 201
    assert stage_of(published) == "retired"


# Members of rows that no body may set, each beside a body that would be accepted without it.
ASSIGNED: dict[str, tuple[str, str, dict[str, Any], dict[str, Any]]] = {
    "a site": (
        "POST",
        "/organizations/acme/sites",
        {"code": "east", "name": "East", "time_zone": "UTC"},
        {"organization": "birch", "organization_id": "BIRCH", "id": "x", "is_active": False},
    ),
    "an edge": (
        "POST",
        "/organizations/acme/edges",
        {"edge_id": "acme-east-1", "site": "north"},
        {"organization": "birch", "retired_at": None, "edge_uid": "x", "version": 7, "head": {}},
    ),
    "a change set": (
        "POST",
        "/organizations/acme/change-sets",
        {"reason": "x", "operations": [RETIRE]},
        {"author": "bob", "state": "published", "organization": "birch", "number": 1, "kind": "rollback"},
    ),
    "a token": (
        "POST",
        "/organizations/acme/tokens",
        {"name": "t", "role": "viewer"},
        {"user": "bob", "user_id": 1, "organization": "birch", "is_staff": True, "expires_at": "2099-01-01"},
    ),
    "an enrollment token": (
        "POST",
        "/edges/acme-north-1/enrollment-token",
        {},
        {"edge": "birch-main-1", "expires_at": "2099-01-01T00:00:00Z", "used_at": None, "created_by": "bob"},
    ),
    "a hold": (
        "POST",
        "/edges/acme-north-1/hold",
        {"reason": "x"},
        {"by": "bob", "source": "rollback", "edge": "acme-south-1", "released_at": None},
    ),
}


@pytest.mark.parametrize("what", ASSIGNED)
def test_a_member_that_is_not_theirs_to_set_is_refused_by_name(
    published: build.Cast, alice: Caller, what: str
) -> None:
    method, path, body, more = ASSIGNED[what]
    for name, value in more.items():
        answer = alice(method, path, body | {name: value})
        assert answer.status_code == 422, name
        assert f"/{name}" in {error["path"] for error in answer.json()["errors"]}
    with tenancy.scope([published.acme.pk, published.birch.pk]):
        assert not Site.objects.filter(code="east").exists()
        assert not Edge.objects.filter(edge_id="acme-east-1").exists()


@pytest.mark.parametrize(
    "more",
    [
        {"edge_id": "birch-main-1"},
        {"edge_uid": "00000000-0000-4000-8000-000000000000"},
        {"org_uid": "00000000-0000-4000-8000-000000000000"},
        {"organization_id": "x", "desired": {"version": 9}, "drifted": False, "role": "owner"},
    ],
    ids=str,
)
def test_an_edge_reports_for_nobody_else(
    published: build.Cast, edge_key: Caller, dora: Caller, more: dict[str, Any]
) -> None:
    beat = {"running": {"version": 1}, "phase": "committed", **more}
    assert edge_key("POST", "/edges/acme-north-1/heartbeat", beat).status_code == 200
    shown = dora("GET", "/edges/birch-main-1/status").json()
    assert (shown["phase"], shown["desired"]["version"]) == ("", 1)


def test_a_forged_form_of_the_desk_gives_no_role(
    client: Any, published: build.Cast, cast: build.Cast
) -> None:
    """A viewer posts what the form for owners would post."""
    client.force_login(cast.bob)
    own = Membership._base_manager
    with tenancy.scope([cast.acme.pk]):
        row = own.get(user=cast.bob)
    answer = client.post(f"/admin/edges/membership/{row.pk}/change/", {"role": "owner"})
    assert answer.status_code == 403
    answer = client.post(
        "/admin/edges/membership/add/",
        {"organization": str(cast.acme.pk), "username": "bob", "role": "owner", "is_superuser": "on"},
    )
    assert answer.status_code == 403
    with tenancy.scope([cast.acme.pk]):
        assert list(own.filter(user=cast.bob).values_list("role", flat=True)) == ["viewer"]


def test_a_row_of_another_organization_is_no_choice_of_a_form(
    client: Any, published: build.Cast, cast: build.Cast
) -> None:
    client.force_login(cast.alice)
    foreign = {
        "/admin/edges/edge/add/": {
            "edge_id": "acme-x-1", "site": str(cast.birch_main.pk), "stage": "in_service",
        },
        "/admin/edges/site/add/": {
            "organization": str(cast.birch.pk), "code": "x", "name": "x", "time_zone": "UTC",
        },
        "/admin/edges/membership/add/": {
            "organization": str(cast.birch.pk), "username": "alice", "role": "owner",
        },
    }  # fmt: skip
    for path, form in foreign.items():
        unknown = {
            name: "11111111-1111-4111-8111-111111111111" if len(value) == 36 else value
            for name, value in form.items()
        }
        said = [client.post(path, one).context["errors"] for one in (form, unknown)]
        assert said[0], path
        assert [str(one) for one in said[0]] == [str(one) for one in said[1]], path
