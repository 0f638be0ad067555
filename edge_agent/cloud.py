"""Every call that an edge makes to the cloud. The only HTTP of the agent; nothing is believed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.keyring import Keyring
from edge_agent.road import Answer, NotTheServerError, RefusedError, Road, RoadError
from edge_protocol.errors import ProtocolError
from edge_protocol.messages import KeyRotated

UNCHANGED = 304


@dataclass(frozen=True, slots=True)
class Document:
    """A full document (`since` None) or a delta, with the manifest that alone can vouch for it."""

    body: Any
    manifest: str
    since: int | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Unchanged:
    """304. `manifest` is there when the server's is newer than the one that the agent named."""

    manifest: str | None


@dataclass(frozen=True, slots=True)
class NothingPublished:
    """Enrolled, and no version exists yet: a state, not an error."""


Fetched = Document | Unchanged | NothingPublished


@dataclass(frozen=True, slots=True)
class Held:
    """What the agent has, for a conditional fetch. `etag` None: something seen is not decided yet."""

    since: int | None
    etag: str | None
    issued_at: str | None


class Cloud:
    """Blocking calls, one at a time, in one thread. Every method raises RoadError."""

    def __init__(self, road: Road, keyring: Keyring, edge_id: str) -> None:
        self._road = road
        self._keyring = keyring
        self._edge = f"/api/v1/edges/{edge_id}"

    def close(self) -> None:
        self._road.close()

    def fetch(self, held: Held) -> Fetched:
        """A delta where a version is held, the full document otherwise or when the base does not serve."""
        if held.since is None:
            return self._fetch("/config", held, None)
        try:
            return self._fetch(f"/config/delta?since={held.since}", held, held.since)
        except RefusedError as error:
            if error.status not in {409, 410}:
                raise
        return self._fetch("/config", held, None)

    def fetch_full(self) -> Fetched:
        """Without any condition: a delta did not lead where its manifest says."""
        return self._fetch("/config", Held(None, None, None), None)

    def _fetch(self, path: str, held: Held, since: int | None) -> Fetched:
        headers = {}
        if held.etag is not None:
            headers["If-None-Match"] = held.etag
        if held.issued_at:
            headers["EMS-Manifest-Issued"] = held.issued_at
        try:
            answer = self._call("GET", self._edge + path, headers=headers)
        except RefusedError as error:
            if error.status == 404 and error.problem == "no_published_config":
                return NothingPublished()
            raise
        manifest = answer.headers.get("ems-manifest")
        if answer.status == UNCHANGED:
            return Unchanged(manifest)
        if manifest is None:
            raise NotTheServerError("a document without a manifest came: something on the way removed it")
        return Document(answer.json(), manifest, since, len(answer.body))

    def heartbeat(self, body: Mapping[str, Any]) -> Any:
        return self._call("POST", f"{self._edge}/heartbeat", body=body).json()

    def send_events(self, events: list[dict[str, Any]]) -> Any:
        return self._call("POST", f"{self._edge}/events", body={"events": events}).json()

    def rotate_key(self) -> None:
        """Ask for a new key and keep it as the candidate; its first use, the next call, confirms it."""
        answer = self._call("POST", f"{self._edge}/keys/rotate", body={}).json()
        try:
            self._keyring.keep_candidate(KeyRotated.from_dict(answer).key)
        except ProtocolError as error:
            raise NotTheServerError(f"the answer to a rotation is not ours: {error.detail}") from error

    def trust_root(self, number: int) -> Any:
        """The envelope of root `number`, None when it is not issued yet."""
        try:
            return self._call("GET", f"/api/v1/trust/roots/{number}").json()
        except RefusedError as error:
            if error.status == 404:
                return None
            raise

    def _call(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None
    ) -> Answer:
        """With a candidate at hand it is used first; refused, the old key still speaks."""
        candidate = self._keyring.has_candidate
        try:
            answer = self._exchange(method, path, headers, body)
        except RefusedError as error:
            if error.status == 401 and candidate:
                self._keyring.drop_candidate()
                return self._exchange(method, path, headers, body)
            if error.status not in {401, 403}:
                self._keyring.confirm()
            raise
        self._keyring.confirm()
        return answer

    def _exchange(self, method: str, path: str, headers: Mapping[str, str] | None, body: Any) -> Answer:
        try:
            authorized = {**(headers or {}), "Authorization": f"Bearer {self._keyring.text()}"}
        except (OSError, ValueError) as error:
            raise RoadError(f"the key file cannot be read ({error}): restore it or enroll again") from error
        return self._road.exchange(method, path, headers=authorized, body=body)
