"""A cable between a runtime and a simulated device: it can be pulled, go silent, and be put back."""

import socket
import threading
from contextlib import suppress

CHUNK = 4096
LOOPBACK = "127.0.0.1"


class Cable:
    """Forwards connections to a device's port.

    pull():    resets what is open and refuses what is new.
    silence(): keeps connections open and lets no byte through, as a switch without power behind it would.
    mend():    everything passes again; what was swallowed is lost.
    """

    def __init__(self, device_port: int) -> None:
        self.device_port = device_port
        self._listener: socket.socket | None = socket.create_server((LOOPBACK, 0))
        self.port: int = self._listener.getsockname()[1]
        self._is_silent = False
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listen(self._listener)

    def pull(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)  # or whoever waits in accept keeps it listening
            listener.close()
        self._reset()

    def silence(self) -> None:
        self._is_silent = True

    def mend(self) -> None:
        self._is_silent = False
        if self._listener is None:
            self._listener = socket.create_server((LOOPBACK, self.port))
            self._listen(self._listener)
        else:
            self._reset()

    def _reset(self) -> None:
        with self._lock:
            doomed, self._open = self._open, set()
        for one in doomed:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _listen(self, listener: socket.socket) -> None:
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, suppress(OSError), socket.create_connection((LOOPBACK, self.device_port)) as far:
            with self._lock:
                self._open |= {near, far}
            back = threading.Thread(target=self._pump, args=(far, near), daemon=True)
            back.start()
            self._pump(near, far)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(CHUNK):
                if not self._is_silent:
                    sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
