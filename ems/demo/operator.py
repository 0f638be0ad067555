"""The demo's operator: the public REST interface, as any other program would use it."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import requests

POLL_SECONDS = 0.1


class StoryError(Exception):
    """A step of the story did not happen; the text says which and what was seen instead."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    headers: dict[str, str]


class Operator:
    """Calls `/api/v1` with one operator token."""

    def __init__(self, base_url: str, token: str) -> None:
        self.base_url = base_url
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request; any status is an answer."""
        answer = self._session.request(
            method,
            f"{self.base_url}/api/v1{path}",
            json=body,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            timeout=30,
        )
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Answer(answer.status_code, answer.json() if is_json else answer.text, dict(answer.headers))

    def must(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The body of a successful answer; StoryError with the problem otherwise."""
        answer = self.call(method, path, body, **headers)
        if answer.status >= 400:
            message = f"{method} {path} was answered {answer.status}: {answer.body}"
            raise StoryError(message)
        return answer.body

    def change(self, organization: str, reason: str, operations: list[dict[str, Any]]) -> Any:
        """Publish a change set at once and return its answer."""
        body = {"reason": reason, "operations": operations, "publish": True}
        return self.must("POST", f"/organizations/{organization}/change-sets", body)

    def status(self, edge_id: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.must("GET", f"/edges/{edge_id}/status")
        return answer


def wait_until(what: str, is_true: Callable[[], bool], seconds: float) -> float:
    """Ask until it is true; answers the seconds that it took. StoryError when time is up."""
    started, pause = time.monotonic(), threading.Event()
    while not is_true():
        if time.monotonic() - started > seconds:
            message = f"waited {seconds:.0f} s for this, and it did not happen: {what}"
            raise StoryError(message)
        pause.wait(POLL_SECONDS)
    return time.monotonic() - started
