"""What the fast lane reads, and what it leaves to Django."""

from typing import Any

import pytest

from edge_protocol.keys import make_credential
from sync_api import poll_request

KEY = make_credential("emse", "A" * 12, "b" * 43)
PLAIN = {
    "type": "http",
    "method": "GET",
    "path": "/api/v1/edges/acme-north-1/config",
    "query_string": b"",
    "scheme": "http",
    "root_path": "",
}
HOST = (b"host", b"127.0.0.1:8000")
BEARER = (b"authorization", b"Bearer " + KEY.encode())
TAG = (b"if-none-match", b'"1-a"')


@pytest.fixture(autouse=True)
def _hosts(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", ".example.com"]
    poll_request.known_host.cache_clear()


def read(*headers: tuple[bytes, bytes], **more: Any) -> poll_request.PollRequest | None:
    return poll_request.read({**PLAIN, "headers": list(headers), **more})


def test_a_plain_poll_is_read_whole() -> None:
    issued = (b"ems-manifest-issued", b"2026-01-01T00:00:00Z")
    poll = read(HOST, BEARER, TAG, issued, (b"x-request-id", b"r"), (b"user-agent", b"x"))
    assert poll is not None
    assert (poll.edge_id, poll.since, poll.tag) == ("acme-north-1", None, '"1-a"')
    assert (poll.issued, poll.request_id, poll.secure) == ("2026-01-01T00:00:00Z", "r", False)
    assert (poll.credential.key_id, poll.credential.text) == ("A" * 12, KEY)


@pytest.mark.parametrize(
    ("query", "since"), [(b"since=0", 0), (b"v=12", 12), (b"since=9999999999999999", 10**16 - 1)]
)
def test_a_deltas_number_is_read(query: bytes, since: int) -> None:
    poll = read(HOST, BEARER, path=f"{PLAIN['path']}/delta", query_string=query)
    assert poll is not None
    assert poll.since == since


@pytest.mark.parametrize(
    "more",
    [
        {"method": "POST"},
        {"method": "get"},
        {"type": "websocket"},
        {"root_path": "/prefix"},
        {"path": "/api/v1/edges/acme-north-1/config/"},
        {"path": "/api/v1/edges/acme-north-1/config\n"},
        {"path": "/api/v1/edges/A/config"},
        {"path": "/api/v1/edges/a/config"},
        {"path": "/api/v1/edges/acme-north-1/heartbeat"},
        {"query_string": b"x=1"},
        {"query_string": b"since=1"},
        {"path": "/api/v1/edges/acme-north-1/config/delta"},
        {"path": "/api/v1/edges/acme-north-1/config/delta", "query_string": b"since=01"},
        {"path": "/api/v1/edges/acme-north-1/config/delta", "query_string": b"since=1&v=1"},
        {"path": "/api/v1/edges/acme-north-1/config/delta", "query_string": b"since=1&x=1"},
        {"path": "/api/v1/edges/acme-north-1/config/delta", "query_string": b"since=1\n"},
        {"path": "/api/v1/edges/acme-north-1/config/delta", "query_string": "since=١".encode()},
    ],
)
def test_other_requests_are_djangos(more: dict[str, Any]) -> None:
    assert read(HOST, BEARER, TAG, **more) is None


@pytest.mark.parametrize(
    "headers",
    [
        [BEARER],  # no host
        [HOST],  # no credential
        [(b"host", b"evil.example"), BEARER],
        [(b"host", b"a b"), BEARER],
        [HOST, HOST, BEARER],
        [HOST, BEARER, BEARER],
        [HOST, BEARER, (b"x-api-key", b"")],
        [HOST, BEARER, TAG, TAG],
        [HOST, (b"authorization", b"Basic " + KEY.encode())],
        [HOST, (b"authorization", b"Bearer " + KEY.encode()[:-1])],
        [HOST, (b"authorization", b"Bearer " + KEY.encode() + b"\xff")],
        [HOST, (b"x-api-key", make_credential("emso", "A" * 12, "b" * 43).encode())],
        [HOST, BEARER, (b"content-length", b"2")],
        [HOST, BEARER, (b"transfer-encoding", b"chunked")],
        [HOST, BEARER, (b"expect", b"100-continue")],
        [HOST, BEARER, (b"origin", b"https://desk.example.com")],
        [HOST, BEARER, (b"cookie", b"a=b")],
        [HOST, BEARER, (b"x-forwarded-host", b"a")],
    ],
)
def test_whatever_is_unusual_is_djangos(headers: list[tuple[bytes, bytes]]) -> None:
    assert read(*headers) is None


@pytest.mark.parametrize("host", [b"127.0.0.1", b"127.0.0.1:80", b"ems.example.com", b"EXAMPLE.com"])
def test_hosts_are_judged_as_django_does(host: bytes) -> None:
    assert read((b"host", host), BEARER) is not None


@pytest.mark.parametrize(
    ("redirect", "proxied", "scheme", "told", "secure"),
    [
        (False, False, "http", None, False),
        (False, False, "https", None, True),
        (True, False, "http", None, None),  # Django redirects it
        (True, False, "https", None, True),
        (True, True, "http", b"https", True),
        (True, True, "http", b"http", None),
        (True, True, "http", None, None),
        (False, True, "https", b"http", False),
        (False, False, "http", b"https", False),  # nobody of ours said so
    ],
)
def test_whether_it_came_by_tls_is_judged_as_django_does(
    settings: Any, redirect: bool, proxied: bool, scheme: str, told: bytes | None, secure: bool | None
) -> None:
    settings.SECURE_SSL_REDIRECT = redirect
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if proxied else None
    headers = [HOST, BEARER] + ([(b"x-forwarded-proto", told)] if told is not None else [])
    poll = read(*headers, scheme=scheme)
    assert (None if poll is None else poll.secure) is secure
