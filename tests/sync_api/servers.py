"""Talking to real servers: exact requests, exact answers."""

import http.client
import re
from collections.abc import Iterable
from dataclasses import dataclass

from tests.processes import ServerProcess

LANE = re.compile(r'^ems_fast_lane_total\{outcome="(\w+)"\} (\d+)$', re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def __getitem__(self, name: str) -> str:
        return dict(self.headers)[name]


def ask(
    server: ServerProcess | int,
    path: str,
    headers: Iterable[tuple[str, str]] = (),
    *,
    method: str = "GET",
    body: bytes = b"",
) -> Answer:
    """One request on a connection of its own, with exactly these headers (and Host)."""
    port = server if isinstance(server, int) else server.port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        named = tuple(sorted((name.lower(), value) for name, value in response.getheaders()))
        return Answer(response.status, named, response.read())
    finally:
        connection.close()


def lane_counts(server: ServerProcess) -> dict[str, int]:
    """What the fast lane of this process did so far, by outcome."""
    text = ask(server, "/metrics").body.decode()
    return {outcome: int(count) for outcome, count in LANE.findall(text)}
