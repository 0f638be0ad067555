"""The simulator's notice socket, by the sans-I/O protocol of websockets over an HTTP handler's connection."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any

from websockets.frames import Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

if TYPE_CHECKING:
    from tests.edge_agent.cloud_simulator import CloudSimulator


class NoticeSocket:
    """One notice socket, by the sans-I/O protocol of websockets over the handler's connection."""

    def __init__(self, handler: BaseHTTPRequestHandler, cloud: CloudSimulator) -> None:
        self.cloud, self.connection = cloud, handler.connection
        self.protocol = ServerProtocol(max_size=64 * 1024)
        self.writing = threading.Lock()
        head = f"{handler.command} {handler.path} HTTP/1.1\r\n" + str(handler.headers)
        self.protocol.receive_data(head.replace("\r\n", "\n").replace("\n", "\r\n").encode())

    def run(self) -> None:
        (request,) = self.protocol.events_received()
        assert isinstance(request, Request)
        with self.writing:
            self.protocol.send_response(self.protocol.accept(request))
            self._flush()
        with self.cloud.changed:
            self.cloud.sockets.append(self)
            self.cloud.changed.notify_all()
        newest = self.cloud.versions[-1].number if self.cloud.versions else 0
        try:
            self.say({"type": "hello", "protocol": 1, "version": newest, "ping_seconds": 30})
            while not self.protocol.close_expected() and (data := self.connection.recv(65536)):
                self._take(data)
        except OSError:
            pass
        finally:
            with self.cloud.changed:
                self.cloud.sockets.remove(self)
                self.cloud.changed.notify_all()

    def _take(self, data: bytes) -> None:
        with self.writing:
            self.protocol.receive_data(data)
            frames = self.protocol.events_received()
            self._flush()
        for frame in frames:
            if frame.opcode is not Opcode.TEXT or self.cloud.lies.silent_socket:
                continue
            body = json.loads(frame.data)
            if body.pop("type") == "heartbeat":
                self.say({"type": "heartbeat.ok", **self.cloud.heard(body)})

    def say(self, notice: dict[str, Any]) -> None:
        with self.writing:
            self.protocol.send_text(json.dumps(notice).encode())
            self._flush()

    def close(self, code: int) -> None:
        with self.writing:
            self.protocol.send_close(code, "")
            self._flush()

    def end(self) -> None:
        with suppress(OSError):
            self.connection.shutdown(2)

    def _flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.connection.sendall(data)
