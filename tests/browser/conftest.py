"""One real server, worker and database a session, small edges behind them, and Chromium in front.

The stage is set before the browser starts: Playwright keeps an event loop in this thread, in which Django
refuses to be asked.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Browser, sync_playwright
from pytest_django import DjangoDbBlocker

from ems import setting_up
from ems.demo import people
from ems.demo.operator import wait_until
from ems.demo.processes import Processes
from tests.browser import steps
from tests.browser.edges import SmallEdges
from tests.browser.screen import WIDE, Screen
from tests.browser.stage import ORGANIZATIONS, Stage
from tests.databases import Database, clone, pointed_at
from tests.processes import start_server

REPOSITORY = Path(__file__).resolve().parents[2]
SHOTS = REPOSITORY / "var" / "screenshots"
# Chromium by itself asks its maker for updates; here it can look up no name at all.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
# Twenty edges enroll and one person signs in again and again within a minute.
LIMITS = '{"enroll": [1000, 100, 1, 0], "failed": [1000, 100, 1, 0], "edge_key": [1000, 20, 10, 20]}'


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def stage(
    template: Database, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    processes = Processes(tmp_path_factory.mktemp("browser"))
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(clone(template, f"browser_{os.getpid()}"))
        environment = {"EMS_SIGNING_KEY_FILE": settings.EMS_SIGNING_KEY_FILE, "EMS_LIMITS": LIMITS}
        with django_db_blocker.unblock(), pointed_at(own):
            setting_up.found()
            tokens, login = people.introduce(ORGANIZATIONS)
        server = stack.enter_context(start_server(own.url, settings.EMS_VAR, environment))
        stack.callback(processes.stop_all)
        worker = {"DATABASE_URL": own.url, "EMS_VAR": str(settings.EMS_VAR), **environment}
        processes.start("worker", ["manage.py", "work"], worker)
        wait_until("the worker works", lambda: "Working." in processes.log_tail("worker"), 60)
        made = Stage(server.url, login, tokens, SmallEdges(server.url))
        stack.callback(made.edges.stop)
        made.populate()
        made.settle()
        yield made
        assert made.edges.failed == []


@pytest.fixture(scope="session")
def browser(stage: Stage) -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    assert chromium, (
        "Chromium was not found: `make test-browser` installs it (Debian: apt-get install chromium)."
    )
    SHOTS.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def stranger(browser: Browser, stage: Stage) -> Iterator[Screen]:
    """A window of somebody who has not signed in."""
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")  # type: ignore[arg-type]
    yield Screen.open(context, stage.base_url, SHOTS)
    context.close()


@pytest.fixture
def screen(stranger: Screen, stage: Stage) -> Screen:
    """A window of the owner of both organizations."""
    steps.sign_in(stranger, stage.login)
    return stranger
