"""From what changed in an organization to the sockets that must hear of it."""

import asyncio
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from edge_protocol.notices import ConfigUpdated, TrustUpdated, frame
from sync_api import notices
from sync_api.pool import in_thread
from sync_api.registry import Registry
from sync_api.sockets import Close

# Up to here all edges may fetch at once.
AT_ONCE = 500
EDGES_PER_SECOND = 5_000
# Publish to applied stays within 5 s.
MOST_SPREAD_SECONDS = 2
# The loop serves others between two handfuls of sockets.
HANDFUL = 250


def spread_seconds(affected: int) -> int:
    """Over how long that many edges spread their fetches."""
    if affected <= AT_ONCE:
        return 0
    return min(MOST_SPREAD_SECONDS, math.ceil(affected / EDGES_PER_SECOND))


async def published(registry: Registry, organization_id: UUID) -> None:
    """Tell each edge whose version rose above what it was told."""
    sockets = registry.of_organization(organization_id)
    if not sockets:
        return
    heads = await in_thread(notices.heads)(organization_id, [socket.peer.edge_uid for socket in sockets])
    behind = [
        (socket, heads[socket.peer.edge_uid])
        for socket in sockets
        if socket.peer.edge_uid in heads and heads[socket.peer.edge_uid].version > socket.version
    ]
    spread = spread_seconds(len(behind))
    for position, (socket, head) in enumerate(behind):
        socket.version = head.version
        socket.offer("config.updated", config_updated(head, spread))
        if position % HANDFUL == HANDFUL - 1:
            await asyncio.sleep(0)


def config_updated(head: notices.Head, spread: int) -> dict[str, Any]:
    return frame(ConfigUpdated(version=head.version, digest=head.digest, spread_seconds=spread))


async def keys_changed(registry: Registry, organization_id: UUID) -> None:
    """Close the sockets of keys that hold no longer; note the ends of those that were given one."""
    sockets = registry.of_organization(organization_id)
    if not sockets:
        return
    now = datetime.now(UTC)
    live = await in_thread(notices.live_keys)(
        organization_id, [socket.peer.key_id for socket in sockets], now=now
    )
    for socket in sockets:
        if socket.peer.key_id not in live:
            socket.close(Close.KEY_REFUSED)
        else:
            ends_at = live[socket.peer.key_id]
            socket.expire_in(None if ends_at is None else (ends_at - now).total_seconds())


async def requested(registry: Registry, organization_id: UUID) -> None:
    """Pass on what the edges are asked to do."""
    sockets = registry.of_organization(organization_id)
    if not sockets:
        return
    asked = await in_thread(notices.open_requests)(
        organization_id, [socket.peer.edge_uid for socket in sockets], now=datetime.now(UTC)
    )
    for socket in sockets:
        for request in asked.get(socket.peer.edge_uid, ()):
            socket.offer(f"request {request['id']}", {"type": "request", **request})


async def trust_changed(registry: Registry, *, told: int) -> int:
    """Tell every socket of the newest trust root, unless they were `told` of it. Returns the newest."""
    version = await in_thread(notices.trust_root_version)()
    if version > told:
        for socket in registry.all():
            socket.offer("trust.updated", frame(TrustUpdated(root_version=version)))
    return version
