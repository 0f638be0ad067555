"""What the servers answered, minute by minute: where the availability of the API is read from."""

from datetime import datetime, timedelta

from django.db import connection

from monitoring.models import Served

KEPT = timedelta(days=2)  # the samples of the service level keep the rest

_ADD = """
INSERT INTO monitoring_served (at, answered, failed) VALUES (%s, %s, %s)
    ON CONFLICT (at) DO UPDATE SET answered = monitoring_served.answered + excluded.answered,
                                   failed = monitoring_served.failed + excluded.failed
"""


def add(*, answered: int, failed: int, now: datetime) -> None:
    """Purpose: add what one process has answered since it last said so; forget what is two days old.

    Errors: none of its own.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ADD, [now.replace(second=0, microsecond=0), answered, failed])
    Served.objects.filter(at__lt=now - KEPT).delete()
