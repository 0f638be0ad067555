"""The conversation with the cloud: polls, heartbeats, events, roots, keys. One call at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from edge_agent.cloud import Cloud, Document, Fetched, Held, NothingPublished, Unchanged
from edge_agent.core import Core, read_root
from edge_agent.intake import ContentError, Intake
from edge_agent.patience import Patience
from edge_agent.reports import SyncFacts, what_changed
from edge_agent.road import RoadError
from edge_agent.tempo import (
    DEFAULT_HEARTBEAT_S,
    DEFAULT_POLL_S,
    Uniform,
    next_poll_in_s,
    poll_interval_s,
)
from edge_agent.timers import Timers
from edge_agent.workbench import Done, Workbench
from edge_protocol.canonical import canonical, etag
from edge_protocol.envelope import Envelope
from edge_protocol.errors import EpochError, ProtocolError, SignatureError, TrustError, TrustStaleError
from edge_protocol.instants import parse_instant
from edge_protocol.messages import Desired, EventsAnswer, HeartbeatAnswer, Request
from edge_protocol.trust import first_root, next_root

log = logging.getLogger(__name__)

MOST_EVENTS_AT_ONCE = 100
MOST_EVENT_BYTES = 192 * 1024
SOCKET_ANSWER_S = 10.0
BOOT_JITTER_S = 0.5
HINT_PAUSE_S = 0.2
SHORTEST_HEARTBEAT_S, LONGEST_HEARTBEAT_S = 1.0, 3600.0


_TIMER_OF = {"fetch": "poll", "fetch_full": "poll", "heartbeat": "heartbeat", "events": "events"}


class Socket(Protocol):
    """What this module needs of the listener."""

    def send(self, body: Mapping[str, Any]) -> bool: ...
    def key_works(self) -> None: ...


class Sync:
    """Lives in the reducer's thread; jobs run on the cloud's workbench."""

    def __init__(
        self,
        *,
        core: Core,
        cloud: Cloud,
        bench: Workbench,
        intake: Intake,
        timers: Timers,
        socket: Socket,
        uniform: Uniform,
        edge_id: str,
        root_sha256: str | None,
        report: Callable[[], dict[str, Any]],
        on_request: Callable[[Request], None],
    ) -> None:
        self._core, self._cloud, self._bench, self._intake = core, cloud, bench, intake
        self._timers, self._socket, self._uniform = timers, socket, uniform
        self._edge_id, self._report, self._on_request = edge_id, report, on_request
        self._root_sha256 = root_sha256 or ""
        self.facts = SyncFacts()
        self.nothing_published = False
        self.socket_up = False
        self.poll_s, self.heartbeat_s = DEFAULT_POLL_S, DEFAULT_HEARTBEAT_S
        self.server_poll_s: float | None = None
        self.server_heartbeat_s: float | None = None
        self._patience = Patience(core.clock.seconds, uniform)
        self._polled_s = float("-inf")
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._seq = 0
        self._told: dict[str, Any] | None = None
        self._awaiting_socket: dict[str, Any] | None = None
        self._started_s = core.clock.seconds()
        self._mistrusted = 0
        self._done: dict[str, Callable[[Any], None]] = {
            "fetch": self._fetched,
            "fetch_full": self._fetched,
            "heartbeat": self._heartbeat_answered,
            "events": self._events_answered,
            "root": self._root_arrived,
            "rotate": self._rotated,
        }

    # --- when

    def start(self) -> None:
        """At boot: fetch at once, with a small jitter, and say that we are here."""
        self._timers.later("poll", self._uniform(0.0, BOOT_JITTER_S))
        self._timers.later("heartbeat", 0.0)
        self.events_soon()

    def due(self, name: str) -> None:
        if name == "poll":
            self.poll()
        elif name == "heartbeat":
            self.beat()
        elif name == "events":
            self._send_events()
        elif name == "socket_answer":
            self._no_answer()

    def interval_s(self) -> float:
        return poll_interval_s(self.poll_s, self.server_poll_s, socket_answers=self.socket_up)

    def _beat_interval_s(self) -> float:
        asked = self.heartbeat_s if self.server_heartbeat_s is None else self.server_heartbeat_s
        return min(max(asked, SHORTEST_HEARTBEAT_S), LONGEST_HEARTBEAT_S)

    def events_soon(self) -> None:
        self._timers.sooner("events", 0.05)

    def soon(self, within_s: float = 0.0) -> None:
        """Somebody hints that there is something new: even a flood of hints makes few fetches."""
        wait_s = self._uniform(0.0, within_s) if within_s else 0.0
        paced_s = self._polled_s + HINT_PAUSE_S - self._core.clock.seconds()
        self._timers.sooner("poll", max(wait_s, paced_s, self._patience.least_wait_s("poll")))

    def _submit(self, name: str, job: Callable[[], Any]) -> bool:
        """One job of a kind at a time; asked for meanwhile, it runs once more afterwards."""
        if name in self._busy:
            self._again.add(name)
            return False
        self._busy.add(name)
        self._bench.submit(name, job)
        return True

    def done(self, done: Done) -> None:
        """A job came back, with a result or an anticipated error."""
        self._busy.discard(done.name)
        if done.error is not None:
            self._failed(done.name, done.error)
        else:
            self._road_works()
            self._done[done.name](done.result)
        if done.name in self._again:
            self._again.discard(done.name)
            self._timers.sooner("heartbeat" if done.name == "heartbeat" else "poll", 0.0)

    def _road_works(self) -> None:
        self.facts.problem = ""
        self._socket.key_works()
        for name in self._patience.road_is_back():
            self._timers.sooner(name, self._uniform(0.0, 1.0))

    def _failed(self, name: str, error: Exception) -> None:
        """Backoff for the road's troubles; a plain no is asked again at the usual time only."""
        detail = error.detail if isinstance(error, RoadError) else str(error)
        if detail != self.facts.problem:
            log.warning("%s: %s", name, detail)
        self.facts.problem = detail
        timer = _TIMER_OF.get(name)
        if timer is None:
            return
        if timer == "poll":
            self.facts.polls_failed += 1
        elif timer == "heartbeat":
            self._told = None
        cap_s = self._beat_interval_s() if timer == "heartbeat" else self.interval_s()
        self._timers.later(timer, self._patience.failed(timer, error, cap_s))

    # --- fetching

    def poll(self) -> None:
        """Ask for anything newer than what was seen; a delta from the newest version that is held."""
        floor = self._core.floor
        held = [stored.version for stored in self._core.store.versions()]
        tag = None
        if not floor.undecided and floor.digest is not None:
            tag = etag(floor.version, floor.digest)
        ask = Held(held[-1].number if held else None, tag, floor.issued_at or None)
        if tag is None:
            ask = Held(ask.since, None, None)
        if self._submit("fetch", lambda: self._cloud.fetch(ask)):
            self.facts.polls_scheduled += 1
            self._polled_s = self._core.clock.seconds()
        self._schedule_poll()

    def _schedule_poll(self) -> None:
        wall_s = self._core.clock.wall().timestamp()
        self._timers.later("poll", next_poll_in_s(self._edge_id, self.interval_s(), wall_s))

    def _fetched(self, fetched: Fetched) -> None:
        try:
            self._take(fetched)
        except ContentError as error:
            self._content_differs(error)
            return
        except TrustStaleError as error:
            self.facts.polls_failed += 1
            self.facts.problem = error.detail
            return
        except TrustError as error:
            self._mistrust(error)
            return
        self._mistrusted = 0
        self._patience.worked("poll")
        self.facts.polls_ok += 1
        self.facts.last_sync_at = self._core.clock.moment().wall

    def _take(self, fetched: Fetched) -> None:
        self.nothing_published = isinstance(fetched, NothingPublished)
        if isinstance(fetched, Document):
            self._intake.take(fetched)
        elif isinstance(fetched, Unchanged):
            if fetched.manifest is not None:
                self._intake.vouch(fetched.manifest)
            self._intake.settle_held()

    def _content_differs(self, error: ContentError) -> None:
        """Rule 9: a delta that does not lead where its manifest says costs one full fetch."""
        if error.was_delta:
            log.info("the delta does not serve (%s), fetching the whole document", error.detail)
            self._submit("fetch_full", self._cloud.fetch_full)
            return
        self._core.emit_once("security", "content_mismatch", error.detail)
        self._failed("fetch", RoadError(f"the document is not what its manifest promises: {error.detail}"))

    def _mistrust(self, error: TrustError) -> None:
        """Unknown signers or another epoch may mean a newer trust root: look once, then wait."""
        self._mistrusted += 1
        self._failed("fetch", RoadError(f"{error.code}: {error.detail}"))
        if isinstance(error, SignatureError | EpochError) and self._mistrusted == 1:
            self.next_root()

    # --- heartbeats

    def beat(self) -> None:
        """Say how things are, over the socket while there is one."""
        wait_s = 0.0 if self.socket_up else self._patience.least_wait_s("heartbeat")
        if wait_s > 0:
            self._timers.later("heartbeat", wait_s)
            return
        if "heartbeat" in self._busy or self._awaiting_socket is not None:
            self._again.add("heartbeat")
            return
        report = self._report()
        self._seq += 1
        body = {
            **what_changed(report, self._told),
            "seq": self._seq,
            "uptime_seconds": round(self._core.clock.seconds() - self._started_s, 1),
        }
        self._told = report
        self._timers.later("heartbeat", self._beat_interval_s())
        if self.socket_up and self._socket.send({"type": "heartbeat", **body}):
            self._awaiting_socket = body
            self._timers.later("socket_answer", SOCKET_ANSWER_S)
        else:
            self._submit("heartbeat", lambda: self._cloud.heartbeat(body))

    def _no_answer(self) -> None:
        """The socket stays silent: say it all again over HTTP."""
        if self._awaiting_socket is not None:
            self._awaiting_socket, self._told = None, None
            self.socket_up = False
            self.facts.transport = "polling"
            self._again.discard("heartbeat")
            self.beat()

    def _heartbeat_answered(self, value: Any) -> None:
        try:
            self.answered(HeartbeatAnswer.from_dict(value))
        except ProtocolError as error:
            self._failed("heartbeat", RoadError(f"the heartbeat's answer is not ours: {error.detail}"))

    def socket_answered(self, answer: HeartbeatAnswer) -> None:
        self._awaiting_socket = None
        self._timers.cancel("socket_answer")
        self.answered(answer)
        if "heartbeat" in self._again:
            self._again.discard("heartbeat")
            self._timers.sooner("heartbeat", 0.0)

    def answered(self, answer: HeartbeatAnswer) -> None:
        """The server's tempo, what it wants us to run, and what it asks for."""
        self._patience.worked("heartbeat")
        offset_s = (parse_instant(answer.server_time) - self._core.clock.wall()).total_seconds()
        # The server's time comes in whole seconds: below that nothing is known.
        self.facts.offset_ms = 0 if abs(offset_s) <= 1 else round(offset_s * 1000)
        self.server_poll_s = answer.next_poll_seconds
        self.server_heartbeat_s = answer.next_heartbeat_seconds
        if self.server_heartbeat_s is not None:
            self._timers.sooner("heartbeat", self._beat_interval_s())
        if answer.report_full:
            self._told = None
            self._timers.sooner("heartbeat", 0.0)
        if answer.desired is not None and self._differs(answer.desired):
            self.soon()
        if answer.trust_root_version is not None and answer.trust_root_version > max(
            self._core.roots, default=0
        ):
            self.next_root()
        if answer.rotate_key:
            self.rotate_key()
        for request in answer.requests:
            self._on_request(request)

    def _differs(self, desired: Desired) -> bool:
        """An older one is no reason to ask; another content under our number is, for the alarm's sake."""
        floor = self._core.floor
        if floor.undecided or floor.digest is None or desired.version != floor.version:
            return floor.undecided or desired.version > floor.version
        return desired.etag != etag(floor.version, floor.digest)

    # --- events, roots, keys

    def _send_events(self) -> None:
        events: list[dict[str, Any]] = []
        size = 0
        for event in self._core.store.unsent_events(MOST_EVENTS_AT_ONCE):
            size += len(canonical(event))
            if events and size > MOST_EVENT_BYTES:
                break
            events.append(event)
        if events and "events" not in self._busy:
            self._submit("events", lambda: (self._cloud.send_events(events), [e["id"] for e in events]))

    def _events_answered(self, result: tuple[Any, list[str]]) -> None:
        """Stored, stored before, or refused for good: none of them is sent again."""
        value, ids = result
        try:
            answer = EventsAnswer.from_dict(value)
        except ProtocolError as error:
            self._failed("events", RoadError(f"the answer to events is not ours: {error.detail}"))
            return
        self._patience.worked("events")
        for refused in answer.rejected:
            log.error("the server refused the event %s: %s", refused["id"], refused["code"])
        refused_ids = {one["id"] for one in answer.rejected}
        known = [one for one in ids if one in {*answer.accepted, *answer.duplicate} or one in refused_ids]
        self._core.drop_events(known)
        if known:
            self.events_soon()

    def next_root(self) -> None:
        number = max(self._core.roots, default=0) + 1
        self._submit("root", lambda: self._cloud.trust_root(number))

    def _root_arrived(self, value: Any) -> None:
        """One step at a time, each stored before the next is asked for."""
        if value is None:
            return
        try:
            envelope = Envelope.from_json(value)
            pin = self._root_sha256
            root = next_root(self._core.root(), envelope) if self._core.roots else first_root(envelope, pin)
        except ProtocolError as error:
            self._core.emit_once("security", error.code, error.detail)
            return
        text = canonical(value).decode()
        read_root(text)
        if self._core.add_root(root, text):
            log.info("trust root %d taken in", root.root_version)
            self.next_root()
            self.soon()

    def rotate_key(self) -> None:
        self._submit("rotate", self._cloud.rotate_key)

    def _rotated(self, _: None) -> None:
        self._core.emit("security", "key_rotated", "a new key is stored and used from now on")
        self.beat()

    # --- the socket

    def connected(self) -> None:
        """After every (re)connect the edge asks by itself: notices may have been missed."""
        self.socket_up = True
        self.facts.transport = "websocket"
        self.soon()
        self._timers.sooner("heartbeat", 0.0)
        self.events_soon()

    def disconnected(self) -> None:
        was_up, self.socket_up = self.socket_up, False
        self.facts.transport = "polling"
        self._timers.cancel("socket_answer")
        if self._awaiting_socket is not None:
            self._awaiting_socket, self._told = None, None
            self._timers.sooner("heartbeat", 0.0)
        if was_up and (left_s := self._timers.left_s("poll")) is not None:
            self._timers.later("poll", min(left_s, self.interval_s()))
