"""What a server process asks before it serves, whoever starts it."""

import logging

import psycopg
from django.core.exceptions import ImproperlyConfigured

from ems.database_roles import refuse_unsafe_role
from sync_api.pool import conninfo

CONNECT_SECONDS = 5

logger = logging.getLogger("ems.starting")


def reason_to_refuse() -> str:
    """Why this process must not serve; empty when it may.

    A database that is away is no reason: its role is asked for again by the first connection (ems/postgres).
    """
    try:
        with psycopg.connect(conninfo(), connect_timeout=CONNECT_SECONDS) as connection:
            refuse_unsafe_role(connection.cursor())
    except ImproperlyConfigured as error:
        return str(error)
    except psycopg.OperationalError as error:
        logger.warning("the database does not answer yet: %s", error)
    return ""
