"""The availability of the API: of what the servers themselves answered, added up over processes."""

from datetime import timedelta
from uuid import uuid4

from doors import metrics
from edges import tenancy
from monitoring import service_levels, serving
from monitoring.models import Served
from tests import build


def test_processes_add_up_and_old_minutes_go(db: None) -> None:
    serving.add(answered=5, failed=5, now=build.NOW - timedelta(days=3))
    serving.add(answered=900, failed=1, now=build.NOW)
    serving.add(answered=100, failed=1, now=build.NOW)
    assert list(Served.objects.values_list("answered", "failed")) == [(1000, 2)]
    organization = uuid4()
    with tenancy.scope([organization]):
        levels = service_levels.measured(organization, build.NOW)
    (level,) = [one for one in levels if one["name"] == "API availability"]
    assert (level["value"], level["counted"]) == (0.998, 1000)


def test_answers_are_counted_and_probes_are_not() -> None:
    before = metrics.answered()
    for route, status in (("api/v1/edges", "200"), ("api/v1/edges", "503"), ("health/ready", "503")):
        metrics.REQUESTS.add(1, route=route, method="GET", status=status)
    after = metrics.answered()
    assert (after[0] - before[0], after[1] - before[1]) == (2, 1)
