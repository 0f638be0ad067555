"""One address in front of several servers: connections go to each in turn."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator, Sequence


def pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def serve(client: socket.socket, port: int) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        back = threading.Thread(target=pump, args=(server, client), daemon=True)
        back.start()
        pump(client, server)
        back.join()


@contextlib.contextmanager
def balanced(ports: Sequence[int]) -> Iterator[int]:
    """The port that stands for all of them."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        turns = itertools.cycle(ports)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listening.accept()
                    threading.Thread(target=serve, args=(client, next(turns)), daemon=True).start()

        accepting = threading.Thread(target=accept, daemon=True)
        accepting.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        accepting.join()
