"""Reads the question "anything new?" from an ASGI scope, when nothing about the request is unusual.

What is unusual (a second credential field, a body, an unknown host, a browser's headers) is Django's to
judge.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from doors.authentication import credential_of
from doors.gate import Scope
from edge_protocol.keys import Credential
from edges import credentials
from edges.errors import Unauthenticated
from sync_api.since import NUMBER

PATH = re.compile(r"\A/api/v1/edges/([a-z0-9][a-z0-9_-]{1,62})/config(/delta)?\Z")
QUERY = re.compile(rb"\A(?:since|v)=([0-9]{1,16})\Z")
NOT_PLAIN = frozenset(
    {
        b"content-length",
        b"transfer-encoding",
        b"expect",
        b"upgrade",
        b"origin",
        b"cookie",
        b"x-forwarded-host",
    }
)
READ = {
    b"authorization": "HTTP_AUTHORIZATION",
    b"x-api-key": "HTTP_X_API_KEY",
    b"if-none-match": "tag",
    b"accept-encoding": "accept_encoding",
    b"ems-manifest-issued": "issued",
    b"host": "host",
    b"x-request-id": "request_id",
    b"x-forwarded-proto": "HTTP_X_FORWARDED_PROTO",
}
_UNUSUAL = object()


@dataclass(frozen=True, slots=True)
class PollRequest:
    """A plain question; whether it is allowed and what is new is not known yet."""

    edge_id: str
    credential: Credential
    since: int | None
    tag: str | None
    accept_encoding: str | None
    issued: str | None
    request_id: str | None
    secure: bool


def read(scope: Scope) -> PollRequest | None:
    """The question in this request; None when it is another one, or not plain."""
    if scope["type"] != "http" or scope["method"] not in ("GET", "HEAD") or scope.get("root_path"):
        return None
    path = PATH.match(scope["path"])
    found = read_headers(scope["headers"]) if path is not None else None
    if path is None or found is None or not known_host(found.get("host", "")):
        return None
    secure = is_secure(scope["scheme"], found)
    if settings.SECURE_SSL_REDIRECT and not secure:
        return None
    credential = read_credential(found)
    since = read_since(scope["query_string"], delta=path[2] is not None)
    if credential is None or since is _UNUSUAL:
        return None
    return PollRequest(
        edge_id=path[1],
        credential=credential,
        since=since if isinstance(since, int) else None,
        tag=found.get("tag"),
        accept_encoding=found.get("accept_encoding"),
        issued=found.get("issued"),
        request_id=found.get("request_id"),
        secure=secure,
    )


def read_headers(headers: list[tuple[bytes, bytes]]) -> dict[str, str] | None:
    """The headers that matter, each at most once."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name in NOT_PLAIN:
            return None
        key = READ.get(name)
        if key is None:
            continue
        if key in found:
            return None
        found[key] = value.decode("latin-1")
    return found


def read_credential(found: dict[str, str]) -> Credential | None:
    fields = [name for name in ("HTTP_AUTHORIZATION", "HTTP_X_API_KEY") if name in found]
    if len(fields) != 1:
        return None
    try:
        return credentials.parse_edge_key(credential_of(fields[0], found[fields[0]]))
    except Unauthenticated:
        return None


def read_since(query: bytes, *, delta: bool) -> object:
    """The number of a delta's query, None where no query belongs, `_UNUSUAL` for anything else."""
    if not delta:
        return _UNUSUAL if query else None
    given = QUERY.match(query)
    if given is None or NUMBER.match(given[1].decode()) is None:
        return _UNUSUAL
    return int(given[1])


@lru_cache(maxsize=256)
def known_host(host: str) -> bool:
    """Django's own judgement of the Host header."""
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def is_secure(scheme: str, found: dict[str, str]) -> bool:
    """Django's own judgement of whether the request came by TLS."""
    if settings.SECURE_PROXY_SSL_HEADER:
        name, secure_value = settings.SECURE_PROXY_SSL_HEADER
        if name in found:
            return found[name].split(",")[0].strip() == secure_value
    return scheme == "https"
