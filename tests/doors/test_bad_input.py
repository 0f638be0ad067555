"""Whatever is sent to whichever route: a problem with a status below 500, and nothing else."""

import gzip
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from configs import signing
from doors import limits
from doors.problems import CONTENT_TYPE
from edges.models import TrustRoot
from tests import build

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
DEEP = b"[" * 100_000
Credentials = dict[str, dict[str, str]]
MEMBERS = """
reason operations selector exclude publish preview_digest code name time_zone edge_id site tags
stage ttl_hours to_version until running events token nonce schemas user username role lifetime_days
profiles body note
"""
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "an open bracket": b"{",
    "deep": DEEP,
    "deep and closed": b"[" * 40 + b"]" * 40,
    "deep objects": b'{"a":' * 40 + b"1" + b"}" * 40,
    "duplicate names": b'{"reason":"a","reason":"b"}',
    "not finite": b'{"a":NaN,"b":Infinity}',
    "overflow": b'{"a":1e999,"version":1e400}',
    "a large integer": b'{"version":123456789012345678901234567890,"ttl_hours":9007199254740993}',
    "many digits": b'{"a":' + b"9" * 5000 + b"}",
    "NUL": b'{"reason":"a\\u0000b","code":"\\u0000"}',
    "a lone surrogate": b'{"reason":"\\ud800","name":"\\udfff"}',
    "not UTF-8": b'{"a":"\xff\xfe"}',
    "UTF-16": '{"a":1}'.encode("utf-16"),
    "a BOM": b"\xef\xbb\xbf{}",
    "a list": b"[]",
    "a number": b"7",
    "null": b"null",
    "a string": b'"x"',
    "an empty object": b"{}",
    "wrong kinds": json.dumps(
        {name: {"x": [None, True, 1.5, {"y": "z"}]} for name in MEMBERS.split()}
    ).encode(),
    "an unknown member": b'{"is_staff":true,"organization":"birch"}',
}
ARGUMENTS = {
    "edge_id": ("acme-north-1", "no-such-edge", "%00", "..%2f", "%ff", "a" * 300, "é"),
    "org": ("acme", "birch", "%00", "é"),
    "scope": ("edge", "site", "organization", "galaxy", "%00"),
    "target": ("acme-north-1", "north", "acme", "%00", "é%0a"),
    "site": ("north", "nowhere", "%00"),
    "key_id": ("AAAAAAAAAAAA", "%00", "é"),
    "token_id": ("AAAAAAAAAAAA", "%00"),
}
ANYTHING = (
    "1",
    "0",
    "999999999",
    "99999999999999999999",
    "-1",
    "x",
    "%00",
    "6f9619ff-8b86-d011-b42d-00c04fc964ff",
)
QUERIES = (
    "",
    "?cursor=x&limit=-1&since=x&v=%00&path=%00&at=%00&to=x&dry_run=maybe&cut_off=%ff",
    "?path=/a~2b&at=9999-99-99&status=%00&tag=%00&q=%00&version=99999999999999999999&limit=1e3",
)


def routes(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[str]:
    """Every pattern of the API, as `/api/v1/edges/<str:edge_id>/config`."""
    for entry in (resolver or get_resolver()).url_patterns:
        path = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, path)
        elif isinstance(entry, URLPattern) and (path.startswith("api/v1/") or "/" not in path.strip("/")):
            yield "/" + path


def filled(route: str, number: int) -> str:
    """The route with its `number`-th set of arguments."""

    def one(found: re.Match[str]) -> str:
        choices = ARGUMENTS.get(found[1], ANYTHING)
        return choices[number % len(choices)]

    return re.sub(r"<(?:\w+:)?(\w+)>", one, route)


@pytest.fixture(autouse=True)
def _limits(settings: Any, tmp_path: Path) -> None:
    limits.leases.clear()
    settings.EMS_LIMITS = {name: [1e9, 1e6, 1000, 0] for name in limits.DEFAULTS}
    settings.EMS_SIGNING_KEY_FILE = str(tmp_path / "keys" / "signing.key")
    signing.ensure_key(Path(settings.EMS_SIGNING_KEY_FILE), random_bytes=lambda count: bytes(range(count)))


@pytest.fixture
def credentials(cast: build.Cast) -> Credentials:
    TrustRoot.objects.create(root_version=1, envelope={}, sha256="ab" * 32, created_at=build.NOW)
    return {
        "edge": {"Authorization": f"Bearer {build.make_key(cast.acme_north)[1]}"},
        "owner": {"Authorization": f"Bearer {build.make_operator_token(cast.alice, cast.acme)[1]}"},
        "nobody": {},
    }


def is_problem(answer: Any) -> bool:
    return answer["Content-Type"] == CONTENT_TYPE and answer.json()["status"] == answer.status_code


def check(answer: Any, what: object) -> None:
    assert answer.status_code < 500, what
    if answer.status_code >= 400 and answer.request["REQUEST_METHOD"] != "HEAD":
        assert is_problem(answer), what


ROUTES = sorted(set(routes()))


@pytest.mark.parametrize("route", ROUTES)
def test_no_body_breaks_a_route(client: Client, credentials: Credentials, route: str) -> None:
    path = filled(route, 0)
    for who, headers in credentials.items():
        for method in METHODS[1:]:
            for name, body in BODIES.items():
                sent = {**headers, "If-Match": "*"}
                answer = client.generic(method, path, body, content_type="application/json", headers=sent)
                check(answer, (who, method, path, name))
                if answer.status_code == 405:  # no body is read
                    break


@pytest.mark.parametrize("route", ROUTES)
def test_no_argument_breaks_a_route(client: Client, credentials: Credentials, route: str) -> None:
    for method in (*METHODS, "HEAD", "OPTIONS", "TRACE"):
        for headers in credentials.values():
            for number in range(8):
                path = filled(route, number) + QUERIES[number % len(QUERIES)]
                answer = client.generic(method, path, b"{}", content_type="application/json", headers=headers)
                check(answer, (method, path))
                if answer.status_code == 405:
                    break


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/html"},
        {"Content-Type": "application/json; charset=utf-7"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Encoding": "br"},
        {"Content-Encoding": "gzip"},
        {"If-Match": '"'},
        {"If-Match": "W/"},
        {"If-None-Match": '"' * 99},
        {"Idempotency-Key": "é"},
        {"Accept": "text/html;q=x"},
        {"Accept-Encoding": "gzip;q=;;;,,"},
        {"X-Request-ID": "a\tb"},
        {"X-Forwarded-For": "x" * 1000},
        {"Cookie": "sessionid=%00; csrftoken=é"},
        {"EMS-Manifest-Issued": "é"},
        {"Range": "bytes=0-1"},
    ],
    ids=str,
)
def test_no_header_breaks_a_route(client: Client, credentials: Credentials, headers: dict[str, str]) -> None:
    kind = headers.get("Content-Type", "application/json")
    rest = {name: text for name, text in headers.items() if name != "Content-Type"}
    for route in ROUTES:
        for method in ("GET", "POST", "PUT"):
            for own in credentials.values():
                path = filled(route, 0)
                answer = client.generic(method, path, b"{}", content_type=kind, headers={**own, **rest})
                check(answer, (method, path))
                if answer.status_code == 405:
                    break


def test_a_bomb_breaks_no_route(client: Client, credentials: Credentials) -> None:
    bomb = gzip.compress(b'{"a":"' + b"0" * 30_000_000)
    for route in ROUTES:
        for own in credentials.values():
            answer = client.generic(
                "POST",
                filled(route, 0),
                bomb,
                content_type="application/json",
                headers={**own, "Content-Encoding": "gzip"},
            )
            check(answer, route)


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/v1/", "/api/v1/nothing", "/%00", "/%ff", "/api/v1/edges//config"]
)
@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_there_is_a_problem(client: Client, path: str, method: str) -> None:
    answer = client.generic(method, path)
    assert answer.status_code in (301, 302, 404, 405)
    if answer.status_code >= 400:
        assert is_problem(answer)
