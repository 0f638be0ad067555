"""Device profiles are the same for everybody who may read anything; edges take others when told to."""

from copy import deepcopy

from configs import registry
from configs.models import EdgePins
from edge_protocol.registry import builtin_profiles
from edges import tenancy
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text
from tests.console.test_drafts import digest_of, forecast

ADOPT = "/organizations/acme/profile-registry/adopt"
EDGES = ("acme-north-1", "acme-south-1")
PAGE = "/admin/profiles/acme/"


def test_profiles_are_listed_and_read(published: build.Cast, bob: Caller) -> None:
    listed = bob("GET", "/registry/profiles").json()["items"]
    assert "tesla_powerwall_2" in [item["profile_id"] for item in listed]
    read = bob("GET", "/registry/profiles/tesla_powerwall_2").json()
    assert {"ActivePower", "Soc"} <= {point["name"] for point in read["points"]}


def test_an_unknown_profile_is_404(published: build.Cast, bob: Caller) -> None:
    assert bob("GET", "/registry/profiles/perpetuum_mobile").status_code == 404


def test_the_registry_needs_a_credential(db: None) -> None:
    assert Caller(None)("GET", "/registry/profiles").status_code == 401


def upgraded() -> None:
    """As after the set-up of a newer software."""
    profiles = deepcopy(builtin_profiles())
    profiles["tesla_powerwall_2"]["version"] = "1.1.0"
    profiles["heat_pump"] = profiles["sunspec_meter"] | {"profile_id": "heat_pump"}
    registry.revise(profiles, note="shipped profiles", now=build.NOW)


def pinned(cast: build.Cast) -> dict[str, int]:
    with tenancy.scope([cast.acme.pk, cast.birch.pk]):
        return dict(EdgePins.objects.values_list("edge__edge_id", "registry_id"))


def test_a_newer_registry_is_told_previewed_and_published(
    published: build.Cast, alice: Caller, bob: Caller
) -> None:
    upgraded()
    newest, older = bob("GET", "/organizations/acme/profile-registry").json()["revisions"]
    assert (newest["revision"], newest["edges"], newest["differs"]) == (2, 0, None)
    assert (older["revision"], older["edges"]) == (1, 2)
    assert older["differs"] == {"added": ["heat_pump"], "changed": ["tesla_powerwall_2"], "removed": []}

    told = alice("POST", f"{ADOPT}?dry_run=true", {"reason": "new firmware"})
    changes = {one["edge_id"]: one["changed_sections"] for one in told.json()["affected"]}
    assert (told.status_code, changes) == (200, {name: ["profiles"] for name in EDGES})
    assert set(pinned(published).values()) == {1}

    first = alice("POST", ADOPT, {"reason": "a trial", "edges": ["acme-north-1"]})
    assert (first.status_code, [one["edge_id"] for one in first.json()["affected"]]) == (
        201,
        ["acme-north-1"],
    )
    promised = {"reason": "all", "preview_digest": told.json()["preview_digest"]}
    late = alice("POST", ADOPT, promised)
    assert (late.status_code, late.json()["code"]) == (409, "preview_changed")
    assert alice("POST", ADOPT, {"reason": "all"}).status_code == 201
    assert pinned(published) == {"acme-north-1": 2, "acme-south-1": 2, "birch-main-1": 1}

    back = alice("POST", ADOPT, {"reason": "it was no good", "revision": 1})
    assert (back.status_code, len(back.json()["affected"]), pinned(published)["acme-north-1"]) == (201, 2, 1)


def test_what_cannot_be_taken_is_said(published: build.Cast, alice: Caller, bob: Caller) -> None:
    for caller, body, status, said in (
        (alice, {"reason": "x", "revision": 9}, 404, "no revision 9 of the profile registry"),
        (alice, {"reason": "x", "edges": ["birch-main-1"]}, 422, "there is no edge 'birch-main-1' here"),
        (alice, {"reason": "x", "edges": []}, 422, "edges"),
        (bob, {"reason": "x"}, 403, "manage_edges"),
    ):
        answer = caller("POST", ADOPT, body)
        assert answer.status_code == status, answer.content
        assert said in answer.content.decode()


def test_the_desk_says_that_edges_are_behind_and_gives_them_the_newest(
    published: build.Cast, alice: Caller
) -> None:
    client, viewer = signed_in(published.alice), signed_in(published.bob)
    assert "Nothing is to be done" in text(client.get(PAGE))
    upgraded()
    for address in ("/admin/", "/admin/configs/deviceprofile/"):
        assert f'href="{PAGE}"' in text(viewer.get(address))
        assert "2 edges on older" in text(viewer.get(address))
    shown = text(viewer.get(PAGE))
    assert "new: heat_pump. changed: tesla_powerwall_2." in shown
    shown = forecast(viewer, PAGE)
    assert "2 edges in 2 sites will get a new version" in shown
    assert ("revision 2</button>" in shown, "An administrator" in shown) == (False, True)
    assert viewer.post(PAGE, {"reason": "x"}).status_code == 403

    page = forecast(client, PAGE)
    assert "Give all edges revision 2" in page
    form = {"reason": "new firmware", "revision": "2", "preview_digest": digest_of(page)}
    alice("POST", ADOPT, {"reason": "a trial", "edges": ["acme-north-1"]})
    late = client.post(PAGE, form)
    assert (late.status_code, "acme-north-1: version 2 after 1 before" in text(late)) == (409, True)
    done = client.post(PAGE, form | {"preview_digest": late.context["digest"]}, follow=True)
    assert "1 edge will get a new version" in text(done)
    assert pinned(published)["acme-south-1"] == 2
    assert "Give all edges revision 1" in forecast(client, f"{PAGE}?revision=1")
    for unknown in ("9", "x"):
        assert "There is no revision" in forecast(client, f"{PAGE}?revision={unknown}")
    one = forecast(client, f"{PAGE}?revision=1&edges=acme-south-1,")
    assert "1 edge in 1 site will get a new version" in one
    form = {"reason": "x", "revision": "1", "edges": "acme-south-1", "preview_digest": digest_of(one)}
    client.post(PAGE, form)
    assert pinned(published) == {"acme-north-1": 2, "acme-south-1": 1, "birch-main-1": 1}
    missing = forecast(client, f"{PAGE}?edges=birch-main-1")
    assert "there is no edge &#x27;birch-main-1&#x27; here" in missing
