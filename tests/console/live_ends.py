"""A person's end of the live socket."""

import contextlib
import json
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.processes import ServerProcess

SECONDS = 10


class PersonEnd:
    """A socket by token (said first) or by session cookie."""

    def __init__(
        self, server: ServerProcess, *, token: str = "", session: str = "", origin: str | None = None
    ) -> None:
        self._token = token
        self._opening = connect(
            f"{server.ws_url}/live",
            origin=origin,  # type: ignore[arg-type]
            additional_headers={"Cookie": f"sessionid={session}"} if session else {},
            open_timeout=SECONDS,
            close_timeout=1,
        )

    def hear(self) -> dict[str, Any]:
        said = json.loads(self.connection.recv(timeout=SECONDS))
        assert isinstance(said, dict)
        return said

    def hear_until(self, last: dict[str, str]) -> list[dict[str, str]]:
        """Every change up to this one."""
        changes: list[dict[str, str]] = []
        while last not in changes:
            said = self.hear()
            assert set(said) == {"type", "changes"}, said
            changes += said["changes"]
        return changes

    def closed_with(self) -> int:
        with contextlib.suppress(ConnectionClosed):
            while True:
                self.connection.recv(timeout=SECONDS)
        assert self.connection.close_code is not None
        return self.connection.close_code

    def __enter__(self) -> "PersonEnd":
        self.connection: ClientConnection = self._opening.__enter__()
        if self._token:
            with contextlib.suppress(ConnectionClosed):  # refused before it could say who it is
                self.connection.send(json.dumps({"type": "authenticate", "token": self._token}))
        return self

    def __exit__(self, *failed: Any) -> None:
        self._opening.__exit__(*failed)
