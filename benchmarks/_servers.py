"""Servers under measurement: real processes on the loopback, pinned to one processor, stopped by their
ids.
"""

import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
START_SECONDS = 60


def pin(processor: int) -> None:
    """This process (and what it starts) stays on one processor, where the system can do that."""
    if hasattr(os, "sched_setaffinity") and (os.cpu_count() or 1) > 1:
        os.sched_setaffinity(0, {processor})


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def serving(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator[int]:
    """`command` with {port} filled in, once it accepts connections."""
    port = free_port()
    with log.open("w") as output:
        process = subprocess.Popen(
            [part.format(port=port) for part in command],
            cwd=REPOSITORY,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: pin(0),  # noqa: PLW1509 - before any thread is started here
        )
    try:
        await_port(port, process, log)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def await_port(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    waited = 0.0
    while waited < START_SECONDS:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
            raise RuntimeError(f"the server ended: {log.read_text()[-2000:]}")
        waited += 0.1
    raise RuntimeError(f"the server did not open its port: {log.read_text()[-2000:]}")


def uvicorn(application: str) -> list[str]:
    return [
        *(sys.executable, "-m", "uvicorn", application, "--host", "127.0.0.1", "--port", "{port}"),
        *("--no-access-log", "--log-level", "warning", "--no-proxy-headers", "--no-server-header"),
    ]


def gunicorn(application: str) -> list[str]:
    return [
        *(sys.executable, "-m", "gunicorn", application, "--bind", "127.0.0.1:{port}"),
        *("--worker-class", "gthread", "--workers", "1", "--threads", "4", "--keep-alive", "60"),
        *("--log-level", "warning"),
    ]
