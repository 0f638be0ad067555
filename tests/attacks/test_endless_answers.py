"""Answers that do not end or grow when they are opened: the agent gives up within its caps."""

import gzip
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from edge_agent import road
from edge_agent.road import NotTheServerError, Road, UnreachableError

CHUNK = b"%x\r\n" % 65536 + bytes(65536) + b"\r\n"
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    b"Content-Encoding: %b\r\n\r\n"
)


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@contextmanager
def somebody(begin: bytes, again: bytes) -> Iterator[Road]:
    """The road to a server that answers every request with `begin` and then with `again` for ever."""

    def answer() -> None:
        with suppress(OSError):
            peer, _ = listener.accept()
            with peer:
                peer.recv(65536)
                peer.sendall(begin)
                while again:
                    peer.sendall(again)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        way = Road(url, user_agent="test", ca_file=None, proxy=None)
        try:
            yield way
        finally:
            way.close()


ENDLESS = {
    "zeros": (HEAD % b"identity", CHUNK),
    "a bomb": (HEAD % b"gzip", chunked(gzip.compress(bytes(64 * 1024 * 1024)))),
    "what follows a gzip stream": (HEAD % b"gzip" + chunked(gzip.compress(b"{}")), CHUNK),
    "one gzip stream after the other": (HEAD % b"gzip", chunked(gzip.compress(b"{}") * 3000)),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_an_answer_without_an_end_is_cut_off(name: str) -> None:
    with somebody(*ENDLESS[name]) as way, pytest.raises(NotTheServerError, match="more than"):
        way.exchange("GET", "/")


def test_a_slow_answer_is_cut_off_by_the_whole_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Byte after byte, each within the patience for one: the time for all of them decides."""
    monkeypatch.setattr(road, "WHOLE_ANSWER_S", 0.0)
    with somebody(HEAD % b"identity", chunked(b"1")) as way, pytest.raises(UnreachableError, match="whole"):
        way.exchange("GET", "/")


@pytest.mark.parametrize("coding", [b"zstd", b"br", b"deflate", b"gzip, gzip"])
def test_a_coding_that_was_not_asked_for_is_not_opened(coding: bytes) -> None:
    with (
        somebody(HEAD % coding + chunked(b"x"), b"") as way,
        pytest.raises(NotTheServerError, match="coding"),
    ):
        way.exchange("GET", "/")
