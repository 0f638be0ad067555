"""`manage.py demo`: server, worker, database and three real edges on this machine (`make demo`)."""

import fcntl
import json
import shutil
import signal
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ems import database, setting_up
from ems.demo import people, timeline
from ems.demo.operator import StoryError
from ems.demo.processes import ChildFailedError, Processes, end_left_over, free_port
from ems.demo.story import Story
from ems.demo.world import ORGANIZATIONS, World

PREFERRED_PORT = 8000


class Command(BaseCommand):
    help = (
        "Start PostgreSQL, server, worker and three edges; --once plays the story and exits by its outcome."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="play the story, then end (exit 0 or 1)")
        parser.add_argument("--json", action="store_true", help="print the facts as JSON on standard output")
        parser.add_argument("--reset", action="store_true", help="forget everything the demo stored")
        parser.add_argument(
            "--port", type=int, default=PREFERRED_PORT, help="the server's port, if it is free"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        if settings.ENVIRONMENT == "production" or not settings.EMBEDDED_DATABASE:
            raise CommandError(
                "The demo runs on its own embedded database: unset DATABASE_URL and ENVIRONMENT."
            )
        signal.signal(signal.SIGTERM, _interrupt)
        settings.EMS_VAR.mkdir(parents=True, exist_ok=True)
        with _only_demo(settings.EMS_VAR / "demo.lock"):
            directory = settings.EMS_VAR / "demo"
            left = end_left_over(directory)
            if left:
                self._say(f"Ended {left} processes that a killed run had left behind.")
            self._forget(directory)
            if options["reset"]:
                self._say("Forgotten: the next `make demo` starts from nothing.")
                return
            self._run(Processes(directory), directory, options)

    def _run(self, processes: Processes, directory: Path, options: dict[str, Any]) -> None:
        facts: dict[str, Any] = {"ok": False}
        try:
            with database.supervised(settings.EMS_VAR):
                try:
                    world = self._start(processes, directory, options["port"])
                    if options["once"]:
                        facts = Story(world, self._say).play()
                    else:
                        self._watch(world)
                finally:
                    processes.stop_all()
        except (StoryError, ChildFailedError) as error:
            facts["error"] = str(error)
            self._say(str(error))
        except KeyboardInterrupt:
            self._say("Ended.")
            return
        if options["json"]:
            self.stdout.write(json.dumps(facts, indent=2))
        if not facts["ok"]:
            sys.exit(1)

    def _start(self, processes: Processes, directory: Path, preferred_port: int) -> World:
        self._say("Starting PostgreSQL and preparing its tables ...")
        setting_up.set_up_database()
        setting_up.found()
        port = free_port(preferred_port)
        tokens, console = people.introduce(ORGANIZATIONS)
        trust = people.trust_root()
        world = World(
            base_url=f"http://127.0.0.1:{port}",
            port=port,
            directory=directory,
            processes=processes,
            tokens=tokens,
            console={**console, "url": f"http://127.0.0.1:{port}/admin/"},
            trust_root=trust.envelope,
            root_sha256=trust.sha256,
        )
        self._say("Starting the server and the worker, and loading two organizations ...")
        world.start_server()
        world.start_worker()
        world.populate()
        world.enroll_spares()
        self._say("Enrolling and starting three edges ...")
        world.start_agents()
        world.write_facts(settings.EMS_VAR / "demo.json")
        return world

    def _watch(self, world: World) -> None:
        """Say what happens until Ctrl-C."""
        facts = settings.EMS_VAR / "demo.json"
        self._say(
            f"\n  Console    {world.console['url']}"
            f"  ({world.console['username']} / {world.console['password']})"
            f"\n  Interface  {world.base_url}/api/docs"
            f"\n  Facts      {facts} (addresses, tokens, keys)"
            "\n\n  Try: 1  break an edge: give bms_main of acme-north-1 a wrong expect_serial; it goes back"
            "\n       2  change a threshold for all of Acme: its organization layer in the console"
            "\n       3  stop an agent, change something, start it again: ems-agent status shows it catch up"
            "\n\n  Ctrl-C ends everything.\n"
        )
        stop = threading.Event()
        edges = world.agent_edges("acme")
        timeline.follow(world.operator("acme"), edges, self._say, stop)

    def _say(self, line: str) -> None:
        self.stderr.write(line)
        self.stderr.flush()

    def _forget(self, directory: Path) -> None:
        """Every demo starts from nothing: the database, the edges' folders, the facts."""
        data = database.cluster(settings.EMS_VAR).data
        if data.exists():
            with database.supervised(settings.EMS_VAR):
                """A server that a killed run left is adopted here, and stopped at the end of this block."""
            shutil.rmtree(data)
        shutil.rmtree(directory, ignore_errors=True)
        (settings.EMS_VAR / "demo.json").unlink(missing_ok=True)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _only_demo(path: Path) -> Iterator[None]:
    """One demo at a time in one folder; the lock goes with the process, however it ends."""
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            message = "A demo is already running here: use it, or end it first with Ctrl-C in its window."
            raise CommandError(message) from error
        yield
