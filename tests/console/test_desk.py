"""The desk: who may sign in, what each page shows to whom, and what may be edited."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse

from edges import tenancy
from edges.models import Edge, Membership, Site
from tests import build
from tests.console.conftest import Caller

CHANGELISTS = [
    "edges_organization",
    "edges_site",
    "edges_edge",
    "edges_membership",
    "edges_edgeevent",
    "edges_operatortoken",
    "configs_changeset",
    "configs_version",
    "configs_deviceprofile",
]


def signed_in(user) -> Client:
    """A browser: it asks for pages."""
    client = Client(headers={"Accept": "text/html"})
    client.force_login(user)
    return client


def page(client: Client, name: str, *args: object, **query: str):
    return client.get(reverse(f"admin:{name}", args=args), query)


def text(answer) -> str:
    return answer.content.decode()


def test_signing_in_leads_home(cast: build.Cast) -> None:
    cast.alice.set_password("a long sentence for alice")
    cast.alice.is_staff = True  # as the demo's and every superuser: unfold shows these more
    cast.alice.save()
    client = Client()
    asked = client.get("/admin/", follow=True)
    assert "Log in" in text(asked)
    answer = client.post(
        "/admin/login/?next=/admin/",
        {"username": "alice", "password": "a long sentence for alice"},
        follow=True,
    )
    assert (answer.status_code, "Acme" in text(answer)) == (200, True)


def test_a_wrong_password_is_refused_and_attempts_are_limited(cast: build.Cast, settings) -> None:
    settings.EMS_LIMITS = {"failed": (2, 0.001, 1, 0)}
    # An address of its own: a process remembers for how long a bucket stays empty.
    client = Client(REMOTE_ADDR="203.0.113.9")
    refused = [
        "Too many attempts" in text(client.post("/admin/login/", {"username": "alice", "password": "wrong"}))
        for _ in range(3)
    ]
    assert refused == [False, False, True]


def test_somebody_without_memberships_is_told_the_next_step(cast: build.Cast) -> None:
    shown = text(signed_in(cast.charlie).get("/admin/"))
    assert "You belong to no organization yet" in shown
    assert "charlie" in shown
    assert "Acme" not in shown


def test_an_organization_without_edges_says_what_to_do_next(cast: build.Cast) -> None:
    eve = build.make_user("eve")
    empty = build.make_organization("empty")
    build.make_membership(eve, empty, "owner")
    client = signed_in(eve)
    assert "Add your first site" in text(client.get("/admin/"))
    build.make_site(empty, "one")
    assert "Add your first edge" in text(client.get("/admin/"))


@pytest.mark.parametrize("name", CHANGELISTS)
def test_lists_show_what_is_theirs_and_nothing_else(
    published: build.Cast, alice: Caller, dora: Caller, name: str
) -> None:
    answer = page(signed_in(published.alice), f"{name}_changelist")
    assert answer.status_code == 200
    shown = text(answer).lower()
    assert "birch" not in shown
    assert "dora" not in shown
    assert page(signed_in(published.charlie), f"{name}_changelist").status_code == 403


@pytest.mark.parametrize("name", ["edges_site", "edges_edge", "edges_organization", "edges_membership"])
def test_rows_of_others_and_unknown_rows_are_answered_alike(published: build.Cast, name: str) -> None:
    client = signed_in(published.alice)
    foreign = {
        "edges_site": published.birch_main.pk,
        "edges_edge": published.birch_edge.pk,
        "edges_organization": published.birch.pk,
        "edges_membership": build.make_membership(build.make_user("eve"), published.birch, "viewer").pk,
    }[name]
    unknown = "11111111-1111-4111-8111-111111111111"
    for view in ("change", "history", "delete"):
        answers = [page(client, f"{name}_{view}", pk) for pk in (foreign, unknown)]
        assert len({(answer.status_code, answer.headers.get("Location")) for answer in answers}) == 1
        assert answers[0].status_code in (302, 403, 404)


def test_one_edge_has_its_facts_versions_keys_and_acts(published: build.Cast) -> None:
    key, _ = build.make_key(published.acme_north)
    shown = text(page(signed_in(published.alice), "edges_edge_change", published.acme_north.pk))
    for wanted in (
        "It runs",
        "It has seen",
        "It last tried",
        "version 1",
        key.key_id,
        "Roll back",
        "Revoke",
        "Hold",
    ):
        assert wanted in shown
    assert "Release" not in shown


def test_a_viewer_sees_an_edge_and_nothing_to_press(published: build.Cast) -> None:
    build.make_key(published.acme_north)
    answer = page(signed_in(published.bob), "edges_edge_change", published.acme_north.pk)
    shown = text(answer)
    assert (answer.status_code, "It runs" in shown) == (200, True)
    for absent in ("Roll back", "Revoke", 'name="_save"', "Enrollment token"):
        assert absent not in shown
    assert page(signed_in(published.bob), "edges_edge_add").status_code == 403


def test_an_edge_is_added_with_its_first_version(published: build.Cast) -> None:
    client = signed_in(published.alice)
    body = {
        "edge_id": "acme-north-2",
        "site": str(published.north.pk),
        "name": "Two",
        "tags": "b,a",
        "stage": "in_service",
    }
    answer = client.post(reverse("admin:edges_edge_add"), body)
    assert answer.status_code == 302, text(answer)
    with tenancy.scope([published.acme.pk]):
        made = Edge.objects.get(edge_id="acme-north-2")
        assert (made.tags, made.head.version) == (["a", "b"], 1)


def test_a_taken_edge_id_keeps_what_was_typed(published: build.Cast) -> None:
    client = signed_in(published.alice)
    for taken in ("birch-main-1", "acme-south-1"):
        body = {"edge_id": taken, "site": str(published.north.pk), "name": "My name", "stage": "in_service"}
        answer = client.post(reverse("admin:edges_edge_add"), body, follow=True)
        assert answer.status_code == 200
        assert "taken" in text(answer) or "already exists" in text(answer)
        assert "My name" in text(answer)


def test_choices_name_own_sites_alone(published: build.Cast) -> None:
    shown = text(page(signed_in(published.alice), "edges_edge_add"))
    assert str(published.north.pk) in shown
    assert str(published.birch_main.pk) not in shown
    refused = signed_in(published.alice).post(
        reverse("admin:edges_edge_add"),
        {"edge_id": "acme-x-1", "site": str(published.birch_main.pk), "stage": "in_service"},
    )
    assert refused.status_code == 200
    with tenancy.scope([published.acme.pk, published.birch.pk]):
        assert not Edge.objects.filter(edge_id="acme-x-1").exists()


def test_autocompletion_finds_own_rows_alone(published: build.Cast, nora: Caller) -> None:
    query = {"app_label": "edges", "model_name": "edge", "field_name": "site", "term": ""}
    found = {}
    for username in ("alice", "nora"):
        client = signed_in(get_user_model().objects.get(username=username))
        answer = page(client, "autocomplete", **query)
        found[username] = sorted(one["text"] for one in answer.json()["results"])
    assert found == {"alice": ["north", "south"], "nora": ["north"]}


def test_an_edit_keeps_history_with_its_author(published: build.Cast) -> None:
    client = signed_in(published.alice)
    body = {"name": "Roof", "tags": "x", "stage": "maintenance", "edge_id": "forged-1", "site": "forged"}
    answer = client.post(reverse("admin:edges_edge_change", args=[published.acme_north.pk]), body)
    assert answer.status_code == 302, text(answer)
    with tenancy.scope([published.acme.pk]):
        edge = Edge.objects.get(pk=published.acme_north.pk)
        assert (edge.name, edge.stage, edge.edge_id) == ("Roof", "maintenance", "acme-north-1")
        newest = edge.history.latest()
    assert newest.history_user == published.alice
    shown = text(page(client, "edges_edge_history", published.acme_north.pk))
    assert "Roof" in shown
    old = page(client, "edges_edge_simple_history", published.acme_north.pk, newest.history_id)
    assert old.status_code == 200
    assert client.post(old.request["PATH_INFO"], {"name": "x"}).status_code == 403


def test_the_history_of_others_is_not_there(published: build.Cast) -> None:
    with tenancy.scope([published.birch.pk]):
        foreign = published.birch_edge
        foreign.name = "Secret"
        foreign.save()
        record = foreign.history.latest().history_id
    client = signed_in(published.alice)
    for pk in (foreign.pk, published.acme_north.pk):
        assert page(client, "edges_edge_simple_history", pk, record).status_code == 404


def test_an_owner_gives_changes_and_ends_memberships(published: build.Cast) -> None:
    client = signed_in(published.alice)
    body = {"organization": str(published.acme.pk), "username": "charlie", "role": "operator", "site": ""}
    assert client.post(reverse("admin:edges_membership_add"), body).status_code == 302
    with tenancy.scope([published.acme.pk]):
        made = Membership.objects.get(user=published.charlie)
    changed = client.post(
        reverse("admin:edges_membership_change", args=[made.pk]),
        {"role": "viewer", "site": str(published.north.pk)},  # where it holds is fixed
    )
    assert changed.status_code == 302, text(changed)
    with tenancy.scope([published.acme.pk]):
        made.refresh_from_db()
        assert (made.role, made.site_id) == ("viewer", None)
    assert (
        client.post(reverse("admin:edges_membership_delete", args=[made.pk]), {"post": "yes"}).status_code
        == 302
    )
    with tenancy.scope([published.acme.pk]):
        assert not Membership.objects.filter(user=published.charlie).exists()


def test_nobody_gives_a_membership_beyond_their_organizations(published: build.Cast) -> None:
    client = signed_in(published.alice)
    for organization, site in ((published.birch.pk, ""), (published.acme.pk, published.birch_main.pk)):
        body = {"organization": str(organization), "username": "charlie", "role": "owner", "site": str(site)}
        assert client.post(reverse("admin:edges_membership_add"), body).status_code == 200
    with tenancy.scope([published.acme.pk, published.birch.pk]):
        assert not Membership.objects.filter(user=published.charlie).exists()


def test_nobody_changes_their_own_membership(published: build.Cast) -> None:
    with tenancy.scope([published.acme.pk]):
        own = Membership.objects.get(user=published.alice).pk
    client = signed_in(published.alice)
    assert (
        client.post(reverse("admin:edges_membership_delete", args=[own]), {"post": "yes"}).status_code == 403
    )
    assert (
        client.post(reverse("admin:edges_membership_change", args=[own]), {"role": "viewer"}).status_code
        == 403
    )


def test_administrators_do_not_manage_people(published: build.Cast) -> None:
    eve = build.make_user("eve")
    build.make_membership(eve, published.acme, "administrator")
    assert page(signed_in(eve), "edges_membership_changelist").status_code == 200
    assert page(signed_in(eve), "edges_membership_add").status_code == 403


def test_a_person_of_one_site_sees_that_site_alone(published: build.Cast, nora: Caller) -> None:
    client = signed_in(get_user_model().objects.get(username="nora"))
    shown = text(page(client, "edges_edge_changelist"))
    assert "acme-north-1" in shown
    assert "acme-south-1" not in shown
    assert page(client, "edges_edge_change", published.acme_south.pk).status_code == 302
    assert page(client, "edges_edge_history", published.acme_south.pk).status_code == 404
    assert page(client, "edges_membership_changelist").status_code == 403
    assert str(published.south.pk) not in text(page(client, "edges_edge_add"))


def test_a_site_is_added_and_renamed(published: build.Cast) -> None:
    client = signed_in(published.alice)
    body = {
        "organization": str(published.acme.pk),
        "code": "west",
        "name": "West",
        "time_zone": "Europe/Vienna",
    }
    assert client.post(reverse("admin:edges_site_add"), body).status_code == 302
    with tenancy.scope([published.acme.pk]):
        made = Site.objects.get(code="west")
    wrong = client.post(
        reverse("admin:edges_site_change", args=[made.pk]), {"name": "W", "time_zone": "Mars/Olympus"}
    )
    assert "IANA" in text(wrong)


def test_what_is_not_theirs_is_a_page_with_a_sentence(published: build.Cast) -> None:
    answer = signed_in(published.alice).get("/admin/layers/birch/organization/birch/")
    assert (answer.status_code, "no such thing" in text(answer)) == (404, True)


@pytest.mark.parametrize(
    "name", ["edges_edge_changelist", "configs_version_changelist", "edges_site_changelist", "index"]
)
def test_pages_take_the_same_queries_for_any_number_of_rows(
    published: build.Cast, name: str, django_assert_num_queries
) -> None:
    # session, user, memberships, savepoints and tenants, count, rows, (filters), messages
    client = signed_in(published.alice)
    page(client, name)
    counted = []
    for number in (0, 12):
        for index in range(number):
            build.make_edge(build.make_site(published.acme, f"s{index}"), f"acme-many-{index}")
        with django_assert_num_queries(24, exact=False) as captured:
            assert page(client, name).status_code == 200
        counted.append(len(captured))
    assert counted[0] == counted[1]
