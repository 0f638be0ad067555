"""How far a publishing is, told while its transaction is still open: by a connection of its own."""

import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db import Error, connection
from psycopg_pool import PoolTimeout

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
        own = connection.copy()
        try:
            with own.cursor() as cursor:
                cursor.execute("SELECT set_config('ems.orgs', %s, false)", [str(organization_id)])
                cursor.execute(_TELL, [phase, done, of, change_set_id, organization_id])
                cursor.execute("SELECT set_config('ems.orgs', '', false)")
                cursor.execute("SELECT pg_notify(%s, %s)", [hints.CHANNEL, hint.payload()])
        except (Error, PoolTimeout) as lost:
            logger.warning("progress of %s: %s", change_set_id, lost)
        finally:
            own.close()

    return tell
