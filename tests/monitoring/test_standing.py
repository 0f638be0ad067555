"""Every organization always has its jobs, once."""

from django.db import connection

from edges import tenancy
from monitoring import looking, sampling, standing
from tests import build


def test_each_organization_gets_its_jobs_and_gets_them_once(cast: build.Cast) -> None:
    own = [cast.acme.pk, cast.birch.pk]
    for _ in range(2):
        standing.ensure(own, build.NOW)
    with tenancy.scope(own), connection.cursor() as cursor:
        cursor.execute(
            "SELECT organization_id, kind FROM configs_job WHERE subject = organization_id ORDER BY 1, 2"
        )
        found = cursor.fetchall()
    kinds = sorted([looking.SILENCE, sampling.KIND])
    assert found == [(one, kind) for one in sorted(own) for kind in kinds]
