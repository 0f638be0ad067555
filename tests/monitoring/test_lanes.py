"""A receiver that never answers keeps nobody waiting: not neighbours, e-mails or rollouts. And the ping."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from django.core import mail as outgoing
from django.db import connection

from configs import signing
from configs.changes import Actor
from edges import tenancy
from edges.notices import COUNTER
from ems.demo.operator import wait_until
from ems.worker import HANDLERS, LANES, Worker
from monitoring import dialling, outbox, pinging, recipients
from monitoring.models import Delivery, Recipient
from tests.configs.rollouts.conftest import Fleet, make_fleet
from tests.databases import Database
from tests.monitoring.conftest import Receiver, Watch

EVE = Actor("eve")
PATIENCE_SECONDS = 60


class Silent:
    """Takes calls and says nothing until it hangs up."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"
        self.calls: list[socket.socket] = []
        self.is_called = Event()
        self._thread = Thread(target=self._answer)
        self._thread.start()

    def _answer(self) -> None:
        while True:
            try:
                self.calls.append(self._listening.accept()[0])
            except OSError:
                return
            self.is_called.set()

    def hang_up(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
        for call in self.calls:
            call.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    made = Silent()
    yield made
    if made._thread.is_alive():
        made.hang_up()


@pytest.fixture
def working(committed: Database, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any) -> Any:
    """A worker with its lanes, for which no call is ever too long."""
    settings.EMS_SIGNING_KEY_FILE = str(tmp_path / "config-signing.key")
    settings.EMAIL_IS_SET, settings.WEBHOOKS_TO_PRIVATE = True, True
    signing.ensure_key(Path(settings.EMS_SIGNING_KEY_FILE), random_bytes=lambda count: bytes(range(count)))
    monkeypatch.setattr(dialling, "TIMEOUT_SECONDS", 2 * PATIENCE_SECONDS)
    worker = Worker()
    thread = Thread(target=worker.run)
    yield thread
    worker.stop()
    thread.join()


def make_fleet_of_now() -> Fleet:
    """The worker's clock is real: what was heard, and due, when all tests began may be long ago."""
    fleet = make_fleet()
    fleet.now = datetime.now(UTC)
    for edge_id in fleet.edges:
        fleet.beat(edge_id)
    with tenancy.scope([fleet.organization.pk]), connection.cursor() as cursor:
        cursor.execute("UPDATE configs_job SET due_at = %s", [fleet.now])
    return fleet


def told(fleet: Fleet, kind: str, address: str, times: int = 1) -> Recipient:
    """A recipient, and so many messages for it."""
    made, _ = recipients.add(
        organization_id=fleet.organization.pk, kind=kind, address=address, site=None, actor=EVE, now=fleet.now
    )
    for _ in range(times):
        recipients.test(organization_id=fleet.organization.pk, recipient_id=made.pk, actor=EVE, now=fleet.now)
    return made


def messages(fleet: Fleet, recipient: Recipient) -> list[Delivery]:
    with tenancy.scope([fleet.organization.pk]):
        return list(Delivery.objects.filter(recipient=recipient).order_by("next_at"))


def test_a_receiver_that_never_answers_holds_up_nobody_else(
    committed: Database, silent: Silent, receiver: Receiver, working: Thread
) -> None:
    fleet = make_fleet_of_now()
    dead = told(fleet, "webhook", silent.url, times=3)
    working.start()
    assert silent.is_called.wait(PATIENCE_SECONDS)
    told(fleet, "webhook", receiver.url)
    told(fleet, "email", "eve@example.com")
    rollout = fleet.start()
    for what, is_true in (
        ("another webhook was called", lambda: len(receiver.seen) == 1),
        ("an e-mail went out", lambda: len(outgoing.outbox) == 1),
        ("a rollout went on", lambda: "offered" in rollout.states().values()),
    ):
        wait_until(what, is_true, PATIENCE_SECONDS)
    # All of that while the first call still waits, and the receiver has not been called for its other two.
    assert ([one.attempts for one in messages(fleet, dead)], len(silent.calls)) == ([[], [], []], 1)
    silent.hang_up()
    wait_until("it was written down", lambda: any(one.attempts for one in messages(fleet, dead)), 60)
    first, second, tried = sorted(messages(fleet, dead), key=lambda one: len(one.attempts))
    assert (first.attempts, second.attempts) == ([], [])
    assert "did not answer" in tried.attempts[0]["said"]
    assert first.next_at == second.next_at == tried.next_at


def test_while_all_is_well_a_watchdog_hears_of_it_and_then_no_more(
    committed: Database, receiver: Receiver, working: Thread, settings: Any
) -> None:
    """By a worker's own lane; and of the three ways in which it falls silent."""
    settings.PING_URL = receiver.url
    fleet = make_fleet_of_now()
    assert not pinging.ping(fleet.now, listens=COUNTER)
    assert receiver.asked == []  # no server hears the feed
    with psycopg.connect(committed.url, autocommit=True) as server:
        server.execute(COUNTER)
        working.start()
        wait_until("the watchdog heard of it", lambda: bool(receiver.asked), PATIENCE_SECONDS)
        assert receiver.asked == ["GET /hook?a=1"]
        assert pinging.ping(fleet.now, listens=COUNTER)
        with tenancy.scope([fleet.organization.pk]):
            found = pinging.signs(listens=COUNTER)
        assert (found.works, found.hears, pinging.troubles(found, fleet.now)) == (True, True, [])
        receiver.statuses = [503]
        assert not pinging.ping(fleet.now, listens=COUNTER)
        settings.WEBHOOKS_TO_PRIVATE = False
        assert not pinging.ping(fleet.now, listens=COUNTER)
        assert len(receiver.asked) == 3  # nothing of ours dials an address inside a network unasked
        settings.WEBHOOKS_TO_PRIVATE = True
        late = fleet.now + timedelta(days=1)
        assert "has been due" in pinging.trouble(late, listens=COUNTER)
        assert not pinging.ping(late, listens=COUNTER)
        server.execute("SELECT 1")  # it reads something else: it hears the feed no more
        assert not pinging.ping(fleet.now, listens=COUNTER)
    assert len(receiver.asked) == 3


def test_while_nobody_answers_a_receiver_is_called_once_in_a_while(watch: Watch, settings: Any) -> None:
    settings.WEBHOOKS_TO_PRIVATE = True
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = told(watch.fleet, "webhook", f"http://127.0.0.1:{closed.getsockname()[1]}/", times=3)
        for calls in (1, 2, 3):
            watch.work(seconds=30 if calls > 1 else 0)
            rows = messages(watch.fleet, dead)
            assert sum(len(one.attempts) for one in rows) == calls
            assert min(one.next_at for one in rows) == watch.fleet.now + timedelta(seconds=30)


def test_when_it_answers_again_all_that_waited_is_sent(watch: Watch, receiver: Receiver) -> None:
    made = told(watch.fleet, "webhook", receiver.url, times=3)
    receiver.statuses = [500]  # somebody is there: the others need not wait
    watch.work()
    assert sorted(one.state for one in messages(watch.fleet, made)) == ["delivered", "delivered", "waiting"]
    watch.work(seconds=30)
    assert {one.state for one in messages(watch.fleet, made)} == {"delivered"}


def test_a_job_of_before_lanes_leads_to_its_recipient(watch: Watch, receiver: Receiver) -> None:
    made = told(watch.fleet, "webhook", receiver.url)
    (row,) = messages(watch.fleet, made)
    with tenancy.scope([made.organization_id]), connection.cursor() as cursor:
        cursor.execute("UPDATE configs_job SET kind = %s, subject = %s", [outbox.OLD_KIND, row.pk])
    watch.work()
    assert [one.state for one in messages(watch.fleet, made)] == ["delivered"]


def test_every_kind_of_job_is_some_lanes() -> None:
    assert {kind for kinds, _ in LANES for kind in kinds} == set(HANDLERS)


def test_a_lane_that_ends_by_a_bug_ends_the_worker_and_is_told(committed: Database) -> None:
    def broken() -> Any:
        raise ZeroDivisionError("no clock")

    with pytest.raises(ZeroDivisionError, match="no clock"):
        Worker(clock=broken).run()
