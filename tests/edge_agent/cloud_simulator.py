"""A cloud that speaks the real interface, signs for real, and can go offline, be late and lie."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from edge_protocol.canonical import canonical, etag, section_digest, version_digest
from edge_protocol.envelope import Envelope, keyid, private_key_from_seed, public_text, seal, signer
from edge_protocol.instants import format_instant
from edge_protocol.keys import new_credential
from edge_protocol.manifest import MANIFEST_TYPE, Manifest
from edge_protocol.trust import ROOT_TYPE, Role, TrustRoot
from tests.edge_agent.notice_socket import NoticeSocket

EDGE_ID = "acme-north-1"
WAIT_S = 30.0


def key_from(number: int) -> Any:
    return private_key_from_seed(bytes([number]) * 32)


@dataclass(frozen=True)
class Published:
    number: int
    sections: dict[str, Any]
    kind: str
    content_of: int | None
    timestamp: str
    epoch: int

    @property
    def digests(self) -> dict[str, str]:
        return {name: section_digest(value) for name, value in self.sections.items()}


@dataclass
class Lies:
    """What the cloud does wrong, until it is told otherwise."""

    offline: bool = False
    html: bool = False
    status: int = 0
    retry_after: str = ""
    late: threading.Event | None = None
    bad_signature: bool = False
    other_edge: bool = False
    replay: Published | None = None
    equivocate: bool = False
    torn_delta: bool = False
    wrong_content: bool = False
    strip_manifest: bool = False
    expired: bool = False
    silent_socket: bool = False
    no_socket: bool = False
    redirect: str = ""


@dataclass
class CloudSimulator:
    """One deployment with one edge. Everything that arrives is kept; `wait` returns once it holds."""

    edge_id: str = EDGE_ID
    edge_uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    org_uid: str = field(default_factory=lambda: str(uuid.uuid4()))
    epoch: int = 1
    lies: Lies = field(default_factory=Lies)
    versions: list[Published] = field(default_factory=list)
    heartbeats: list[dict[str, Any]] = field(default_factory=list)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    event_copies: int = 0
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)
    answer_extra: dict[str, Any] = field(default_factory=dict)
    sockets: list[Any] = field(default_factory=list)
    issued_at: datetime | None = None

    def __post_init__(self) -> None:
        self.changed = threading.Condition()
        self.keys = {new_credential("emse", os.urandom).text}
        self.candidates: dict[str, str] = {}
        self.token = new_credential("emsn", os.urandom).text
        self.tokens = {self.token}
        self.root_key, self.config_key = key_from(1), key_from(2)
        self.roots: list[Envelope] = []
        self.add_root()
        handler = type("Handler", (_Handler,), {"cloud": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> CloudSimulator:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close_sockets()
        self.server.shutdown()
        self.server.server_close()

    # --- trust

    def add_root(
        self, *, root_key: Any = None, config_key: Any = None, epoch: int | None = None, days: int = 3650
    ) -> Envelope:
        """The next root, signed by the one before and itself."""
        old, self.root_key = self.root_key, root_key or self.root_key
        self.config_key, self.epoch = config_key or self.config_key, epoch or self.epoch
        publics = [public_text(self.root_key), public_text(self.config_key)]
        now = datetime.now(UTC)
        root = TrustRoot(
            root_version=len(self.roots) + 1,
            epoch=self.epoch,
            issued_at=format_instant(now),
            expires_at=format_instant(now + timedelta(days=days)),
            keys={keyid(text): text for text in publics},
            config=Role((keyid(publics[1]),), 1),
            root=Role((keyid(publics[0]),), 1),
        )
        signers = [signer(key) for key in {id(old): old, id(self.root_key): self.root_key}.values()]
        self.roots.append(seal(ROOT_TYPE, root.payload(), signers))
        return self.roots[-1]

    @property
    def root_sha256(self) -> str:
        return TrustRoot.from_payload(self.roots[0].payload).sha256

    # --- publishing

    def publish(
        self, sections: dict[str, Any], *, kind: str = "publish", content_of: int | None = None
    ) -> int:
        """A new version; sockets are told. Returns its number."""
        with self.changed:
            number = len(self.versions) + 1
            now = format_instant(datetime.now(UTC))
            self.versions.append(Published(number, sections, kind, content_of, now, self.epoch))
            self.changed.notify_all()
        digest = version_digest(self.versions[-1].digests)
        self.notify({"type": "config.updated", "version": number, "digest": digest, "spread_seconds": 0})
        return number

    def manifest_of(self, version: Published, **changes: Any) -> Envelope:
        issued = self.issued_at or datetime.now(UTC)
        lifetime = timedelta(days=-1 if self.lies.expired else 14)
        members: dict[str, Any] = {
            "edge_id": self.edge_id,
            "edge_uid": str(uuid.uuid4()) if self.lies.other_edge else self.edge_uid,
            "org_uid": self.org_uid,
            "version": version.number,
            "epoch": version.epoch,
            "kind": version.kind,
            "content_of": version.content_of,
            "schema": "ems-config/1",
            "sections": version.digests,
            "timestamp": version.timestamp,
            "issued_at": format_instant(issued - timedelta(days=2) if self.lies.expired else issued),
            "expires_at": format_instant(issued + lifetime),
        }
        key = key_from(99) if self.lies.bad_signature else self.config_key
        return seal(MANIFEST_TYPE, Manifest(**{**members, **changes}).payload(), [signer(key)])

    def body_of(self, version: Published) -> dict[str, Any]:
        head = {"version": version.number, "timestamp": version.timestamp, "edge_id": self.edge_id}
        return {**head, **version.sections}

    def bundle(self, number: int) -> dict[str, Any]:
        version = self.versions[number - 1]
        return {
            "document": self.body_of(version),
            "manifest": self.manifest_of(version).to_json(),
            "roots": [root.to_json() for root in self.roots],
        }

    # --- what arrived

    def wait(self, holds: Callable[[CloudSimulator], Any], within_s: float = WAIT_S) -> Any:
        """The first true value of `holds`, looked at whenever something arrives."""
        with self.changed:
            found = self.changed.wait_for(lambda: holds(self), within_s)
        if not found:
            told = json.dumps(self.heartbeats[-3:], indent=1)[-3000:]
            raise AssertionError(f"it never held; calls: {self.calls[-15:]}, last heartbeats: {told}")
        return found

    def wait_status(self, version: int, *statuses: str, within_s: float = WAIT_S) -> dict[str, Any]:
        """Until a report names one of the statuses for the version's last attempt."""

        def holds(cloud: CloudSimulator) -> Any:
            for beat in reversed(cloud.heartbeats):
                attempt = beat.get("last_attempt") or {}
                if attempt.get("version") == version and attempt.get("status") in statuses:
                    return beat
            return None

        return self.wait(holds, within_s)

    def known(self) -> dict[str, Any]:
        """The edge as its heartbeats tell, with what later ones left out."""
        merged: dict[str, Any] = {}
        for beat in self.heartbeats:
            merged.update(beat)
        return merged

    def heard(self, beat: dict[str, Any]) -> dict[str, Any]:
        with self.changed:
            self.heartbeats.append(beat)
            self.changed.notify_all()
        desired = None
        if self.versions:
            newest = self.versions[-1]
            desired = {"version": newest.number, "etag": etag(newest.number, version_digest(newest.digests))}
        return {
            "server_time": format_instant(datetime.now(UTC)),
            "desired": desired,
            "next_poll_seconds": None,
            "next_heartbeat_seconds": None,
            "report_full": False,
            "rotate_key": False,
            "trust_root_version": len(self.roots),
            "requests": list(self.requests),
            **self.answer_extra,
        }

    def took_events(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        accepted, duplicate = [], []
        with self.changed:
            for event in events:
                known = event["id"] in self.events
                (duplicate if known else accepted).append(event["id"])
                self.event_copies += known
                self.events.setdefault(event["id"], event)
                done = (event.get("data") or {}).get("request_id")
                self.requests = [one for one in self.requests if one["id"] != done]
            self.changed.notify_all()
        return {"accepted": accepted, "duplicate": duplicate, "rejected": []}

    def called(self, method: str, path: str, status: int) -> None:
        with self.changed:
            self.calls.append((method, path, status))
            self.changed.notify_all()

    # --- the socket

    def notify(self, notice: dict[str, Any]) -> None:
        for socket in list(self.sockets):
            with suppress(OSError):
                socket.say(notice)

    def close_sockets(self) -> None:
        for socket in list(self.sockets):
            socket.end()


class _Handler(BaseHTTPRequestHandler):
    cloud: CloudSimulator
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/ws/"):
            self._socket()
        elif not self._lied():
            self._get()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not self._lied():
            self._post(json.loads(body))

    def _socket(self) -> None:
        self.close_connection = True
        if self.cloud.lies.offline or self.cloud.lies.no_socket:
            return
        if self._key() is None:
            self._problem(401, "unauthenticated")
            return
        NoticeSocket(self, self.cloud).run()

    def _key(self) -> str | None:
        sent = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if sent in self.cloud.candidates:
            self.cloud.keys.discard(self.cloud.candidates.pop(sent))
            self.cloud.keys.add(sent)
        return sent if sent in self.cloud.keys else None

    def _lied(self) -> bool:
        lies = self.cloud.lies
        if lies.late is not None:
            lies.late.wait(WAIT_S)
        if lies.offline:
            self.close_connection = True
            self.cloud.called(self.command, self.path, 0)
            self.connection.close()
            return True
        if lies.html:
            self._send(
                200, b"<html>Please sign in to the hotel network</html>", {"Content-Type": "text/html"}
            )
        elif lies.redirect:
            self._send(302, b"", {"Location": lies.redirect})
        elif lies.status:
            headers = {"Retry-After": lies.retry_after} if lies.retry_after else {}
            self._problem(lies.status, "rate_limited" if lies.status == 429 else "overloaded", headers)
        return bool(lies.html or lies.status or lies.redirect)

    def _get(self) -> None:
        parts = urlsplit(self.path)
        if self._key() is None:
            self._problem(401, "unauthenticated")
        elif parts.path.startswith("/api/v1/trust/roots/"):
            number = int(parts.path.rsplit("/", 1)[1])
            if number > len(self.cloud.roots):
                self._problem(404, "not_found")
            else:
                self._json(200, self.cloud.roots[number - 1].to_json())
        elif parts.path == f"/api/v1/edges/{self.cloud.edge_id}/config":
            self._config(None)
        elif parts.path == f"/api/v1/edges/{self.cloud.edge_id}/config/delta":
            self._config(int(parse_qs(parts.query)["since"][0]))
        else:
            self._problem(404, "not_found")

    def _config(self, since: int | None) -> None:
        cloud = self.cloud
        if not cloud.versions:
            self._problem(404, "no_published_config")
            return
        newest = cloud.lies.replay or cloud.versions[-1]
        if cloud.lies.equivocate:
            sections = {**newest.sections, "alarms": [], "extensions": {"lie": {"n": 1}}}
            newest = Published(newest.number, sections, newest.kind, None, newest.timestamp, newest.epoch)
        envelope = cloud.manifest_of(newest)
        issued = json.loads(envelope.payload)["issued_at"]
        tag = etag(newest.number, version_digest(newest.digests))
        headers = {"ETag": tag, "EMS-Config-Version": str(newest.number)}
        unchanged = self.headers.get("If-None-Match") == tag
        if not (unchanged and self.headers.get("EMS-Manifest-Issued") == issued):
            headers["EMS-Manifest"] = envelope.to_header()
        if cloud.lies.strip_manifest:
            headers.pop("EMS-Manifest", None)
        if unchanged or since == newest.number:
            self._send(304, b"", headers)
        elif since is not None and not 0 < since <= len(cloud.versions):
            self._problem(409 if since > len(cloud.versions) else 410, "since_ahead")
        elif since is not None:
            self._json(200, self._delta(cloud.versions[since - 1], newest), headers)
        else:
            body = cloud.body_of(newest)
            if cloud.lies.wrong_content:
                body = {**body, "alarms": [{"id": "forged"}]}
            self._json(200, body, headers)

    def _delta(self, base: Published, newest: Published) -> dict[str, Any]:
        before, after = base.digests, newest.digests
        changed = {n: newest.sections[n] for n, d in after.items() if before.get(n) != d}
        if self.cloud.lies.torn_delta and changed:
            changed.pop(min(changed))
        return {
            "from_version": base.number,
            "version": newest.number,
            "timestamp": newest.timestamp,
            "edge_id": self.cloud.edge_id,
            "changed": changed,
            "removed": sorted(set(before) - set(after)),
        }

    def _post(self, body: Any) -> None:
        edge = f"/api/v1/edges/{self.cloud.edge_id}"
        if self.path == "/api/v1/enroll":
            self._enroll(body)
        elif (key := self._key()) is None:
            self._problem(401, "unauthenticated")
        elif self.path == f"{edge}/heartbeat":
            self._json(200, self.cloud.heard(body))
        elif self.path == f"{edge}/events":
            self._json(200, self.cloud.took_events(body["events"]))
        elif self.path == f"{edge}/keys/rotate":
            new = new_credential("emse", os.urandom)
            self.cloud.candidates = {new.text: key}
            later = format_instant(datetime.now(UTC) + timedelta(days=1))
            self._json(201, {"key_id": new.key_id, "key": new.text, "old_key_expires_at": later})
        else:
            self._problem(404, "not_found")

    def _enroll(self, body: dict[str, Any]) -> None:
        cloud = self.cloud
        if body["token"] not in cloud.tokens:
            self._problem(401, "enroll_token_invalid")
            return
        new = new_credential("emse", os.urandom)
        cloud.keys = {new.text}
        answer = {"edge_id": cloud.edge_id, "edge_uid": cloud.edge_uid, "org_uid": cloud.org_uid}
        pin = {"root_version": 1, "sha256": cloud.root_sha256}
        self._json(201, {**answer, "key_id": new.key_id, "key": new.text, "trust_root": pin})

    def _problem(self, status: int, code: str, headers: dict[str, str] | None = None) -> None:
        body = {
            "type": f"urn:ems:problem:{code}",
            "title": code,
            "status": status,
            "code": code,
            "detail": code,
        }
        kind = {"Content-Type": "application/problem+json"}
        self._send(status, canonical(body), {**kind, **(headers or {})})

    def _json(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        self._send(status, canonical(body), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        try:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True
        self.cloud.called(self.command, self.path, status)
