"""A wire that can be cut: a loopback TCP proxy between one edge and the server."""

import socket
import threading
from contextlib import suppress

CHUNK = 65_536


class Link:
    """Forwards connections to the server until told otherwise.

    cut():            refuses new connections and resets the open ones.
    refuse_sockets(): lets HTTP pass and resets every WebSocket request, as a proxy in the way would.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_cut = False
        self._refuses_sockets = False
        self._open: set[socket.socket] = set()
        self._websockets: set[socket.socket] = set()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True, name=f"link-{self.port}").start()

    def cut(self) -> None:
        self._is_cut = True
        self._reset(self._open)

    def mend(self) -> None:
        self._is_cut = False

    def refuse_sockets(self) -> None:
        self._refuses_sockets = True
        self._reset(self._websockets)

    def allow_sockets(self) -> None:
        self._refuses_sockets = False

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _reset(self, sockets: set[socket.socket]) -> None:
        with self._lock:
            doomed = list(sockets)
        for one in doomed:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                edge, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(edge,), daemon=True).start()

    def _serve(self, edge: socket.socket) -> None:
        with edge, suppress(OSError):
            first = b"" if self._is_cut else edge.recv(CHUNK)
            is_websocket = first.startswith(b"GET /ws/")
            if not first or (is_websocket and self._refuses_sockets):
                return
            with socket.create_connection(("127.0.0.1", self._server_port)) as server:
                pair = {edge, server}
                self._remember(pair, is_websocket)
                server.sendall(first)
                back = threading.Thread(target=self._pump, args=(server, edge), daemon=True)
                back.start()
                self._pump(edge, server)
                back.join()
                self._forget(pair)

    def _remember(self, pair: set[socket.socket], is_websocket: bool) -> None:
        with self._lock:
            self._open |= pair
            if is_websocket:
                self._websockets |= pair

    def _forget(self, pair: set[socket.socket]) -> None:
        with self._lock:
            self._open -= pair
            self._websockets -= pair

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if self._is_cut:
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
