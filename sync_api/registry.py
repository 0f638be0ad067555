"""The open edge sockets of this process, by edge and by organization."""

from uuid import UUID

from sync_api.sockets import Close, EdgeSocket


class Registry:
    """Belongs to one event loop."""

    def __init__(self) -> None:
        self._by_edge: dict[UUID, EdgeSocket] = {}
        self._by_organization: dict[UUID, set[EdgeSocket]] = {}

    def __len__(self) -> int:
        return len(self._by_edge)

    def add(self, socket: EdgeSocket) -> None:
        """An edge has one socket: a newer one replaces the older."""
        older = self._by_edge.get(socket.peer.edge_uid)
        if older is not None:
            self._drop(older)
            older.close(Close.REPLACED)
        self._by_edge[socket.peer.edge_uid] = socket
        self._by_organization.setdefault(socket.peer.organization_id, set()).add(socket)

    def remove(self, socket: EdgeSocket) -> None:
        if self._by_edge.get(socket.peer.edge_uid) is socket:
            self._drop(socket)

    def _drop(self, socket: EdgeSocket) -> None:
        del self._by_edge[socket.peer.edge_uid]
        members = self._by_organization[socket.peer.organization_id]
        members.discard(socket)
        if not members:
            del self._by_organization[socket.peer.organization_id]

    def of_edge(self, edge_uid: UUID) -> EdgeSocket | None:
        return self._by_edge.get(edge_uid)

    def of_organization(self, organization_id: UUID) -> list[EdgeSocket]:
        return list(self._by_organization.get(organization_id, ()))

    def organizations(self) -> list[UUID]:
        return list(self._by_organization)

    def all(self) -> list[EdgeSocket]:
        return list(self._by_edge.values())
