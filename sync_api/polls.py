"""Who is at the door and what is desired of it, read from the event loop.

The same function of the database and the same checks as behind Django (edges/credentials.py): there is no
second rule.
"""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import dict_row

from doors import limits
from doors.leases import Empty, Short, Spent, Wanted
from edge_protocol.keys import Credential
from edges import credentials
from edges.credentials import EdgePrincipal
from sync_api.batch import Batch
from sync_api.pool import Pool
from sync_api.sockets import Peer

READ = """
SELECT wanted.key_id, polled.*
FROM unnest(%s::text[]) AS wanted (key_id) CROSS JOIN LATERAL edge_poll(wanted.key_id) AS polled
"""
MOST_IN_A_TRIP = 100
# While one trip waits for PostgreSQL, others are under way.
TRIPS = 4


class Polls:
    """Reads and leases in batches through one pool."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._rows: Batch[str, Mapping[str, Any]] = Batch(self._read, most=MOST_IN_A_TRIP, trips=TRIPS)
        self._grants: Batch[Wanted, bool] = Batch(self._lease, most=MOST_IN_A_TRIP, trips=1)

    async def prove(self, credential: Credential) -> EdgePrincipal:
        """Raises: Unauthenticated, Suspended; psycopg.Error, PoolTimeout: the database does not answer."""
        principal, _ = await self.prove_key(credential)
        return principal

    async def prove_key(self, credential: Credential) -> tuple[EdgePrincipal, datetime | None]:
        """Also when the key ends; None: no end is set."""
        row = await self._rows.ask(credential.key_id)
        principal = credentials.verify_edge(credential, row, now=datetime.now(UTC))
        return principal, row["expires_at"] if row else None

    async def spend(self, principal: EdgePrincipal | Peer) -> Spent | Short | Empty:
        """Take what a call of this edge costs. Short: other requests were faster, three times."""
        wanted = limits.edge_wanted(principal.key_id, principal.organization_id)
        verdict = limits.leases.spend(wanted, time.monotonic())
        for _ in range(limits.MOST_ASKS):
            if not isinstance(verdict, Short):
                return verdict
            for each in verdict.wanted:
                await self._grants.ask(each)
            verdict = limits.leases.spend(wanted, time.monotonic())
        return verdict

    async def _read(self, key_ids: list[str]) -> Mapping[str, Mapping[str, Any]]:
        async with self._pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
            await cursor.execute(READ, [key_ids])
            return {row["key_id"]: row for row in await cursor.fetchall()}

    async def _lease(self, wanted: list[Wanted]) -> Mapping[Wanted, bool]:
        short = Short(tuple(wanted))
        asked_at = time.monotonic()
        async with self._pool.connection() as connection:
            cursor = await connection.execute(limits.LEASE_SQL, limits.lease_parameters(short))
            limits.take_in(short, await cursor.fetchall(), asked_at)
        return dict.fromkeys(wanted, True)
