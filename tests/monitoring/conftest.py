"""A fleet that reports, watched by the worker's handlers at times of the test's own."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from configs import jobs
from edges import tenancy
from ems.worker import HANDLERS
from monitoring.models import Alert, AlertEntry
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


@pytest.fixture
def fleet(db: None) -> Fleet:
    return make_fleet()


@pytest.fixture
def watch(fleet: Fleet) -> Watch:
    return Watch(fleet)
