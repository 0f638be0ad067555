"""The worker: takes what is due, one subject at a time, and waits for what is next.

Any number of them may run. Each job is one transaction: a worker that dies leaves it as it was. It has a few
lanes, so that what waits for somebody else's server (messages, the ping) keeps nothing of ours waiting.
"""

import logging
import select
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
from django.db import InterfaceError, OperationalError, connection
from psycopg_pool import PoolTimeout

from configs import jobs, signing, watching
from configs.jobs import Due
from configs.refusals import Refusal
from configs.rollouts import running, waking
from configs.timed import ending, scheduling
from configs.timed.ending import end_due
from configs.timed.running import publish_due
from edges import tenancy
from edges.notices import COUNTER
from monitoring import looking, outbox, pinging, sampling, sending, standing
from sync_api.pool import listen_conninfo

LONGEST_WAIT = timedelta(seconds=30)  # also how late a lost notification is made good
BUSY_WAIT = timedelta(milliseconds=200)
MINUTE = timedelta(minutes=1)
RECONNECT_SECONDS = 2.0

logger = logging.getLogger("ems.worker")

Handler = Callable[[Due, datetime], None]


def _rollout(due: Due, now: datetime) -> None:
    running.run(
        organization_id=due.organization_id,
        rollout_id=due.subject,
        now=now,
        signer=signing.signer(),
        reported=due.about,
    )


def _alerts(due: Due, now: datetime) -> None:
    looking.reported(organization_id=due.organization_id, edges=due.about, now=now)


def _silence(due: Due, now: datetime) -> None:
    looking.silence(organization_id=due.organization_id, now=now)


def _levels(due: Due, now: datetime) -> None:
    sampling.sample(organization_id=due.organization_id, now=now)


def _messages(due: Due, now: datetime) -> None:
    sending.deliver(organization_id=due.organization_id, recipient_id=due.subject, now=now)


def _old_delivery(due: Due, now: datetime) -> None:
    sending.hand_over(organization_id=due.organization_id, delivery_id=due.subject, now=now)


def _publish(due: Due, now: datetime) -> None:
    publish_due(
        organization_id=due.organization_id,
        change_set_id=due.subject,
        now=now,
        signer=signing.signer(),
    )


def _end(due: Due, now: datetime) -> None:
    end_due(
        organization_id=due.organization_id,
        change_set_id=due.subject,
        now=now,
        signer=signing.signer(),
    )


HANDLERS: Mapping[str, Handler] = {
    waking.KIND: _rollout,
    watching.KIND: _alerts,
    looking.SILENCE: _silence,
    sampling.KIND: _levels,
    outbox.KINDS["email"]: _messages,
    outbox.KINDS["webhook"]: _messages,
    outbox.OLD_KIND: _old_delivery,
    scheduling.KIND: _publish,
    ending.KIND: _end,
}


Tick = Callable[[datetime], None]


def _stand(now: datetime) -> None:
    """The jobs that every organization has."""
    standing.ensure(jobs.organizations(), now)


def _ping(now: datetime) -> None:
    """What says that all is well; a job that nobody takes shows in it, whichever lane's it is."""
    pinging.ping(now, listens=COUNTER)


EMAIL, WEBHOOK = frozenset({outbox.KINDS["email"]}), frozenset({outbox.KINDS["webhook"]})
# A receiver that does not answer holds a lane for seconds, and never two: one is there for the others.
LANES: Sequence[tuple[Collection[str], Tick | None]] = (
    (HANDLERS.keys() - EMAIL - WEBHOOK, _stand),
    (EMAIL, None),
    (WEBHOOK, None),
    (WEBHOOK, None),
    ((), _ping),
)


class Worker:
    """Until `stop` is called, from a signal or another thread; the jobs at hand are finished first."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._lanes = [Lane(kinds, tick, clock) for kinds, tick in LANES]

    def stop(self) -> None:
        for lane in self._lanes:
            lane.stop()

    def run(self) -> None:
        with ExitStack() as left, ThreadPoolExecutor(len(self._lanes), "lane") as threads:
            for lane in self._lanes:
                left.callback(lane.close)
            for ended in as_completed([threads.submit(lane.run) for lane in self._lanes]):
                self.stop()  # a lane that ends by a bug of ours must not leave half a worker behind
                ended.result()


class Lane:
    """One thread of a worker: the jobs of some kinds, and what it does every minute besides."""

    def __init__(self, kinds: Collection[str], tick: Tick | None, clock: Callable[[], datetime]) -> None:
        self._kinds = kinds
        self._minutely = tick
        self._clock = clock
        self._woken, self._waker = socket.socketpair()
        self._is_stopping = False
        self._tick_at = datetime.min.replace(tzinfo=UTC)

    def stop(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            self._waker.send(b"x")

    def close(self) -> None:
        self._woken.close()
        self._waker.close()

    def run(self) -> None:
        while not self._is_stopping:
            try:
                with psycopg.connect(listen_conninfo(), autocommit=True) as listening:
                    listening.execute(f"LISTEN {jobs.CHANNEL}")
                    self._work(listening)
            except (psycopg.OperationalError, OperationalError, InterfaceError, PoolTimeout) as lost:
                logger.warning("the database is away: %s", lost)
                connection.close()
                self._sleep(RECONNECT_SECONDS)
        connection.close()

    def _work(self, listening: "psycopg.Connection[tuple[object, ...]]") -> None:
        while not self._is_stopping:
            self._tick()
            busy = self.drain()
            patience = self._patience(is_busy=bool(busy))
            connection.close()  # back into the pool, which may be smaller than the lanes are many
            self._wait(listening, patience)

    def _tick(self) -> None:
        now = self._clock()
        if self._minutely is None or now < self._tick_at:
            return
        self._tick_at = now + MINUTE
        self._minutely(now)

    def drain(self) -> set[UUID]:
        """Everything that is due now, but for the subjects that other workers have; gives those."""
        busy: set[UUID] = set()
        organizations = jobs.organizations()
        while not self._is_stopping:
            now = self._clock()
            with tenancy.scope(organizations):
                due = jobs.find(now, besides=busy, kinds=self._kinds)
            if due is None:
                break
            if not self._take(due, now):
                busy.add(due.subject)
        return busy

    def _take(self, due: Due, now: datetime) -> bool:
        try:
            with tenancy.scope([due.organization_id]):
                taken = jobs.take(due, now)
                if taken is None:
                    return False
                HANDLERS[taken.kind](taken, now)
        except Refusal as refused:
            logger.warning("%s %s: %s", due.kind, due.subject, refused.detail)
            self._postpone(due, refused.detail, now)
        except (OperationalError, InterfaceError, PoolTimeout):
            raise
        except Exception as bug:  # one subject's bug must not stop the others; it is logged whole
            logger.exception("%s %s failed", due.kind, due.subject)
            self._postpone(due, repr(bug), now)
        return True

    def _postpone(self, due: Due, error: str, now: datetime) -> None:
        with tenancy.scope([due.organization_id]):
            jobs.postpone(due, error, now)

    def _patience(self, *, is_busy: bool) -> timedelta:
        if is_busy:
            return BUSY_WAIT
        with tenancy.scope(jobs.organizations()):
            due_at = jobs.next_due_at(self._kinds)
        ahead = LONGEST_WAIT if due_at is None else due_at - self._clock()
        return max(timedelta(0), min(ahead, LONGEST_WAIT))

    def _wait(self, listening: "psycopg.Connection[tuple[object, ...]]", longest: timedelta) -> None:
        """Until a job of these kinds may be due, or time is up."""
        until = time.monotonic() + longest.total_seconds()
        while not self._is_stopping:
            left = max(0.0, until - time.monotonic())
            ready, _, _ = select.select([listening.fileno(), self._woken.fileno()], [], [], left)
            heard = [one.payload for one in listening.notifies(timeout=0)]
            if not ready or any(not kind or kind in self._kinds for kind in heard):
                return

    def _sleep(self, seconds: float) -> None:
        select.select([self._woken.fileno()], [], [], seconds)
