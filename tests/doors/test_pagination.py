"""Pages by cursor: complete, without repetition, also while rows come and go."""

import contextlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doors.pagination import page
from doors.problems import Refused
from edges import tenancy
from edges.models import Edge
from tests import build

pytestmark = pytest.mark.django_db


def walk(order: tuple[str, ...], limit: int) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        query = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        found = page(Edge.objects.all(), query, order=order, item=lambda edge: edge.edge_id)
        assert set(found) == {"items", "next"}
        pages.append(found["items"])
        cursor = found["next"]
        if cursor is None:
            return pages


@pytest.mark.parametrize(
    "order", [("edge_id",), ("-edge_id",), ("name", "edge_id"), ("-created_at", "edge_id")]
)
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_pages_together_are_the_list(order: tuple[str, ...], limit: int) -> None:
    acme = build.make_organization()
    site = build.make_site(acme)
    for number in range(7):
        edge = build.make_edge(site, f"edge-{number}", name=f"name {number % 2}")
        with tenancy.scope([acme.pk]):
            Edge.objects.filter(pk=edge.pk).update(created_at=build.NOW + timedelta(hours=number // 3))
    with tenancy.scope([acme.pk]):
        pages = walk(order, limit)
        whole = list(Edge.objects.order_by(*order).values_list("edge_id", flat=True))
    assert [edge_id for each in pages for edge_id in each] == whole
    assert all(len(each) == limit for each in pages[:-1])


def test_a_page_costs_one_query(cast: build.Cast, django_assert_num_queries: Any) -> None:
    with tenancy.scope([cast.acme.pk]), django_assert_num_queries(1):
        page(Edge.objects.all(), {}, order=("edge_id",), item=str)


@pytest.mark.parametrize("limit", ["0", "-1", "501", "x", "1.0", "", "٣", "9" * 30])
def test_a_limit_out_of_range_is_refused(cast: build.Cast, limit: str) -> None:
    with pytest.raises(Refused) as refused, tenancy.scope([cast.acme.pk]):
        page(Edge.objects.all(), {"limit": limit}, order=("edge_id",), item=str)
    assert (refused.value.status, refused.value.code) == (400, "bad_limit")


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "e30",
        "W10",
        "WzEsMl0",
        "WyJcdTAwMDAiXQ",
        "W251bGxd",
        "W1tdXQ",
        "W3RydWVd",
        "é",
        "=" * 8,
        "W" * 5000,
    ],
)
def test_a_cursor_of_ones_own_making_is_refused(cast: build.Cast, cursor: str) -> None:
    with pytest.raises(Refused) as refused, tenancy.scope([cast.acme.pk]):
        page(Edge.objects.all(), {"cursor": cursor}, order=("-created_at",), item=str)
    assert (refused.value.status, refused.value.code) == (400, "bad_cursor")


@given(st.text(max_size=40))
def test_no_cursor_breaks_anything(cursor: str) -> None:
    with contextlib.suppress(Refused), tenancy.scope([]):
        page(Edge.objects.none(), {"cursor": cursor}, order=("edge_id",), item=str)
