"""`manage.py work`: one worker process."""

import signal
from contextlib import nullcontext
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from ems import database, starting
from ems.management.refusing import in_one_sentence
from ems.worker import Worker


class Command(BaseCommand):
    help = "Advance rollouts and whatever else is due. Run it as often as you like; SIGTERM ends it in order."
    requires_system_checks: list[str] = []

    def handle(self, *_: Any, **__: Any) -> None:
        embedded = database.supervised(settings.EMS_VAR) if settings.EMBEDDED_DATABASE else nullcontext()
        with in_one_sentence(), embedded:
            reason = starting.reason_to_refuse()
            if reason:
                self.stderr.write(reason)
                raise SystemExit(1)
            worker = Worker()

            def leave(_signal: int, _frame: FrameType | None) -> None:
                worker.stop()

            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, leave)
            self.stdout.write("Working.")
            self.stdout.flush()
            worker.run()
