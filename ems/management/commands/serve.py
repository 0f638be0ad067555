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

STOP_SECONDS = 30
# A notice or a heartbeat has at most 64 KiB; open requests get ten seconds at the end.
UVICORN = ("--no-server-header", "--timeout-graceful-shutdown", "10", "--ws-max-size", "65536")


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
        with database.supervised(settings.EMS_VAR) if embedded else nullcontext() as place:
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

        def stop(_signal: int, _frame: FrameType | None) -> None:
            child.send_signal(signal.SIGTERM)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        try:
            return child.wait()
        finally:
            if child.poll() is None:
                child.kill()
                child.wait(STOP_SECONDS)
