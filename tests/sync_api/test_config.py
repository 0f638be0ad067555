"""The document and what changed in it, byte for byte and header for header."""

import gzip
import hashlib
from typing import Any

import pytest
from django.test import Client

from edge_protocol import canonical, manifest
from edge_protocol.envelope import Envelope
from edge_protocol.instants import format_instant
from tests import build
from tests.sync_api.conftest import Asker, Published, make_asker, make_head
from tests.sync_api.test_authentication import problem

pytestmark = pytest.mark.django_db
STANDING = {
    "Cache-Control": "private, no-cache",
    "Vary": "Accept-Encoding, Authorization, X-API-Key, EMS-Manifest-Issued",
}


def manifest_of(answer: Any) -> manifest.Manifest:
    envelope = Envelope.from_header(answer["EMS-Manifest"])
    return manifest.Manifest.from_payload(envelope.payload)


def test_the_document_is_the_manifests_content(published: Published) -> None:
    answer = published.asker.get("config")
    assert answer.status_code == 200
    assert answer["Content-Type"] == "application/json"
    document = answer.json()
    told = manifest_of(answer)
    assert list(document)[:3] == ["version", "timestamp", "edge_id"]
    sections = {name: document[name] for name in list(document)[3:]}
    assert {name: canonical.section_digest(body) for name, body in sections.items()} == dict(told.sections)
    assert (document["version"], document["edge_id"]) == (told.version, told.edge_id) == (1, "acme-north-1")
    assert answer["ETag"] == f'"1-{canonical.version_digest(dict(told.sections))[:32]}"'
    assert answer["EMS-Config-Version"] == "1"
    assert {name: answer[name] for name in STANDING} == STANDING


def test_every_section_is_sent_in_its_canonical_bytes(published: Published) -> None:
    answer = published.asker.get("config")
    for name, digest in manifest_of(answer).sections.items():
        body = canonical.canonical(answer.json()[name])
        assert f'"{name}":'.encode() + body in answer.content
        assert hashlib.sha256(body).hexdigest() == digest


@pytest.mark.parametrize("call", ["config", "config/delta?since=1"])
def test_nothing_new_is_304_with_the_headers_of_the_200(published: Published, call: str) -> None:
    whole = published.asker.get("config")
    answer = published.asker.get(call, **{"If-None-Match": whole["ETag"]})
    assert (answer.status_code, answer.content) == (304, b"")
    for name in (*STANDING, "ETag", "EMS-Config-Version", "EMS-Manifest"):
        assert answer[name] == whole[name]
    assert "Content-Type" not in answer
    assert "Content-Length" not in answer


@pytest.mark.parametrize("call", ["config", "config/delta?since=1"])
def test_the_manifest_is_left_out_when_the_client_has_it(published: Published, call: str) -> None:
    head = published.head
    held = {"If-None-Match": head.etag, "EMS-Manifest-Issued": format_instant(head.issued_at)}
    assert "EMS-Manifest" not in published.asker.get(call, **held)
    held["EMS-Manifest-Issued"] = "2020-01-01T00:00:00Z"
    assert published.asker.get(call, **held)["EMS-Manifest"] == head.envelope


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ("{etag}", 304),
        ("W/{etag}", 304),
        ("*", 304),
        ('"x", {etag}', 304),
        ('"x"', 200),
        ("", 200),
        ('"1-0000"', 200),
    ],
)
def test_if_none_match_decides(published: Published, tag: str, status: int) -> None:
    header = tag.format(etag=published.head.etag)
    assert published.asker.get("config", **{"If-None-Match": header}).status_code == status


def test_if_modified_since_is_ignored(published: Published) -> None:
    answer = published.asker.get("config", **{"If-Modified-Since": "Sat, 01 Jan 2050 00:00:00 GMT"})
    assert answer.status_code == 200


@pytest.mark.parametrize("call", ["config", "config/delta?since=1"])
def test_head_has_the_headers_of_get_and_no_body(published: Published, call: str) -> None:
    published.threshold(40_000)
    got = published.asker.get(call)
    asked = published.asker.client.head(published.asker.path(call), headers=published.asker.headers())
    assert asked.content == b""
    assert {**asked.headers, "X-Request-ID": ""} == {**got.headers, "X-Request-ID": ""}


def test_gzip_squeezes_the_document_and_leaves_the_tag(published: Published) -> None:
    plain = published.asker.get("config")
    squeezed = published.asker.get("config", **{"Accept-Encoding": "gzip"})
    assert squeezed["Content-Encoding"] == "gzip"
    assert gzip.decompress(squeezed.content) == plain.content
    assert squeezed["ETag"] == plain["ETag"]
    assert squeezed["Vary"] == plain["Vary"]


def test_a_delta_carries_only_the_sections_that_differ(published: Published) -> None:
    before = published.asker.get("config").json()
    published.threshold(40_000)
    answer = published.asker.get("config/delta?since=1")
    assert answer.status_code == 200
    delta = answer.json()
    assert list(delta) == ["from_version", "version", "timestamp", "edge_id", "changed", "removed"]
    assert (delta["from_version"], delta["version"], delta["removed"]) == (1, 2, [])
    assert list(delta["changed"]) == ["scheduler"]
    after = published.asker.get("config").json()
    own = {"version": delta["version"], "timestamp": delta["timestamp"], "edge_id": delta["edge_id"]}
    assert {**before, **delta["changed"], **own} == after
    assert answer["ETag"] == published.head.etag
    assert manifest_of(answer).version == 2


def test_v_is_another_name_of_since(published: Published) -> None:
    published.threshold(40_000)
    one, two = (published.asker.get(f"config/delta?{name}=1") for name in ("since", "v"))
    assert one.content == two.content


@pytest.mark.parametrize(
    "query",
    [
        "",
        "since=",
        "v=",
        "since=01",
        "since=-1",
        "since=+1",
        "since=1.0",
        "since=1e3",
        "since=0x1",
        "since=%201",
        "since=1%0A",
        "since=١",
        "since=12345678901234567",
        "since=1&v=1",
        "since=1&since=1",
        "v=1&v=2",
        "SINCE=1",
        "since=null",
        "since=%00",
        "since=%ff",
    ],
)
def test_anything_but_one_plain_number_is_bad_since(published: Published, query: str) -> None:
    tag = {"If-None-Match": "*"}
    answer = published.asker.get(f"config/delta?{query}", **tag)
    assert problem(answer) == (400, "bad_since")


@pytest.mark.parametrize(
    ("since", "status", "code"),
    [(3, 409, "since_ahead"), (9_999_999_999_999_999, 409, "since_ahead"), (0, 410, "full_required")],
)
def test_a_base_that_is_unknown_or_ahead_asks_for_the_full_document(
    published: Published, since: int, status: int, code: str
) -> None:
    published.threshold(40_000)
    assert problem(published.asker.get(f"config/delta?since={since}")) == (status, code)


def test_a_matching_tag_is_answered_before_an_unknown_base(published: Published) -> None:
    """An edge that refused the newest version holds an old base and the newest tag: its polls cost a 304."""
    published.threshold(40_000)
    answer = published.asker.get("config/delta?since=0", **{"If-None-Match": published.head.etag})
    assert answer.status_code == 304


@pytest.mark.parametrize("call", ["config", "config/delta?since=0", "config/delta?since=5"])
def test_before_the_first_version_there_is_nothing(asker: Asker, call: str) -> None:
    assert problem(asker.get(call, **{"If-None-Match": "*"})) == (404, "no_published_config")


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
@pytest.mark.parametrize("call", ["config", "config/delta"])
def test_other_methods_are_405_and_name_what_is_allowed(asker: Asker, method: str, call: str) -> None:
    answer = getattr(asker.client, method)(asker.path(call), headers=asker.headers())
    assert problem(answer) == (405, "method_not_allowed")
    assert answer["Allow"] == "GET, HEAD, OPTIONS"


def test_query_counts_of_fetches(
    client: Client, published: Published, django_assert_num_queries: Any
) -> None:
    published.threshold(40_000)
    asker = published.asker
    asker.get("config")  # leases the limits' tokens
    etag = published.head.etag
    # 1 edge_poll: key, edge and head together
    with django_assert_num_queries(1):
        asker.get("config", **{"If-None-Match": etag})
    # 1 edge_poll
    with django_assert_num_queries(1):
        asker.get("config/delta?since=2")
    # 1 edge_poll; savepoint, setting of the tenant, 1 read of head, version and blobs, setting back, release
    with django_assert_num_queries(6):
        asker.get("config")
    # 1 edge_poll; the same four around: 1 read of head and both versions, 1 read of the changed blobs
    with django_assert_num_queries(7):
        asker.get("config/delta?since=1")


def test_a_first_use_and_leases_cost_their_own_queries(
    client: Client, cast: build.Cast, django_assert_num_queries: Any
) -> None:
    asker = make_asker(client, cast.acme_north, last_used_at=None)
    make_head(cast.acme_north)
    # 1 edge_poll, 1 lease for key and organization;
    # savepoint, tenant, 1 update of the key, tenant back, release
    with django_assert_num_queries(7):
        asker.get("config", **{"If-None-Match": "*"})
