"""Real server processes for tests: started, awaited by what they say, stopped by their id."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from uuid import uuid4

REPOSITORY = Path(__file__).resolve().parent.parent
LISTENING = re.compile(r"Uvicorn running on http://127\.0\.0\.1:(\d+)")


class ServerStartError(AssertionError):
    """The process ended before it listened; carries what it said."""


@dataclass(frozen=True)
class ServerProcess:
    process: "subprocess.Popen[str]"
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self.process.wait()


@contextlib.contextmanager
def start_server(database_url: str, var: Path, environment: Mapping[str, str]) -> Iterator[ServerProcess]:
    """`manage.py serve` on a free port of the loopback."""
    log = var / f"server-{os.getpid()}-{uuid4().hex[:8]}.log"
    command = [sys.executable, "manage.py", "serve", "--port", "0"]
    process = subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=os.environ
        | {"EMS_VAR": str(var), "DATABASE_URL": database_url, "DATABASE_POOL_SIZE": "4", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    try:
        with log.open("w") as file:
            port = _port(process.stdout, file)
        drain = threading.Thread(target=_drain, args=(process.stdout, log), daemon=True)
        drain.start()
        yield ServerProcess(process, port, log)
    finally:
        process.terminate()
        process.wait(timeout=30)


def _port(output: IO[str], log: IO[str]) -> int:
    said = []
    for line in output:
        said.append(line)
        log.write(line)
        found = LISTENING.search(line)
        if found:
            return int(found[1])
    raise ServerStartError("".join(said))


def _drain(output: IO[str], log: Path) -> None:
    """A pipe that nobody reads fills up and stops the server."""
    with output, log.open("a", buffering=1) as file:
        for line in output:
            file.write(line)
