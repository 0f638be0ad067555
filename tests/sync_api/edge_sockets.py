"""An edge's end of the notice socket."""

import contextlib
import json
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.processes import ServerProcess
from tests.sync_api.conftest import Asker

SECONDS = 10


class EdgeEnd:
    """A socket that is open, or was refused after being accepted."""

    def __init__(self, server: ServerProcess, asker: Asker, *, edge_id: str | None = None, **headers: str):
        path = f"/ws/edges/{edge_id or asker.edge.edge_id}/notify"
        self._opening = connect(
            f"{server.ws_url}{path}",
            additional_headers=headers or {"Authorization": f"Bearer {asker.text}"},
            compression=None,
            open_timeout=SECONDS,
            close_timeout=1,
        )

    def hear(self) -> dict[str, Any]:
        """The next message."""
        said = json.loads(self.connection.recv(timeout=SECONDS))
        assert isinstance(said, dict)
        return said

    def hear_of(self, kind: str) -> dict[str, Any]:
        """The next message of this type; others may come before it."""
        while True:
            said = self.hear()
            if said["type"] == kind:
                return said

    def say(self, message: Any) -> None:
        self.connection.send(message if isinstance(message, str | bytes) else json.dumps(message))

    def closed_with(self) -> int:
        """The close code, once the server closes."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.connection.recv(timeout=SECONDS)
        assert self.connection.close_code is not None
        return self.connection.close_code

    def __enter__(self) -> "EdgeEnd":
        self.connection: ClientConnection = self._opening.__enter__()
        return self

    def __exit__(self, *failed: Any) -> None:
        self._opening.__exit__(*failed)
