"""Buckets in the database: leases, refills, and the refusal that a client sees."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import RequestFactory

from doors import limits
from doors.leases import Limit, Short, Wanted
from doors.models import Bucket
from doors.problems import Refused

pytestmark = pytest.mark.django_db
AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_leases() -> None:
    limits.leases.clear()


def lease(at: datetime, *, key: str = "key:a", capacity: float = 10, rate: float = 2, block: int = 4) -> Any:
    """(granted, seconds to wait)"""
    wanted = Wanted(key, Limit(capacity, rate, block))
    with connection.cursor() as cursor:
        cursor.execute(limits.LEASE_SQL, limits.lease_parameters(Short((wanted,)), at))
        return cursor.fetchone()[1:]


def test_a_bucket_starts_full_and_gives_blocks() -> None:
    assert [lease(AT)[0] for _ in range(4)] == [4, 4, 2, 0]


def test_an_empty_bucket_says_when_to_come_back() -> None:
    for _ in range(3):
        lease(AT)
    assert lease(AT) == (0, 0.5)
    assert lease(AT + timedelta(seconds=0.5)) == (1, 0)


def test_a_bucket_fills_up_to_its_capacity_and_no_further() -> None:
    for _ in range(3):
        lease(AT)
    later = AT + timedelta(hours=1)
    assert [lease(later)[0] for _ in range(4)] == [4, 4, 2, 0]


def test_a_clock_that_steps_back_fills_nothing() -> None:
    for _ in range(3):
        lease(AT)
    assert lease(AT - timedelta(hours=1))[0] == 0
    assert lease(AT)[0] == 0


def test_many_buckets_are_leased_by_one_statement() -> None:
    blocks = {"key:c": 1, "key:a": 2, "key:b": 3}
    wanted = tuple(Wanted(key, Limit(10, 2, block)) for key, block in blocks.items())
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(limits.LEASE_SQL, limits.lease_parameters(Short(wanted), AT))
            assert dict(row[:2] for row in cursor.fetchall()) == blocks


def test_a_bucket_takes_on_new_terms() -> None:
    lease(AT, capacity=10, block=4)
    assert lease(AT, capacity=3, block=9) == (3, 0)


def test_refusals_count_what_the_database_holds(settings: Any) -> None:
    settings.EMS_LIMITS = {"enroll": [3, 0.01, 1, 0]}
    for _ in range(3):
        limits.count("enroll", "token")
    with pytest.raises(Refused) as refused:
        limits.count("enroll", "token")
    assert (refused.value.status, refused.value.code) == (429, "rate_limited")
    assert 1 <= int(refused.value.headers["Retry-After"]) <= 100
    assert Bucket.objects.get(key="enroll:token").tokens < 1


def test_another_subject_has_a_bucket_of_its_own(settings: Any) -> None:
    settings.EMS_LIMITS = {"enroll": [1, 0.01, 1, 0]}
    limits.count("enroll", "one")
    limits.count("enroll", "two")


def test_full_buckets_are_forgotten_and_others_kept() -> None:
    now = datetime.now(UTC)
    for key, age in (("old", 8), ("young", 6)):
        Bucket.objects.create(key=key, tokens=1, refilled_at=now - timedelta(days=age))
    assert limits.forget(now=now) == 1
    assert [bucket.key for bucket in Bucket.objects.all()] == ["young"]


def test_leased_tokens_are_spent_without_asking_again(django_assert_num_queries: Any) -> None:
    wanted = limits.edge_wanted("abc", "acme")
    with django_assert_num_queries(1):  # one lease for key and organization together
        for _ in range(10):
            limits.take(wanted)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, "9.9.9.9", "127.0.0.1"),  # a client's own word
        (1, "9.9.9.9, 1.2.3.4", "1.2.3.4"),  # what our proxy saw
        (2, "9.9.9.9, 1.2.3.4, 5.6.7.8", "1.2.3.4"),
        (1, "", "127.0.0.1"),
        (3, "1.2.3.4", "127.0.0.1"),
    ],
)
def test_the_address_is_what_our_own_proxy_saw(
    settings: Any, proxies: int, forwarded: str, address: str
) -> None:
    settings.TRUSTED_PROXIES = proxies
    extra = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert limits.client_address(RequestFactory().get("/", **extra)) == address
