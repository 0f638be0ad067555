"""How far a publishing is, told while its transaction is still open: by a connection of its own."""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import psycopg
from django.db import connection
from psycopg.conninfo import make_conninfo

from configs.timed.models import Progress
from edges import hints
from edges.hints import Hint

PHASES = ("waiting", "planning", "signing", "storing", "published", "refused")
Tell = Callable[[str, int, int], None]  # phase, done, of (0: not counted)

logger = logging.getLogger(__name__)

_TELL = """
UPDATE configs_progress SET phase = %s, done = %s, of = %s WHERE change_set_id = %s AND organization_id = %s
"""


def silent(phase: str, done: int, of: int) -> None:
    """Nobody waits for it."""


def keep(
    *, organization_id: UUID, change_set_id: UUID, phase: str, now: datetime, error: str = "", edges: int = 0
) -> None:
    """The word that stays, in the caller's transaction: it waits, it was published, it was refused."""
    values = {"phase": phase, "done": edges, "of": edges, "error": error, "at": now}
    Progress.objects.update_or_create(
        change_set_id=change_set_id, organization_id=organization_id, defaults=values
    )


def aloud(organization_id: UUID, change_set_id: UUID) -> Tell:
    """Tells on a connection of its own, which commits at once; that nobody can be told stops nothing."""

    hint = Hint("change_set", organization_id, None, str(change_set_id))

    def tell(phase: str, done: int, of: int) -> None:
        try:
            with psycopg.connect(_conninfo()) as own:  # beside the pool, which may have one connection only
                own.execute("SELECT set_config('ems.orgs', %s, true)", [str(organization_id)])
                own.execute(_TELL, [phase, done, of, change_set_id, organization_id])
                own.execute("SELECT pg_notify(%s, %s)", [hints.CHANNEL, hint.payload()])
        except psycopg.Error as lost:
            logger.warning("progress of %s: %s", change_set_id, lost)

    return tell


def _conninfo() -> str:
    place = connection.settings_dict
    options = {name: value for name, value in place["OPTIONS"].items() if name != "pool"}
    named = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    given = {name: place[kept] for name, kept in named.items() if place[kept]}
    return make_conninfo(**given, **options, connect_timeout=5)
