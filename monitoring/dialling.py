"""The one place where the cloud dials out over HTTP: a POST to a webhook, a GET of the outgoing ping.

An address is resolved once and that very address is dialled, so that a name cannot change its mind in
between; what is not a public address is refused unless a setting allows it. Redirects are not followed.
"""

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 5.0
MOST_ANSWER = 4096


class NotDialledError(Exception):
    """A sentence: why nothing was sent, or what went wrong on the way."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


def resolve(host: str, port: int, *, to_private: bool) -> str:
    """The address to dial. Raises: NotDialledError when any of the host's addresses is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as unknown:
        raise NotDialledError(f"{host} has no address") from unknown
    addresses = [str(one[4][0]) for one in found]
    if not to_private and not all(_is_public(one) for one in addresses):
        raise NotDialledError(f"{host} is an address inside a network, which may not be dialled")
    return addresses[0]


def _is_public(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return (mapped or address).is_global and not address.is_multicast


class _Plain(http.client.HTTPConnection):
    address = ""

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), self.timeout)


class _Secure(_Plain):
    default_port = http.client.HTTPS_PORT

    def connect(self) -> None:
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def call(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    to_private: bool = False,
) -> Answer:
    """The status that it answers with. Raises: NotDialledError."""
    parts = urlsplit(url)
    is_secure = parts.scheme == "https"
    if not is_secure and not to_private:
        raise NotDialledError("only https is dialled")
    host, port = parts.hostname or "", parts.port or (443 if is_secure else 80)
    link = (_Secure if is_secure else _Plain)(host, port, timeout=TIMEOUT_SECONDS)
    link.address = resolve(host, port, to_private=to_private)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        link.request(method, path, body=body, headers=dict(headers or {}))
        answer = link.getresponse()
        answer.read(MOST_ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as lost:
        raise NotDialledError(f"{host} did not answer: {lost}"[:300]) from lost
    finally:
        link.close()
    return Answer(answer.status)
