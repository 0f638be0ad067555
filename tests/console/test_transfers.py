"""Layers as a file, one edge's values to others, many edges at once: nothing is lost, nothing half done."""

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from configs import layers, publishing, signing
from configs.changes import Actor, Address, Change, Operation
from configs.models import ChangeSet, State, Version
from edges import tenancy
from edges.models import Edge, EnrollmentToken
from tests import build
from tests.console.conftest import Caller
from tests.console.test_desk import signed_in, text

PERIOD = "/core_cycle/period_ms"
EXPORT, IMPORT = "/organizations/acme/export", "/organizations/acme/import"


def publish(cast: build.Cast, *steps: Operation) -> None:
    publishing.publish(
        organization_id=cast.acme.pk,
        change=Change(reason="set up", operations=list(steps)),
        actor=Actor("alice"),
        now=build.NOW,
        signer=signing.signer(),
    )


@pytest.fixture
def varied(published: build.Cast) -> build.Cast:
    """South and acme-north-1 have values of their own."""
    publish(
        published,
        Operation("site", "south", "set", PERIOD, 3000),
        Operation("edge", "acme-north-1", "set", PERIOD, 4000),
        Operation(
            "edge", "acme-north-1", "set",
            "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts", 42000,
        ),
        Operation("edge", "acme-north-1", "remove", "/scheduler/controllers/ctrlBalancing0"),
    )  # fmt: skip
    return published


def bodies(cast: build.Cast) -> dict[str, Any]:
    return {
        str(address): layers.read(cast.acme.pk, address).body
        for address in (
            Address("organization", "acme"),
            Address("site", "south"),
            Address("edge", "acme-north-1"),
            Address("edge", "acme-south-1"),
        )
    }


def imported(file: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"reason": "import", "organization": file["organization"], "layers": file["layers"], **more}


def test_what_is_exported_comes_back_as_it_was(varied: build.Cast, alice: Caller) -> None:
    file = alice("GET", EXPORT).json()
    assert [(one["scope"], one["target"]) for one in file["layers"]] == [
        ("organization", "acme"),
        ("site", "south"),
        ("edge", "acme-north-1"),
    ]
    before = bodies(varied)
    publish(varied, Operation("edge", "acme-north-1", "unset", ""), Operation("site", "south", "unset", ""))
    assert bodies(varied) != before
    stale = alice("POST", IMPORT, imported(file, publish=True))
    assert (stale.status_code, stale.json()["code"]) == (412, "stale")
    assert alice("POST", IMPORT, imported(file, publish=True, overwrite=True)).status_code == 201
    assert bodies(varied) == before


def test_an_import_is_a_draft_unless_it_asks_to_be_published(varied: build.Cast, alice: Caller) -> None:
    layer = {"scope": "site", "target": "south", "body": {"core_cycle": {"period_ms": 9000}}}
    dry = alice("POST", f"{IMPORT}?dry_run=true", {"reason": "x", "layers": [layer]})
    assert [one["edge_id"] for one in dry.json()["affected"]] == ["acme-south-1"]
    made = alice("POST", IMPORT, {"reason": "x", "layers": [layer]}).json()
    with tenancy.scope([varied.acme.pk]):
        assert ChangeSet.objects.get(pk=made["id"]).state == State.DRAFT
    assert bodies(varied)["site/south"] == {"core_cycle": {"period_ms": 3000}}


def test_unknown_edges_are_named_and_may_be_left_out(varied: build.Cast, alice: Caller) -> None:
    wrong = {"scope": "edge", "target": "nobody-1", "body": {}}
    right = {"scope": "site", "target": "south", "body": {"core_cycle": {"period_ms": 9000}}}
    foreign = {"scope": "edge", "target": "birch-main-1", "body": {}}
    refused = alice("POST", IMPORT, {"reason": "x", "layers": [wrong, right, foreign, right]})
    assert refused.status_code == 422
    assert [
        (one["layer"]["target"], one["detail"].partition(":")[0]) for one in refused.json()["errors"]
    ] == [
        ("nobody-1", "there is no edge 'nobody-1' here"),
        ("birch-main-1", "there is no edge 'birch-main-1' here"),
        ("south", "this layer is given twice"),
    ]
    taken = alice("POST", IMPORT, {"reason": "x", "layers": [wrong, right], "skip_unknown": True})
    assert taken.json()["skipped"] == [{"scope": "edge", "target": "nobody-1"}]


def test_another_organizations_file_becomes_this_ones(
    varied: build.Cast, alice: Caller, dora: Caller
) -> None:
    file = alice("GET", EXPORT).json()
    answer = dora("POST", "/organizations/birch/import", imported(file, publish=True, skip_unknown=True))
    assert answer.status_code == 201, answer.content
    assert len(answer.json()["skipped"]) == 2
    assert (
        layers.read(varied.birch.pk, Address("organization", "birch")).body
        == bodies(varied)["organization/acme"]
    )


def test_a_role_in_one_site_exports_its_site_and_imports_nothing_else(
    varied: build.Cast, nora: Caller, bob: Caller
) -> None:
    assert [one["target"] for one in nora("GET", EXPORT).json()["layers"]] == ["acme-north-1"]
    foreign = {"reason": "x", "layers": [{"scope": "site", "target": "south", "body": {}}]}
    assert nora("POST", IMPORT, foreign).status_code == 403
    assert bob("POST", IMPORT, foreign).status_code == 403
    assert signed_in(varied.bob).get("/admin/transfer/birch/").status_code == 404


def test_an_edges_own_values_are_copied_leaf_by_leaf(varied: build.Cast, alice: Caller) -> None:
    publish(
        varied, Operation("edge", "acme-south-1", "set", "/core_cycle/supervisor/overrun_alert_threshold", 9)
    )
    wish = {"reason": "like north", "selector": {"edges": ["acme-south-1"]}, "publish": True}
    answer = alice("POST", "/edges/acme-north-1/overrides/copy", wish)
    assert answer.status_code == 201, answer.content
    found = bodies(varied)
    assert found["edge/acme-south-1"]["core_cycle"] == {
        "period_ms": 4000,
        "supervisor": {"overrun_alert_threshold": 9},
    }
    assert found["edge/acme-south-1"]["scheduler"] == found["edge/acme-north-1"]["scheduler"]
    part = wish | {"paths": ["/alarms"]}
    refused = alice("POST", "/edges/acme-north-1/overrides/copy", part)
    assert "no value of its own there" in refused.json()["detail"]


ROWS = [
    {"edge_id": "acme-new-1", "site": "north", "name": "New", "tags": ["roof"]},
    {"edge_id": "acme-new-2", "site": "south"},
]


def test_many_edges_are_added_with_a_token_each(published: build.Cast, alice: Caller) -> None:
    made = alice("POST", "/organizations/acme/edges/bulk", {"edges": ROWS})
    assert made.status_code == 201, made.content
    tokens = [one["token"] for one in made.json()["edges"]]
    assert all(token in one["command"] for token, one in zip(tokens, made.json()["edges"], strict=True))
    assert len(set(tokens)) == 2
    with tenancy.scope([published.acme.pk]):
        added = Edge.objects.filter(edge_id__startswith="acme-new")
        assert Version.objects.filter(edge__in=added, number=1).count() == 2
        assert EnrollmentToken.objects.filter(edge__in=added).count() == 2
        assert ChangeSet.objects.filter(reason="2 edges were added").count() == 1


def test_one_wrong_row_stops_all_of_them_and_every_wrong_row_is_named(
    published: build.Cast, alice: Caller
) -> None:
    rows = [*ROWS, {"edge_id": "acme-north-1", "site": "north"}, {"edge_id": "Bad Id", "site": "nowhere"}]
    refused = alice("POST", "/organizations/acme/edges/bulk", {"edges": rows})
    assert refused.status_code == 422
    assert [one["path"] for one in refused.json()["errors"]] == ["/edges/2/edge_id", "/edges/3/site"]
    with tenancy.scope([published.acme.pk]):
        assert not Edge.objects.filter(edge_id__startswith="acme-new").exists()


def test_a_sheet_of_labels_comes_from_a_pasted_table(published: build.Cast) -> None:
    client = signed_in(published.alice)
    table = "edge_id;site;name\nacme-new-1;north;Roof of the north\nacme-new-2;nowhere;x\n"
    looked = client.post("/admin/edges/bulk/", {"organization": "acme", "text": table, "step": "look"})
    assert "Add 2 edges and show the labels" in text(looked)
    wrong = client.post("/admin/edges/bulk/", {"organization": "acme", "text": table, "step": "add"})
    assert wrong.status_code == 422
    assert "Line 3, site: There is no site &#x27;nowhere&#x27;" in text(wrong)
    assert "Roof of the north" in text(wrong)
    sheet = client.post(
        "/admin/edges/bulk/",
        {"organization": "acme", "text": table.replace("nowhere", "south"), "step": "add"},
    )
    assert len(re.findall(r"<svg", text(sheet))) >= 2
    assert len(set(re.findall(r"EMS_ENROLLMENT_TOKEN=(\S+)", text(sheet)))) == 2
    assert "no-store" in sheet["Cache-Control"]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("", "The first line names the columns"),
        ("edge_id,site\n", "there is none"),
        ("edge_id,site,colour\na1,north,red", "There is no column"),
        ("edge_id,site\na1,north,more", "Line 2 has more cells"),
    ],
)
def test_a_bad_table_is_said(published: build.Cast, table: str, said: str) -> None:
    answer = signed_in(published.alice).post(
        "/admin/edges/bulk/", {"organization": "acme", "text": table, "step": "add"}
    )
    assert answer.status_code == 422
    assert said in text(answer)


def test_a_file_is_imported_on_the_desk_as_a_draft(varied: build.Cast) -> None:
    client = signed_in(varied.alice)
    file = json.loads(client.get("/admin/transfer/acme/").content)
    file["layers"][1]["body"]["core_cycle"]["period_ms"] = 3300
    upload = SimpleUploadedFile("layers.json", json.dumps(file).encode())
    form = {"organization": "acme", "reason": "slower", "file": upload}
    answer = client.post("/admin/transfer/", form)
    assert answer.status_code == 302
    assert "set /core_cycle/period_ms to 3300" in text(client.get(answer["Location"]))
    for more in ({"text": "typed for long"}, {"file": SimpleUploadedFile("a.json", b"typed for long")}):
        bare = client.post("/admin/transfer/", {"organization": "acme", "reason": "", **more})
        assert (bare.status_code, ">typed for long</textarea>" in text(bare)) == (422, True)
    bad = client.post("/admin/transfer/", {"organization": "acme", "reason": "x", "text": "{}"})
    assert (bad.status_code, "This is no export of layers" in text(bad)) == (422, True)
    half = {**file, "layers": [{"scope": "edge"}]}
    bad = client.post("/admin/transfer/", {"organization": "acme", "reason": "x", "text": json.dumps(half)})
    assert "Layer 1 of the file needs a scope" in text(bad)


def test_copying_on_the_desk_ends_in_a_draft(varied: build.Cast) -> None:
    client = signed_in(varied.alice)
    address = f"/admin/edges/edge/{varied.acme_north.pk}/copy/"
    answer = client.post(address, {"edges": "acme-south-1", "reason": "alike"})
    assert answer.status_code == 302
    assert "set /core_cycle/period_ms to 4000" in text(client.get(answer["Location"]))
    refused = client.post(address, {"edges": "nobody-1", "reason": "alike"})
    assert "there is no edge &#x27;nobody-1&#x27;" in text(refused)
