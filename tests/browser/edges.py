"""The smallest edges: they fetch, try and report over the wire as agents do, and a test says what hurts them.

They run in one thread of the test's process; the runtimes behind them are a rule, `hurts`.
"""

import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import requests

from edge_protocol.envelope import Envelope
from edge_protocol.instants import format_instant
from edge_protocol.manifest import Manifest

POLL_SECONDS = 0.5
BEAT_SECONDS = 20.0
LOG = "12:00:03 core cycle: overrun\n12:00:04 core cycle: overrun\n12:00:05 watchdog: going back"


@dataclass(frozen=True)
class Hurt:
    """Why an edge goes back from a document."""

    code: str
    detail: str


# (edge_id, document, the thresholds that the other edges run) -> why it goes back, or None
Rule = Callable[[str, Mapping[str, Any], Mapping[str, float]], Hurt | None]


@dataclass
class SmallEdge:
    edge_id: str
    address: str
    session: requests.Session
    running: Manifest | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    etag: str = ""
    attempt: dict[str, Any] | None = None
    refused: dict[str, Any] | None = None
    beaten_at: float = 0.0

    @property
    def threshold(self) -> float:
        return threshold(self.document)

    def step(self, hurt: Callable[[str, Mapping[str, Any]], Hurt | None]) -> None:
        """Ask for the document; try a new one; report, also when nothing is new for long."""
        answer = self.session.get(f"{self.address}/config", headers={"If-None-Match": self.etag}, timeout=30)
        if answer.status_code == 200:
            self.etag = answer.headers["ETag"]
            manifest = Manifest.from_payload(Envelope.from_header(answer.headers["EMS-Manifest"]).payload)
            self._try(manifest, answer.json(), hurt(self.edge_id, answer.json()))
        if answer.status_code == 200 or time.monotonic() - self.beaten_at > BEAT_SECONDS:
            self.beat()

    def _try(self, manifest: Manifest, document: Mapping[str, Any], hurt: Hurt | None) -> None:
        at = format_instant(datetime.now(UTC))
        self.attempt = {"version": manifest.version, "digest": manifest.digest, "at": at, "attempts": 1}
        if hurt is None:
            self.running, self.document, self.refused = manifest, document, None
            self.attempt["status"] = "confirmed"
            return
        before = {} if self.running is None else self.running.sections
        differs = {name: digest for name, digest in manifest.sections.items() if before.get(name) != digest}
        self.refused = {"version": manifest.version, "sections": differs, "code": hurt.code}
        self.attempt |= {"status": "rolled_back", "code": hurt.code, "detail": hurt.detail, "log": LOG}

    def beat(self) -> None:
        runs = {"version": 0, "digest": None}
        if self.running is not None:
            runs = {"version": self.running.version, "digest": self.running.digest}
        body = {
            "running": runs,
            "phase": "committed",
            "last_attempt": self.attempt,
            "quarantine": [self.refused] if self.refused else [],
            "agent_version": "small",
            "schemas": ["ems-config/1"],
        }
        answer = self.session.post(f"{self.address}/heartbeat", json=body, timeout=30)
        answer.raise_for_status()
        self.beaten_at = time.monotonic()


def threshold(document: Mapping[str, Any]) -> float:
    """What peak shaving holds the grid meter under; 0 where nothing runs."""
    controllers = document.get("scheduler", {}).get("controllers", [])
    found = (one["parameters"].get("threshold_watts") for one in controllers)
    return next((float(watts) for watts in found if watts is not None), 0.0)


class SmallEdges:
    """All of a fleet, one after the other, until `stop`."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.edges: dict[str, SmallEdge] = {}
        self.hurts: Rule = lambda *_: None
        self.failed: list[str] = []  # what went wrong in the thread; a test looks at the end
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def enroll(self, edge_id: str, token: str) -> None:
        body = {
            "token": token,
            "nonce": secrets.token_hex(16),
            "agent_version": "small",
            "schemas": ["ems-config/1"],
        }
        session = requests.Session()
        session.trust_env = False
        answer = session.post(f"{self.base_url}/api/v1/enroll", json=body, timeout=30)
        assert answer.status_code == 201, answer.text
        session.headers["Authorization"] = f"Bearer {answer.json()['key']}"
        self.edges[edge_id] = SmallEdge(edge_id, f"{self.base_url}/api/v1/edges/{edge_id}", session)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(timeout=60)

    def _run(self) -> None:
        while not self._stopped.wait(POLL_SECONDS):
            for edge in self.edges.values():
                try:
                    edge.step(self._hurt)
                except (requests.RequestException, KeyError, ValueError) as wrong:
                    self.failed.append(f"{edge.edge_id}: {wrong!r}")

    def _hurt(self, edge_id: str, document: Mapping[str, Any]) -> Hurt | None:
        others = {name: one.threshold for name, one in self.edges.items() if name != edge_id}
        return self.hurts(edge_id, document, others)
