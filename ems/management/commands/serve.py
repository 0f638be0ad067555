"""`manage.py serve`: one server process, with the embedded PostgreSQL when no other is named."""

import signal
import sys
from contextlib import nullcontext, suppress
from types import FrameType
from typing import Any

import psycopg
import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ems import database, database_roles
from ems.env import Environment
from ems.management.refusing import in_one_sentence

# A notice or a heartbeat has at most 64 KiB; open requests get ten seconds at the end. Whose word is taken
# for the client's address and scheme is the settings' business, not uvicorn's. A socket is pinged as its
# hello says; compression would cost each 16 KiB and more for messages of a few hundred bytes.
UVICORN: dict[str, Any] = {
    "server_header": False,
    "proxy_headers": False,
    "timeout_graceful_shutdown": 10,
    "ws_max_size": 65536,
    "ws_ping_interval": 30,
    "ws_ping_timeout": 30,
    "ws_per_message_deflate": False,
}


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
            # uvicorn ends in order and then sends itself the signal again, which must not end us before
            # the supervised database is stopped.
            signal.signal(signal.SIGTERM, _leave)
            with suppress(KeyboardInterrupt):
                uvicorn.run("ems.asgi:application", host=options["host"], port=options["port"], **UVICORN)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)
