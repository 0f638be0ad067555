"""A draft of Acme's and a worker that looks when the test says so."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from configs import changesets, jobs, watching
from configs.changes import Actor
from configs.models import ChangeSet
from configs.outcomes import Drafted
from configs.timed import ending, running, scheduling
from configs.timed.models import ChangeSetEntry, Timing
from configs.timed.scheduling import When
from edges import tenancy
from edges.models import EdgeHead
from tests import build
from tests.configs.conftest import World

PERIOD = "/core_cycle/period_ms"
HOUR = timedelta(hours=1)
BOB, CAROL = Actor("bob"), Actor("carol")


@dataclass
class Waiting:
    """Change sets of Acme, and the clock by which they come due."""

    world: World
    now: datetime = build.NOW
    handlers: dict[str, Callable[..., None]] = field(
        default_factory=lambda: {scheduling.KIND: running.publish_due, ending.KIND: ending.end_due}
    )

    @property
    def which(self) -> dict[str, Any]:
        return {"organization_id": self.world.organization.pk, "now": self.now}

    def draft(self, value: int = 2000, address: str = "organization/acme") -> Drafted:
        change = self.world.desk.change((address, "set", PERIOD, value))
        return changesets.create_draft(**self.which, change=change, actor=BOB)

    def schedule(self, made: Drafted, when: When, **more: Any) -> Timing:
        return scheduling.schedule(
            **self.which, change_set_id=made.change_set_id, when=when, actor=BOB, **more
        )

    def work(self, passed: timedelta = timedelta()) -> list[str]:
        """Everything that is due, as a worker would, but for the alerts; gives the kinds."""
        self.now += passed
        done = []
        with tenancy.scope([self.world.organization.pk]):
            while due := jobs.find(self.now, besides=()):
                jobs.take(due, self.now)
                if due.kind == watching.KIND:
                    continue
                self.handlers[due.kind](
                    organization_id=due.organization_id,
                    change_set_id=due.subject,
                    now=self.now,
                    signer=self.world.desk.signer,
                )
                done.append(due.kind)
        return done

    def row(self, change_set_id: UUID) -> ChangeSet:
        with tenancy.scope([self.world.organization.pk]):
            found: ChangeSet = ChangeSet.objects.select_related("timing").get(pk=change_set_id)
        return found

    def story(self, made: Drafted) -> list[str]:
        with tenancy.scope([self.world.organization.pk]):
            rows = ChangeSetEntry.objects.filter(change_set=made.change_set_id)
            return list(rows.values_list("what", flat=True))

    def versions(self) -> set[int]:
        with tenancy.scope([self.world.organization.pk]):
            return set(EdgeHead.objects.values_list("version", flat=True))


@pytest.fixture
def waiting(world: World) -> Waiting:
    return Waiting(world)
