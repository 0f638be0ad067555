"""The notice socket: a thread of its own that connects, listens and reconnects. It only ever brings hints."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from edge_agent.keyring import Keyring
from edge_agent.road import TlsError, tls_context
from edge_agent.settings import AgentSettings
from edge_agent.tempo import Uniform, backoff_s
from edge_agent.version import VERSION
from edge_protocol.canonical import parse
from edge_protocol.errors import ProtocolError
from edge_protocol.notices import MAX_FRAME_BYTES, Notice, read_notice

log = logging.getLogger(__name__)
# The library writes whole headers at DEBUG, the key among them: never below INFO.
_SOCKET_LOG = logging.getLogger("edge_agent.socket")
_SOCKET_LOG.setLevel(logging.INFO)

RECONNECT_CAP_S = 60.0
PING_S = 20.0
CLOSE_TIMEOUT_S = 2.0
OPEN_TIMEOUT_S = 15.0
KEY_REFUSED = {4401, 4403}
REPLACED, TOO_MANY = 4409, 4429


@dataclass(frozen=True, slots=True)
class SocketUp:
    """Connected. What arrives after it belongs to this connection."""


@dataclass(frozen=True, slots=True)
class SocketDown:
    """`code` is the close code, 0 when there was none; `detail` a sentence for people."""

    code: int
    detail: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A notice of a known type, or the server's `error` frame as it stands."""

    notice: Notice | None
    error: Mapping[str, Any] | None = None


class Listener:
    """`post` hands messages to the reducer; `send` may be called by it at any time."""

    def __init__(
        self, settings: AgentSettings, keyring: Keyring, post: Callable[[object], None], uniform: Uniform
    ) -> None:
        self._settings = settings
        self._keyring = keyring
        self._post = post
        self._uniform = uniform
        self._stopping = threading.Event()
        self._may_connect = threading.Event()
        self._may_connect.set()
        self._connection: ClientConnection | None = None
        self._thread = threading.Thread(target=self._keep_connected, name="listener", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._may_connect.set()
        connection = self._connection
        if connection is not None:
            connection.close()
        self._thread.join(timeout=5)

    def key_works(self) -> None:
        """An HTTP call was accepted: a socket that was refused for its key may be tried again."""
        self._may_connect.set()

    def send(self, body: Mapping[str, Any]) -> bool:
        """Whether it left; a socket that just broke is the reader's business."""
        connection = self._connection
        if connection is None:
            return False
        try:
            connection.send(orjson.dumps(body).decode())
        except (ConnectionClosed, OSError):
            return False
        return True

    def _keep_connected(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            self._may_connect.wait()
            if self._stopping.is_set():
                return
            down, was_up = self._one_connection()
            self._post(down)
            failures = 0 if was_up else failures + 1
            if down.code in KEY_REFUSED:
                self._may_connect.clear()
            floor_s = RECONNECT_CAP_S if down.code in {REPLACED, TOO_MANY} else 0.0
            self._stopping.wait(backoff_s(failures, RECONNECT_CAP_S, self._uniform, floor_s))

    def _one_connection(self) -> tuple[SocketDown, bool]:
        """Runs until the connection ends; says how, and whether it ever stood."""
        try:
            with self._connect() as connection:
                self._connection = connection
                self._post(SocketUp())
                try:
                    return self._listen(connection), True
                finally:
                    self._connection = None
        except InvalidStatus as error:
            status = error.response.status_code
            code = 4401 if status == 401 else 4403 if status == 403 else 0
            return SocketDown(code, f"the notice socket was answered with {status}"), False
        except (OSError, ssl.SSLError, WebSocketException, TlsError) as error:
            return SocketDown(0, f"the notice socket cannot be opened: {error}"), False

    def _connect(self) -> ClientConnection:
        url = self._settings.server_url.replace("http", "ws", 1)
        secure = tls_context(self._settings.ca_file) if url.startswith("wss") else None
        return connect(
            f"{url}/ws/edges/{self._settings.edge_id}/notify",
            additional_headers={"Authorization": f"Bearer {self._keyring.text()}"},
            ssl=secure,
            proxy=self._settings.proxy,
            compression=None,
            open_timeout=OPEN_TIMEOUT_S,
            close_timeout=CLOSE_TIMEOUT_S,
            user_agent_header=f"ems-agent/{VERSION}",
            logger=_SOCKET_LOG,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            max_size=MAX_FRAME_BYTES,
            max_queue=16,
        )

    def _listen(self, connection: ClientConnection) -> SocketDown:
        try:
            while True:
                self._hear(connection.recv())
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 0
            words = closed.rcvd.reason if closed.rcvd is not None else "the connection broke"
            return SocketDown(code, f"the notice socket closed: {code} {words}".strip())

    def _hear(self, frame: str | bytes) -> None:
        """A frame that makes no sense is dropped: notices are hints, polling is the truth."""
        data = frame.encode() if isinstance(frame, str) else frame
        try:
            value = parse(data, max_bytes=MAX_FRAME_BYTES)
            if isinstance(value, dict) and value.get("type") == "error":
                self._post(Heard(None, value))
                return
            notice = read_notice(value)
        except ProtocolError as error:
            log.warning("a notice was dropped: %s", error.detail)
            return
        if notice is not None:
            self._post(Heard(notice))
