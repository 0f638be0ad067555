"""`manage.py reference`: docs/reference.md from the code."""

from typing import Any

from django.core.management.base import BaseCommand

from ems import reference


class Command(BaseCommand):
    help = "Print docs/reference.md."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        self.stdout.write(reference.text(), ending="")
