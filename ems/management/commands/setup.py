"""`manage.py setup`: everything that a server needs before it can serve; safe to repeat."""

from contextlib import nullcontext
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ems import database, setting_up
from ems.management.refusing import in_one_sentence


class Command(BaseCommand):
    help = (
        "Start the embedded PostgreSQL without DATABASE_URL, create roles, migrate, make development keys, "
        "offer the shipped device profiles."
    )
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        embedded = database.supervised(settings.EMS_VAR) if settings.EMBEDDED_DATABASE else nullcontext()
        with in_one_sentence(), embedded:
            setting_up.set_up_database()
            revision = setting_up.found()
            self.stdout.write(f"Database ready. Device profiles are at revision {revision}.")
