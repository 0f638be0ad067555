"""`manage.py serve`: one server process, with the embedded PostgreSQL when no other is named."""

import os
import signal
import subprocess
import sys
from contextlib import nullcontext
from types import FrameType
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ems import database, database_roles
from ems.env import REPOSITORY, Environment
from ems.management.refusing import in_one_sentence

STOP_SECONDS = 30
# A notice or a heartbeat has at most 64 KiB; open requests get ten seconds at the end. Whose word is taken
# for the client's address and scheme is the settings' business, not uvicorn's. A socket is pinged as its
# hello says; compression would cost each 16 KiB and more for messages of a few hundred bytes.
UVICORN = (
    "--no-server-header",
    "--no-proxy-headers",
    *("--timeout-graceful-shutdown", "10"),
    *("--ws-max-size", "65536"),
    *("--ws-ping-interval", "30"),
    *("--ws-ping-timeout", "30"),
    *("--ws-per-message-deflate", "false"),
)


class Command(BaseCommand):
    help = (
        "Serve with uvicorn. Several processes: run it several times behind one address, with DATABASE_URL."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: loopback only)"
        )
        parser.add_argument("--port", type=int, default=8000, help="port to listen on; 0: any free one")

    def handle(self, *_: Any, **options: Any) -> None:
        embedded = settings.EMBEDDED_DATABASE
        supervision = database.supervised(settings.EMS_VAR) if embedded else nullcontext()
        with in_one_sentence(), supervision as place:
            url = place.url(database.APP) if place else Environment().text("DATABASE_URL")
            with psycopg.connect(url) as connection:
                database_roles.refuse_unsafe_role(connection.cursor())
            status = self._serve(url, options["host"], options["port"], embedded=embedded)
        sys.exit(status)

    def _serve(self, url: str, host: str, port: int, *, embedded: bool) -> int:
        environment = dict(os.environ)
        if embedded:  # the child is given the address and knows nothing of the supervision
            environment["DATABASE_URL"] = url
        child = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "uvicorn",
                "ems.asgi:application",
                "--host",
                host,
                "--port",
                str(port),
                *UVICORN,
            ],
            cwd=REPOSITORY,
            env=environment,
            start_new_session=True,  # Ctrl-C comes to us, and the child is ended in order
        )

        asked_to_stop = False

        def stop(_signal: int, _frame: FrameType | None) -> None:
            nonlocal asked_to_stop
            asked_to_stop = True
            child.send_signal(signal.SIGTERM)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        try:
            status = child.wait()
            return 0 if asked_to_stop else status  # uvicorn ends by the signal that it was sent
        finally:
            if child.poll() is None:
                child.kill()
                child.wait(STOP_SECONDS)
