"""The road to the cloud: one HTTP exchange, bounded in bytes and time, and what may go wrong on the way.

RoadError                  nothing was learnt; the message says what to do
├── UnreachableError       no connection, no answer in time (retry with backoff)
├── TlsError               a connection that cannot be trusted (retry with backoff)
├── NotTheServerError      somebody else answered: captive portal, proxy, wrong address
├── BusyError              5xx, 429: the server asks to wait (`retry_after_s`)
└── RefusedError           4xx: the server understood and said no (not retried in a loop)
"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.response import BaseHTTPResponse

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


class _ModernTls(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__(max_retries=0, pool_maxsize=2)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*args, ssl_context=self._context, **kwargs)
        return manager


class Road:
    """One keep-alive connection to one server. Used by one thread."""

    def __init__(self, server_url: str, *, user_agent: str, ca_file: str | None, proxy: str | None) -> None:
        self._server_url = server_url
        self._session = requests.Session()
        # No .netrc and no HTTP_PROXY of somebody's shell: the settings alone decide.
        self._session.trust_env = False
        self._session.headers = {"User-Agent": user_agent, "Accept-Encoding": "gzip"}
        self._session.verify = ca_file or True
        if server_url.startswith("https"):
            self._session.mount("https://", _ModernTls(tls_context(ca_file)))
        if proxy:
            self._session.proxies = {"http": proxy, "https": proxy}

    def close(self) -> None:
        self._session.close()

    def exchange(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """Send one request and read the whole answer. Errors: RoadError, for every status from 400 too."""
        data = None if body is None else json.dumps(body, allow_nan=False).encode()
        sent = dict(headers or {})
        if data is not None:
            sent["Content-Type"] = "application/json"
        try:
            response = self._session.request(
                method,
                self._server_url + path,
                data=data,
                headers=sent,
                timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                stream=True,
                allow_redirects=False,
            )
            with response:
                answer = Answer(response.status_code, response.headers, _read(response.raw))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise _lost(error, self._server_url) from error
        return _judged(answer)


def _read(raw: BaseHTTPResponse) -> bytes:
    """Bounded while streaming, decompressed bytes too; one byte a second is cut off as well."""
    coding = raw.headers.get("Content-Encoding", "identity").lower()
    if coding not in {"identity", "gzip"}:
        raise NotTheServerError(f"the answer comes in the coding {coding!r}, which was not asked for")
    started, parts, size = time.monotonic(), [], 0
    while part := raw.read1(_CHUNK_BYTES, decode_content=True):
        parts.append(part)
        size += len(part)
        if size > MOST_BYTES:
            raise NotTheServerError(f"the answer has more than {MOST_BYTES} bytes")
        if time.monotonic() - started > WHOLE_ANSWER_S:
            raise UnreachableError(f"the answer did not arrive whole within {WHOLE_ANSWER_S:.0f} s")
    return b"".join(parts)


def _lost(error: Exception, server_url: str) -> RoadError:
    if isinstance(error, requests.exceptions.SSLError) or "SSLError" in repr(error):
        return TlsError(f"{server_url}: {_reason(error)}. Check the address, the clock and the CA file")
    if isinstance(error, requests.exceptions.ProxyError):
        return UnreachableError(f"the proxy does not lead to {server_url}: {_reason(error)}")
    return UnreachableError(f"{server_url} cannot be reached: {_reason(error)}")


def _reason(error: BaseException) -> str:
    """The innermost cause: libraries wrap it several times and repeat themselves."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return str(error) or type(error).__name__


def _judged(answer: Answer) -> Answer:
    status = answer.status
    kind = answer.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if status == 304:
        return answer
    if 300 <= status < 400:
        where = answer.headers.get("Location", "elsewhere")
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
    return RefusedError(answer.status, code, detail or code or f"refused with {answer.status}")


def _retry_after(answer: Answer) -> float:
    text = answer.headers.get("Retry-After", "").strip()
    if text.isdigit():
        return min(float(text), 3600.0)
    try:
        return max(0.0, min(parsedate_to_datetime(text).timestamp() - time.time(), 3600.0))
    except (TypeError, ValueError):  # absent or unreadable: our own backoff alone decides
        return 0.0
