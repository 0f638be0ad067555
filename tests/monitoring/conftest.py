"""A fleet that reports, watched by the worker's handlers at times of the test's own."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import pytest

from configs import jobs, signing
from edges import credentials, tenancy
from ems.worker import HANDLERS
from monitoring.models import Alert, AlertEntry
from sync_api import reports
from tests.configs.rollouts.conftest import Fleet, make_fleet


@dataclass
class Watch:
    fleet: Fleet

    def work(self, **later: float) -> "Watch":
        """Time passes, then everything that is due is done, each job as a worker does it."""
        self.fleet.now += timedelta(**later)
        while True:
            with tenancy.scope([self.fleet.organization.pk]):
                due = jobs.find(self.fleet.now, besides=())
                if due is None:
                    return self
                taken = jobs.take(due, self.fleet.now)
                assert taken is not None
                HANDLERS[taken.kind](taken, self.fleet.now)

    def alerts(self, **which: Any) -> list[Alert]:
        with tenancy.scope([self.fleet.organization.pk]):
            return list(Alert.objects.filter(**which).order_by("opened_at", "key"))

    def reached(self, alert: Alert) -> list[str]:
        with tenancy.scope([self.fleet.organization.pk]):
            return sorted(alert.reached.filter(left_at=None).values_list("edge__edge_id", flat=True))

    def story(self, alert: Alert) -> list[tuple[str, int]]:
        with tenancy.scope([self.fleet.organization.pk]):
            return list(AlertEntry.objects.filter(alert=alert).values_list("what", "reach"))


def tell(watch: Watch, edge_id: str, state: str, *, senders: list[str]) -> None:
    watch.fleet.beat(edge_id)
    principal = credentials.authenticate_edge(watch.fleet.keys[edge_id], now=watch.fleet.now)
    watch.fleet.beats["events"] += 1
    event = {
        "id": str(uuid4()), "seq": watch.fleet.beats["events"], "type": "alarm", "at": "2026-01-01T00:00:00Z",
        "detail": "hot: ess0/temp is 61",
        "data": {"id": "hot", "severity": "warning", "state": state, "notification": senders},
    }  # fmt: skip
    reports.events(principal=principal, body={"events": [event]}, now=watch.fleet.now)


@pytest.fixture
def fleet(db: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def watch(fleet: Fleet) -> Watch:
    return Watch(fleet)


@pytest.fixture
def signing_key(settings: Any, tmp_path: Path) -> None:
    """The worker's own, for what it publishes."""
    settings.EMS_SIGNING_KEY_FILE = str(tmp_path / "config-signing.key")
    signing.ensure_key(Path(settings.EMS_SIGNING_KEY_FILE), random_bytes=lambda count: bytes(range(count)))


class Receiver(HTTPServer):
    """Somebody else's server on this machine; it answers `statuses` in turn, then 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Hook)
        self.statuses: list[int] = []
        self.asked: list[str] = []
        self.seen: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook?a=1"


class Hook(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(f"{self.command} {self.path}")
        self.server.seen.append(({name.lower(): value for name, value in self.headers.items()}, body))
        status = self.server.statuses.pop(0) if self.server.statuses else 204
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST  # noqa: N815 - http.server's name

    def log_message(self, *_: Any) -> None:
        """Tests are quiet."""


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_TO_PRIVATE = True
    server = Receiver()
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
