"""Who may ask how often: per key and per organization; per address only for failed authentication.

Edge calls spend leased tokens (doors/leases.py). Enrollment, failed authentication and operator calls are
rare enough to count in the database one by one.
"""

import ipaddress
import re
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from doors.leases import Empty, Granted, Leases, Limit, Short, Wanted
from doors.metrics import REFUSED_BY_LIMIT
from doors.models import Bucket
from doors.problems import Refused

# What is in a bucket by now: it filled up since the last lease, and never over the brim.
_LEVEL = """least(excluded.capacity,
  b.tokens + excluded.per_second * greatest(0, extract(epoch FROM excluded.refilled_at - b.refilled_at)))"""
# Always in one order, so that two processes asking for the same buckets cannot lock each other out.
# The clock is the database's: those of processes may differ.
LEASE_SQL = f"""
INSERT INTO doors_bucket AS b (key, capacity, per_second, block, granted, tokens, refilled_at)
SELECT w.key, w.capacity, w.per_second, w.block,
       least(w.block, floor(w.capacity)),
       w.capacity - least(w.block, floor(w.capacity)),
       coalesce(%s::timestamptz, clock_timestamp())
  FROM unnest(%s::text[], %s::float8[], %s::float8[], %s::float8[]) AS w (key, capacity, per_second, block)
 ORDER BY w.key
ON CONFLICT (key) DO UPDATE SET
  capacity = excluded.capacity, per_second = excluded.per_second, block = excluded.block,
  granted = floor(least(excluded.block, {_LEVEL})),
  tokens = {_LEVEL} - floor(least(excluded.block, {_LEVEL})),
  refilled_at = greatest(b.refilled_at, excluded.refilled_at)
RETURNING key, granted, CASE WHEN granted >= 1 THEN 0 ELSE (1 - tokens) / per_second END
"""  # noqa: S608 - put together from constants alone
# burst, tokens per second, block, lease seconds. An edge that polls each 30 s and beats each 10 s needs 0.14
# a second; an organization's burst is ten thousand edges that fetch and report at once.
DEFAULTS: dict[str, tuple[float, float, int, float]] = {
    "edge_key": (120, 2, 10, 20),
    "organization": (60_000, 2_000, 200, 5),
    "operator": (600, 20, 1, 0),
    "enroll": (10, 0.05, 1, 0),
    "failed": (30, 0.5, 1, 0),
    # Codes of one person, wherever they are tried: of a million, three fit at a time.
    "second_factor": (6, 1 / 60, 1, 0),
}
MOST_ASKS = 3
FORGOTTEN_AFTER = timedelta(days=7)
CLIENT_BITS = 64
LONGEST_ADDRESS = 64
# Some proxies name the port too, which is another one for every connection.
WITH_PORT = re.compile(r"\A(?:\[([0-9a-fA-F:.]+)\](?::\d+)?|([0-9.]+):\d+)\Z")

leases = Leases()


def limit(name: str) -> Limit:
    """The limit of this name: what EMS_LIMITS says, else the default."""
    return _limit(*settings.EMS_LIMITS.get(name, DEFAULTS[name]))


@lru_cache
def _limit(burst: float, per_second: float, block: int, lease_seconds: float) -> Limit:
    return Limit(float(burst), float(per_second), int(block), float(lease_seconds))


def edge_wanted(key_id: str, organization_id: object) -> tuple[Wanted, Wanted]:
    """What one call of an edge costs: a token of its key and one of its organization."""
    return (
        _wanted("key", key_id, limit("edge_key")),
        _wanted("org", organization_id, limit("organization")),
    )


@lru_cache(maxsize=100_000)
def _wanted(kind: str, subject: object, limit: Limit) -> Wanted:
    return Wanted(f"{kind}:{subject}", limit)


def take(wanted: Sequence[Wanted]) -> None:
    """Spend one token of each, leasing where this process has none.

    Raises: Refused 429 `rate_limited` with Retry-After.
    """
    verdict = leases.spend(wanted, time.monotonic())
    for _ in range(MOST_ASKS):
        if not isinstance(verdict, Short):
            break
        _lease(verdict)
        verdict = leases.spend(wanted, time.monotonic())
    if isinstance(verdict, Empty):
        raise refusal(verdict.key, verdict.retry_seconds)
    if isinstance(verdict, Short):  # other threads spent each lease before we could
        raise refusal(verdict.wanted[0].key, 1)


def count(name: str, subject: str) -> None:
    """Count one act against a direct limit.

    Raises: Refused 429 `rate_limited` with Retry-After.
    """
    take((Wanted(f"{name}:{subject}", limit(name)),))


def forget(*, now: datetime) -> int:
    """Delete the buckets that nobody asked for in a week: they are full, and a missing one counts as full."""
    return Bucket.objects.filter(refilled_at__lt=now - FORGOTTEN_AFTER).delete()[0]


def refusal(key: str, retry_seconds: int) -> Refused:
    kind = key.partition(":")[0]
    REFUSED_BY_LIMIT.add(1, limit=kind)
    return Refused(
        429,
        "rate_limited",
        f"Too many requests; ask again in {retry_seconds} s.",
        headers={"Retry-After": str(retry_seconds)},
    )


def _lease(short: Short) -> None:
    asked_at = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(LEASE_SQL, lease_parameters(short))
        rows = cursor.fetchall()
    take_in(short, rows, asked_at)


def lease_parameters(short: Short, at: datetime | None = None) -> list[Any]:
    """The arguments of LEASE_SQL, for Django's cursor and for the fast lane's. `at`: another time than
    now.
    """
    limits = [each.limit for each in short.wanted]
    return [
        at,
        [each.key for each in short.wanted],
        [each.stored_capacity for each in limits],
        [each.per_second for each in limits],
        [float(each.block) for each in limits],
    ]


def take_in(short: Short, rows: Sequence[Sequence[Any]], asked_at: float) -> None:
    limits = {each.key: each.limit for each in short.wanted}
    leases.take_in(
        (Granted(str(key), int(tokens), float(wait)) for key, tokens, wait in rows), limits, asked_at
    )


def client_address(request: HttpRequest) -> str:
    """The peer, or what the outermost trusted proxy saw: the entry that many from the right in
    X-Forwarded-For. Of IPv6 the network, for one client has 2^64 addresses.
    """
    proxies = settings.TRUSTED_PROXIES
    forwarded = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part]
    if proxies and len(forwarded) >= proxies:
        return _client(forwarded[-proxies])
    return _client(str(request.META.get("REMOTE_ADDR", "")))


def _client(address: str) -> str:
    alone = WITH_PORT.sub(r"\1\2", address)
    try:
        found = ipaddress.ip_address(alone)
    except ValueError:  # a proxy may name its clients otherwise
        return address[:LONGEST_ADDRESS]
    if found.version == 4:
        return str(found)
    return str(found.ipv4_mapped or ipaddress.IPv6Network((int(found), CLIENT_BITS), strict=False))
