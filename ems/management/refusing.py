"""Errors that a person at a terminal can act on are one sentence there, not a traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import CommandError

from ems.database import EmbeddedDatabaseError


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """Errors: CommandError, in place of what a wrong setting, server or platform raises."""
    try:
        yield
    except (ImproperlyConfigured, EmbeddedDatabaseError) as error:
        raise CommandError(str(error)) from error
    except psycopg.OperationalError as error:
        reason = str(error).strip().splitlines()[-1]
        raise CommandError(f"The database refuses: {reason}. Run `manage.py setup` first?") from error
