"""What the gate lets through to Django, and what it answers itself."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any

import pytest

from doors.bodies import KIB
from doors.gate import Gate, Message, Receive, Scope, Send, cap_of

PROBLEM = b"application/problem+json"


class Echo:
    """An application that answers with the body it got, the way Django reads it."""

    def __init__(self, status: int = 200, content_type: bytes = b"application/json") -> None:
        self.status, self.content_type = status, content_type
        self.scope: Scope = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scope = scope
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = [(b"content-type", self.content_type)]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


async def _ask(gate: Gate, scope: Scope, chunks: Iterable[Message]) -> list[Message]:
    sent: list[Message] = []
    waiting = iter(chunks)

    async def receive() -> Message:
        message = next(waiting, None)
        if message is None:
            await asyncio.Event().wait()
            raise AssertionError
        return message

    async def send(message: Message) -> None:
        sent.append(message)

    await gate(scope, receive, send)
    return sent


def ask(gate: Gate, chunks: list[bytes], *headers: tuple[bytes, bytes], path: str = "/api/v1/x") -> Any:
    scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers)}
    messages = [
        {"type": "http.request", "body": chunk, "more_body": position < len(chunks) - 1}
        for position, chunk in enumerate(chunks)
    ]
    return asyncio.run(_ask(gate, scope, messages))


CHUNKED = (b"transfer-encoding", b"chunked")


def test_a_chunked_body_arrives_whole_and_with_its_length() -> None:
    echo = Echo()
    sent = ask(Gate(echo), [b"ab", b"", b"cd"], CHUNKED)
    assert sent[1]["body"] == b"abcd"
    assert dict(echo.scope["headers"]) == {b"content-length": b"4"}


def test_a_request_without_body_is_not_waited_for() -> None:
    assert ask(Gate(Echo()), [b""])[1]["body"] == b""


@pytest.mark.parametrize(
    ("chunks", "headers"),
    [
        ([], [(b"content-length", b"1048577")]),
        ([b"x" * KIB] * 1025, [CHUNKED]),
        ([b"x" * KIB] * 1025, [(b"content-length", b"5")]),  # a length that lies
    ],
)
def test_a_body_over_the_cap_is_refused_before_django(
    chunks: list[bytes], headers: list[tuple[bytes, bytes]]
) -> None:
    echo = Echo()
    sent = ask(Gate(echo), chunks, *headers, (b"x-request-id", b"abc"))
    assert echo.scope == {}
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    body = json.loads(sent[1]["body"])
    assert (body["code"], body["instance"]) == ("body_too_large", "abc")


def test_a_body_that_never_ends_is_given_up() -> None:
    async def slow() -> list[Message]:
        scope = {"type": "http", "method": "POST", "path": "/api/v1/x", "headers": [CHUNKED]}
        return await _ask(
            Gate(Echo(), body_seconds=0.01),
            scope,
            [{"type": "http.request", "body": b"x", "more_body": True}],
        )

    sent = asyncio.run(slow())
    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "request_timeout"


def test_a_client_that_leaves_in_mid_body_is_not_answered() -> None:
    async def leaving() -> list[Message]:
        scope = {"type": "http", "method": "POST", "path": "/api/v1/x", "headers": [CHUNKED]}
        messages: list[Message] = [
            {"type": "http.request", "body": b"x", "more_body": True},
            {"type": "http.disconnect"},
        ]
        return await _ask(Gate(Echo()), scope, messages)

    assert asyncio.run(leaving()) == []


@pytest.mark.parametrize(
    ("path", "cap"),
    [
        ("/api/v1/enroll", 16 * KIB),
        ("/api/v1/edges/acme-1/heartbeat", 64 * KIB),
        ("/api/v1/edges/acme-1/events", 256 * KIB),
        ("/api/v1/edges/acme-1/keys/rotate", 16 * KIB),
        ("/api/v1/edges/acme-1/keys/rotate/more", 1024 * KIB),
        ("/api/v1/organizations/acme/change-sets", 1024 * KIB),
        ("/nowhere", 1024 * KIB),
    ],
)
def test_every_path_has_a_cap(path: str, cap: int) -> None:
    assert cap_of(path) == cap


def test_an_error_page_of_others_becomes_a_problem() -> None:
    sent = ask(Gate(Echo(400, b"text/html")), [b""])
    assert dict(sent[0]["headers"])[b"content-type"] == PROBLEM
    assert json.loads(sent[1]["body"])["code"] == "bad_request"
    assert len(sent) == 2


def test_a_problem_passes_as_it_is() -> None:
    sent = ask(Gate(Echo(404, PROBLEM)), [b"{}"])
    assert sent[1]["body"] == b"{}"


def test_a_persons_error_page_passes_as_it_is() -> None:
    sent = ask(Gate(Echo(404, b"text/html")), [b""], path="/admin/x")
    assert dict(sent[0]["headers"])[b"content-type"] == b"text/html"


def test_what_breaks_above_django_is_a_problem_and_logged(caplog: Any) -> None:
    async def broken(scope: Scope, receive: Receive, send: Send) -> None:
        raise RuntimeError("secret detail")

    sent = ask(Gate(broken), [b""])
    assert sent[0]["status"] == 500
    assert b"secret" not in sent[1]["body"]
    assert "secret detail" in caplog.text
