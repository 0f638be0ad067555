"""The organizations in scope, and what happens outside every scope."""

import pytest

from edges import tenancy
from edges.models import Edge, Site
from tests.build import Cast


def test_only_rows_of_the_scope_are_seen(cast: Cast) -> None:
    with tenancy.scope([cast.acme.id]):
        assert set(Edge.objects.values_list("edge_id", flat=True)) == {"acme-north-1", "acme-south-1"}


def test_a_scope_of_two_organizations_sees_both(cast: Cast) -> None:
    with tenancy.scope([cast.acme.id, cast.birch.id]):
        assert Edge.objects.count() == 3


def test_an_empty_scope_sees_nothing(cast: Cast) -> None:
    with tenancy.scope([]):
        assert Edge.objects.count() == 0


def test_a_query_outside_every_scope_is_refused(cast: Cast) -> None:
    with pytest.raises(tenancy.NoTenantError):
        Edge.objects.count()


def test_a_lazy_query_obeys_the_scope_it_runs_in(cast: Cast) -> None:
    sites = Site.objects.all()
    with tenancy.scope([cast.birch.id]):
        assert [site.code for site in sites] == ["main"]


def test_the_outer_scope_is_back_after_the_inner_one(cast: Cast) -> None:
    with tenancy.scope([cast.acme.id]):
        with tenancy.scope([cast.birch.id]):
            assert Edge.objects.count() == 1
        assert Edge.objects.count() == 2
        with pytest.raises(ZeroDivisionError), tenancy.scope([cast.birch.id]):
            raise ZeroDivisionError
        assert Edge.objects.count() == 2
