"""The 0600 socket between the command line and the running agent: one JSON line each way."""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

MOST_BYTES = 8 * 1024 * 1024
ANSWER_WITHIN_S = 60.0
MOST_PATH_BYTES = 100


class NotRunningError(Exception):
    """Nobody listens: the agent is stopped."""


@dataclass(slots=True)
class Asked:
    """A command and where its one answer goes."""

    command: str
    arguments: Mapping[str, Any]
    reply: queue.SimpleQueue[dict[str, Any]] = field(default_factory=queue.SimpleQueue)


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Socket addresses hold about a hundred bytes; a longer path is reached through its open folder."""
    if len(os.fsencode(path)) <= MOST_PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


class ControlServer:
    """Accepts one command per connection and hands it to the reducer."""

    def __init__(self, path: Path, post: Callable[[object], None]) -> None:
        self._path = path
        self._post = post
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def start(self) -> None:
        """Errors: OSError when the socket cannot be made."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with _short(self._path) as address:
                self._socket.bind(address)
        finally:
            os.umask(before)
        self._socket.listen(8)
        threading.Thread(target=self._serve, name="control", daemon=True).start()

    def stop(self) -> None:
        self._path.unlink(missing_ok=True)
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # closed: the agent ends
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as stream:
            connection.settimeout(ANSWER_WITHIN_S)
            try:
                body = json.loads(stream.readline(MOST_BYTES))
                asked = Asked(str(body["command"]), dict(body.get("arguments") or {}))
                self._post(asked)
                answer = asked.reply.get(timeout=ANSWER_WITHIN_S)
            except (ValueError, KeyError, TypeError) as error:
                answer = {"error": "usage", "detail": f"not a command: {error}"}
            except (OSError, queue.Empty):
                answer = {"error": "try_again", "detail": "the agent is busy"}
            try:
                stream.write(json.dumps(answer).encode() + b"\n")
                stream.flush()
            except OSError:  # the asker went away
                return


def ask(path: Path, command: str, arguments: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Ask the running agent. Errors: NotRunningError."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(ANSWER_WITHIN_S + 5)
        try:
            with _short(path) as address:
                connection.connect(address)
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunningError("the agent is not running") from error
        with connection.makefile("rwb") as stream:
            stream.write(
                json.dumps({"command": command, "arguments": dict(arguments or {})}).encode() + b"\n"
            )
            stream.flush()
            line = stream.readline(MOST_BYTES)
    if not line:
        raise NotRunningError("the agent ended while it was asked")
    answer: dict[str, Any] = json.loads(line)
    return answer
