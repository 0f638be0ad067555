"""Two real workers are killed and started again in mid-rollout: the rows say that nothing was lost."""

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from configs import signing
from configs.models import EdgePins, Version
from configs.rollouts import candidates, rows, waking
from configs.rollouts.models import Job, Rollout, RolloutEntry, RolloutTarget
from configs.rollouts.policies import Share
from edges import hints, tenancy
from edges.models import Edge
from ems.demo.operator import wait_until
from tests.configs.rollouts.conftest import Driven, Fleet, make_fleet
from tests.configs.rollouts.model import World
from tests.databases import Database
from tests.processes import REPOSITORY

KILLS, MOST_ROUNDS = 4, 400
KNOBS = {"minimum_sample": 1, "bad_percent": 60, "pass_percent": 40}


class Workers:
    """`manage.py work`, twice."""

    def __init__(self, database: Database, var: Path, key: Path) -> None:
        self._environment = os.environ | {
            "EMS_VAR": str(var),
            "DATABASE_URL": database.url,
            "DATABASE_POOL_SIZE": "2",
            "EMS_SIGNING_KEY_FILE": str(key),
        }
        self.log = var / "workers.log"
        self.running = [self._start(), self._start()]

    def _start(self) -> "subprocess.Popen[bytes]":
        with self.log.open("ab") as log:
            command = [sys.executable, "manage.py", "work"]
            return subprocess.Popen(command, cwd=REPOSITORY, env=self._environment, stdout=log, stderr=log)

    def kill_one(self, number: int) -> None:
        """As a power cut would, and a fresh one takes its place."""
        self.running[number].kill()
        assert self.running[number].wait() == -9, self.log.read_text()
        self.running[number] = self._start()

    def stop(self) -> None:
        for process in self.running:
            process.terminate()
        # One that was started a moment ago does not answer signals in its own way yet.
        codes = {process.wait(timeout=30) for process in self.running}
        assert codes <= {0, -signal.SIGTERM}, self.log.read_text()


@pytest.fixture
def fleet(committed: Database) -> Fleet:
    return make_fleet(sites=3, edges_a_site=4)


@pytest.fixture
def workers(fleet: Fleet, committed: Database, tmp_path: Path) -> Iterator[Workers]:
    key = tmp_path / "keys" / "config-signing.key"
    signing.ensure_key(key, random_bytes=lambda count: bytes(range(count)))
    started = Workers(committed, tmp_path, key)
    try:
        yield started
    finally:
        started.stop()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, random.SystemRandom().randrange(10**6)], ids=["fixed", "fresh"])
def test_killed_workers_lose_nothing(fleet: Fleet, workers: Workers, committed: Database, seed: int) -> None:
    print("seed", seed)
    chance = random.Random(seed)
    refusers = set(chance.sample(sorted(fleet.edges), 2))
    fleet.now = datetime.now(UTC)
    shares = (Share(count=4), Share(percent=60), Share(percent=100))
    rollout = fleet.start(shares=shares, **KNOBS)
    kills = 0
    with psycopg.connect(committed.url, autocommit=True) as listening:
        listening.execute(f"LISTEN {hints.CHANNEL}")
        for _ in range(MOST_ROUNDS):
            if rollout.phase != "running":
                break
            for notify in listening.notifies(timeout=0.3, stop_after=1):
                heard = '"rollout"' in notify.payload
                if heard and kills < KILLS and chance.random() < 0.7:  # a step was just taken: another is due
                    workers.kill_one(chance.randrange(2))
                    kills += 1
            answer_some(fleet, chance, refusers)
    assert kills >= 2, "the rollout was over before anybody was killed"
    assert rollout.phase == "completed_with_exceptions", workers.log.read_text()
    nothing_is_lost(fleet, rollout, refusers)
    no_wave_came_early(fleet, rollout)
    the_gates_add_up(fleet, rollout)


def answer_some(fleet: Fleet, chance: random.Random, refusers: set[str]) -> None:
    """Each edge that was offered something says so sooner or later; all others are alive."""
    fleet.now = datetime.now(UTC)
    for edge_id in fleet.edges:
        head, status = fleet.head(edge_id), fleet.status(edge_id)
        has_answered = (status.last_attempt or {}).get("version") == head.version
        if head.version == 1 or has_answered or chance.random() < 0.5:
            continue
        (fleet.refuses if edge_id in refusers else fleet.takes)(edge_id)


def nothing_is_lost(fleet: Fleet, rollout: Driven, refusers: set[str]) -> None:
    """Every edge has its fate, was offered the change exactly once, and is pinned to it."""
    expected = {one: "rolled_back" if one in refusers else "confirmed" for one in fleet.edges}
    assert rollout.states() == expected
    with tenancy.scope([fleet.organization.pk]):
        assert Version.objects.filter(number=2).count() == Version.objects.exclude(number=1).count() == 12
        layers = candidates.of(Rollout.objects.get(pk=rollout.pk))
        pinned = EdgePins.objects.filter(organization_revision__in=layers.candidates)
        assert pinned.count() == Edge.objects.count() == 12
        own = Job.objects.filter(kind=waking.KIND)
        wait_until("nobody is woken for it any more", lambda: not own.exists(), 30)
    assert {fleet.value(one) for one in fleet.edges} == {30_000}


def no_wave_came_early(fleet: Fleet, rollout: Driven) -> None:
    """Each wave was offered only after the one before it had passed, once."""
    with tenancy.scope([fleet.organization.pk]):
        passed = list(RolloutEntry.objects.filter(rollout=rollout.pk, what="wave_passed").order_by("id"))
        assert [entry.wave for entry in passed] == [0, 1, 2]
        for entry in passed:
            ahead = RolloutTarget.objects.filter(rollout=rollout.pk, wave__gt=entry.wave)
            assert not ahead.filter(offered_at__lt=entry.at).exists()
            later = Version.objects.filter(number=2, edge__in=ahead.values("edge"))
            assert not later.filter(timestamp__lt=entry.at).exists()


def the_gates_add_up(fleet: Fleet, rollout: Driven) -> None:
    """The model's own arithmetic over the rows, and what each gate wrote down of it."""
    now = datetime.now(UTC)
    with tenancy.scope([fleet.organization.pk]):
        row = Rollout.objects.get(pk=rollout.pk)
        layers = candidates.of(row)
        state = rows.load(
            row, candidates=layers.candidates, reach=layers.reach, now=now, is_whole=True
        ).rollout
        model = World({}, state, False, now=now)
        for entry in RolloutEntry.objects.filter(rollout=row, what="wave_passed"):
            model._check_passed(state, entry.wave)
            said = entry.evidence
            assert said["attempted"] == said["live"] + said["confirmed"] + said["bad"]
            assert said["bad"] <= model._bad(state, entry.wave)
            here = [one for one in state.targets.values() if one.wave == entry.wave]
            assert len(here) == said["attempted"] + said["pending"] + said["unreachable"]
            assert said["pending"] == 0
