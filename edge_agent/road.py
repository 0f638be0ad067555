"""The road to the cloud: one HTTP exchange, bounded in bytes and time, and what may go wrong on the way.

RoadError                  nothing was learnt; the message says what to do
├── UnreachableError       no connection, no answer in time (retry with backoff)
├── TlsError               a connection that cannot be trusted (retry with backoff)
├── NotTheServerError      somebody else answered: captive portal, proxy, wrong address
├── BusyError              5xx, 429: the server asks to wait (`retry_after_s`)
└── RefusedError           4xx: the server understood and said no (not retried in a loop)
"""

from __future__ import annotations

import base64
import json
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, RemoteDisconnected
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from edge_protocol.canonical import parse
from edge_protocol.errors import ProtocolError

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 20.0
WHOLE_ANSWER_S = 60.0
MOST_BYTES = 4 * 1024 * 1024
_CHUNK_BYTES = 16 * 1024
_JSON_TYPES = {"application/json", "application/problem+json"}


class RoadError(Exception):
    code = "road"

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class UnreachableError(RoadError):
    code = "unreachable"


class TlsError(RoadError):
    code = "tls"


class NotTheServerError(RoadError):
    code = "not_the_server"


class BusyError(RoadError):
    code = "busy"

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class RefusedError(RoadError):
    """`problem` is the server's own code (`unauthenticated`, `forbidden`, ...)."""

    code = "refused"

    def __init__(self, status: int, problem: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` by their names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Errors: NotTheServerError (our server never sends anything else than strict JSON)."""
        try:
            return parse(self.body, max_bytes=MOST_BYTES)
        except ProtocolError as error:
            message = f"the answer is not our server's JSON ({error.detail}): look for a proxy on the way"
            raise NotTheServerError(message) from error


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """TLS 1.3 and nothing older; a private CA replaces the public ones. Errors: TlsError."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"the CA file {ca_file} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


class Road:
    """One keep-alive connection to one server. Used by one thread.

    The standard library's client, because an agent has 50 MiB to live in.
    """

    def __init__(self, server_url: str, *, user_agent: str, ca_file: str | None, proxy: str | None) -> None:
        self._server_url = server_url
        self._server = urlsplit(server_url)
        self._proxy = urlsplit(proxy) if proxy else None
        self._headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip"}
        self._context = tls_context(ca_file) if self._server.scheme == "https" else None
        self._connection: HTTPConnection | None = None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def exchange(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """Send one request and read the whole answer. Errors: RoadError, for every status from 400 too."""
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        sent = {**self._headers, **(headers or {})}
        if data is not None:
            sent["Content-Type"] = "application/json"
        try:
            answer = self._once(method, self._server.path + path, sent, data)
        except (OSError, HTTPException, zlib.error) as error:
            self.close()
            raise self._lost(error) from error
        except RoadError:
            self.close()
            raise
        return _judged(answer)

    def _once(self, method: str, path: str, headers: Mapping[str, str], data: bytes | None) -> Answer:
        """On the kept connection; one that the server closed meanwhile is replaced, once.

        Every call of ours may be repeated: the server knows them by nonce, seq or id.
        """
        if self._connection is not None:
            try:
                return self._over(self._connection, method, path, headers, data)
            except (RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.close()
        self._connection = self._connect()
        return self._over(self._connection, method, path, headers, data)

    def _connect(self) -> HTTPConnection:
        there = (str(self._server.hostname), self._server.port)
        to, port = (str(self._proxy.hostname), self._proxy.port) if self._proxy else there
        if self._context is not None:
            connection: HTTPConnection = HTTPSConnection(
                to, port, timeout=CONNECT_TIMEOUT_S, context=self._context
            )
        else:
            connection = HTTPConnection(to, port, timeout=CONNECT_TIMEOUT_S)
        if self._proxy is not None:
            connection.set_tunnel(there[0], there[1] or 443, headers=_proxy_headers(self._proxy))
        connection.connect()
        connection.sock.settimeout(READ_TIMEOUT_S)
        return connection

    def _over(
        self,
        connection: HTTPConnection,
        method: str,
        path: str,
        headers: Mapping[str, str],
        data: bytes | None,
    ) -> Answer:
        connection.request(method, path, body=data, headers=headers)
        with connection.getresponse() as response:
            found = {name.lower(): value for name, value in response.getheaders()}
            answer = Answer(response.status, found, _read(response, found))
        if response.will_close:
            self.close()
        return answer

    def _lost(self, error: Exception) -> RoadError:
        reason = str(error) or type(error).__name__
        if isinstance(error, ssl.SSLError):
            return TlsError(f"{self._server_url}: {reason}. Check the address, the clock and the CA file")
        if isinstance(error, zlib.error | HTTPException) and not isinstance(error, RemoteDisconnected):
            return NotTheServerError(f"the answer of {self._server_url} cannot be read: {reason}")
        if self._proxy is not None:
            return UnreachableError(f"{self._server_url} cannot be reached through the proxy: {reason}")
        return UnreachableError(f"{self._server_url} cannot be reached: {reason}")


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    if proxy.username is None:
        return {}
    known = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(known).decode()}"}


def _read(response: HTTPResponse, headers: Mapping[str, str]) -> bytes:
    """Bounded while streaming, decompressed bytes too; one byte a second is cut off as well."""
    coding = headers.get("content-encoding", "identity").lower()
    if coding not in {"identity", "gzip"}:
        raise NotTheServerError(f"the answer comes in the coding {coding!r}, which was not asked for")
    unpack = zlib.decompressobj(31) if coding == "gzip" else None
    started, parts, size, received = time.monotonic(), [], 0, 0
    while part := response.read1(_CHUNK_BYTES):
        received += len(part)  # behind the end of a gzip stream nothing is unpacked, and all of it is kept
        if unpack is not None:
            part = unpack.decompress(part, MOST_BYTES + 1)
        parts.append(part)
        size += len(part)
        if max(size, received) > MOST_BYTES or (unpack is not None and unpack.unconsumed_tail):
            raise NotTheServerError(f"the answer has more than {MOST_BYTES} bytes")
        if time.monotonic() - started > WHOLE_ANSWER_S:
            raise UnreachableError(f"the answer did not arrive whole within {WHOLE_ANSWER_S:.0f} s")
    promised = headers.get("content-length", "")
    if promised.isdigit() and response.length:
        raise UnreachableError(f"the answer broke off, {response.length} bytes are missing")
    if unpack is not None and parts and not unpack.eof:
        raise UnreachableError("the answer broke off inside its gzip stream")
    return b"".join(parts)


def _judged(answer: Answer) -> Answer:
    status = answer.status
    kind = answer.headers.get("content-type", "").split(";")[0].strip().lower()
    if status == 304:
        return answer
    if 300 <= status < 400:
        where = answer.headers.get("location", "elsewhere")
        raise NotTheServerError(f"the answer leads to {where[:200]}: a captive portal, or a wrong address")
    if kind not in _JSON_TYPES:
        if status >= 500:
            raise BusyError(f"the server answers {status}", _retry_after(answer))
        raise NotTheServerError(
            f"{kind or 'an unnamed type'} came instead of JSON ({status}): a captive portal, a proxy, or a"
            " wrong address"
        )
    if status == 429 or status >= 500:
        raise BusyError(f"the server asks to wait ({status})", _retry_after(answer))
    if status >= 400:
        raise _refusal(answer)
    return answer


def _refusal(answer: Answer) -> RefusedError:
    problem = answer.json()
    if not isinstance(problem, dict):
        raise NotTheServerError(f"{answer.status} without a reason: somebody else answered")
    code, detail = str(problem.get("code", "")), str(problem.get("detail", ""))[:500]
    words = detail or code or f"refused with {answer.status}"
    if answer.status == 401:
        words = f"the server does not accept this edge's key ({words}): it may be revoked; enroll again"
    elif answer.status == 403:
        words = f"the server refuses this edge ({words}): ask the operator whether it is suspended"
    return RefusedError(answer.status, code, words)


def _retry_after(answer: Answer) -> float:
    text = answer.headers.get("retry-after", "").strip()
    if text.isdigit():
        return min(float(text), 3600.0)
    try:
        return max(0.0, min(parsedate_to_datetime(text).timestamp() - time.time(), 3600.0))
    except (TypeError, ValueError):  # absent or unreadable: our own backoff alone decides
        return 0.0
