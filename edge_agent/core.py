"""The agent's one state, moved only here: written down first, in one transaction, then acted upon."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from edge_agent.alarms import News
from edge_agent.clocks import Clock, stamp
from edge_agent.faultpoints import reach
from edge_agent.machine import step
from edge_agent.rows import Floor, Hold, StoredVersion
from edge_agent.second import SEQ_BLOCK, FloorCopy, SecondCopy
from edge_agent.states import (
    Action,
    Booted,
    Deadline,
    Emit,
    Event,
    Fetched,
    Offered,
    Phase,
    Rejected,
    State,
    Verified,
    Version,
)
from edge_agent.store import Store, StoreWriteError
from edge_protocol.canonical import parse
from edge_protocol.envelope import Envelope
from edge_protocol.errors import SignatureError
from edge_protocol.instants import parse_instant
from edge_protocol.manifest import Manifest
from edge_protocol.trust import TrustRoot

log = logging.getLogger(__name__)

MOST_BYTES = 4 * 1024 * 1024
MOST_DETAIL = 2000
# Where the plant's safety needs the move more than the disk needs the note, it is made from memory.
SAFETY = frozenset({Phase.ROLLING_BACK, Phase.ROLLED_BACK, Phase.SAFE_MODE})
_NAMED: dict[type, str] = {
    Offered: "offered",
    Fetched: "fetched",
    Verified: "verified",
    Rejected: "rejected",
    Booted: "booted",
}


@dataclass(slots=True)
class Troubles:
    """What is wrong beside the version itself, one sentence each; empty means well."""

    storage: str = ""
    trust: str = ""
    limits: str = ""


class Core:
    """Owns state, floor, trust roots, hold and outbox. Used by the reducer's thread alone."""

    def __init__(self, store: Store, second: SecondCopy, clock: Clock, new_id: Callable[[], str]) -> None:
        self.store = store
        self.clock = clock
        self.troubles = Troubles()
        self.state: State = store.load_state()
        self.floor: Floor = store.load_floor()
        self.roots: dict[int, str] = store.roots()
        self.hold: Hold | None = store.hold()
        self._second = second
        self._new_id = new_id
        self.outbox_grew: Callable[[], None] = lambda: None
        self._unsaved = False
        self._documents: dict[tuple[int, int], dict[str, Any]] = {}
        self._read_roots: dict[int, TrustRoot] = {}
        self._said: dict[str, tuple[str, float]] = {}

    # --- moving

    def advance(
        self,
        event: Event,
        *,
        also: Callable[[], None] | None = None,
        seen: Manifest | None = None,
        decided: bool = False,
    ) -> tuple[Action, ...]:
        """One step of the machine, persisted before its actions are returned.

        In the same transaction: `also` writes, `highest_seen` moves to `seen`, and `decided` (a refusal
        decides too) settles what was seen. When nothing can be written, only moves towards safety and the
        start itself are made, from memory; everything else stays as it was and comes again.
        """
        new, actions = step(self.state, event, self.clock.moment())
        emits = [action for action in actions if isinstance(action, Emit)]
        if new == self.state and not emits and also is None and not decided:
            return actions
        floor = self.floor if seen is None else self._moved(seen)
        refused = any(emit.status == "rejected" for emit in emits)
        floor = replace(floor, undecided=False) if decided or (seen and refused) else floor
        point = _point(self.state, new, event)
        reach(f"before:{point}")
        if not self._save(new, floor, emits, also):
            if new.phase not in SAFETY and not isinstance(event, Booted):
                return ()
            self._unsaved = True
        self.state, self.floor = new, floor
        self._keep_second()
        reach(f"after:{point}")
        return actions

    def _save(self, new: State, floor: Floor, emits: list[Emit], also: Callable[[], None] | None) -> bool:
        def write() -> None:
            if also is not None:
                also()
            if floor != self.floor:
                self.store.save_floor(floor)
            self.store.save_state(new)
            for emit in emits:
                self._append(emit.type, emit.version, emit.code, emit.detail, {"status": emit.status})

        return self.write(write)

    def write(self, act: Callable[[], None]) -> bool:
        """Run writes in one transaction; False, and the trouble noted, when the disk does not take them."""
        try:
            with self.store.transaction():
                act()
        except StoreWriteError as error:
            log.error("%s", error.detail)
            self.troubles.storage = f"{error.detail}. Free space or make the disk writable"
            return False
        self.troubles.storage = ""
        return True

    def save_again(self) -> None:
        """After trouble with the disk: bring what was decided in memory onto it."""
        if self._unsaved and self.write(lambda: self.store.save_state(self.state)):
            self._unsaved = False

    def _keep_second(self) -> None:
        promised = (self.store.last_seq() // SEQ_BLOCK + 2) * SEQ_BLOCK
        # Whoever reads the copy has to ask the cloud again anyway: `undecided` is not worth a write.
        floor = replace(self.floor, undecided=False)
        copy = FloorCopy(
            floor, dict(self.roots), self.state.quarantine, self.state.lifted, self.hold, promised
        )
        try:
            self._second.keep_floor(copy)
        except OSError as error:
            self.troubles.storage = f"the second copy cannot be written: {error}"

    # --- telling

    def emit(
        self,
        kind: str,
        code: str,
        detail: str,
        *,
        version: int | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        """Put an event into the outbox. Shape: type, code, detail as on the wire."""
        reach("before:outbox")
        self.write(lambda: self._append(kind, version, code, detail, data))
        reach("after:outbox")

    def tell_alarms(
        self, fact: str, told: Mapping[str, Any], news: Sequence[News], version: int | None
    ) -> bool:
        """Events of type `alarm`, and what is told with them, in one transaction."""

        def write() -> None:
            self.store.set_fact(fact, told)
            for one in news:
                self._append("alarm", version, one.state, one.detail, one.data)

        reach("before:outbox")
        written = self.write(write)
        reach("after:outbox")
        return written

    def emit_once(self, kind: str, code: str, detail: str, *, version: int | None = None) -> None:
        """The same thing said again within the hour is left out: polls repeat themselves."""
        now = self.clock.seconds()
        said, at = self._said.get(code, ("", 0.0))
        if said == detail and now - at < 3600:
            return
        self._said[code] = (detail, now)
        log.warning("%s: %s", code, detail)
        self.emit(kind, code, detail, version=version)

    def _append(
        self, kind: str, version: int | None, code: str, detail: str, data: Mapping[str, Any] | None
    ) -> None:
        event: dict[str, Any] = {"id": self._new_id(), "type": kind, "at": stamp(self.clock.wall())}
        if version is not None:
            event["version"] = version
        event.update(code=code[:64], detail=detail[:MOST_DETAIL])
        if data:
            event["data"] = dict(data)
        self.store.append_event(event)
        self.outbox_grew()

    def drop_events(self, ids: list[str]) -> None:
        """The cloud has them: they stay as history only."""
        reach("before:outbox_drop")
        self.write(lambda: self.store.mark_sent(ids))
        reach("after:outbox_drop")

    # --- trust and floor

    def now(self) -> datetime:
        """max(clock, time floor): a clock that stands in 1970 makes nothing valid again."""
        wall = self.clock.wall()
        return max(wall, parse_instant(self.floor.issued_at)) if self.floor.issued_at else wall

    def root(self, number: int | None = None) -> TrustRoot:
        """A stored root, the newest by default: signatures were checked when it was stored.

        Errors: SignatureError while there is none, KeyError when this one is not held.
        """
        if not self.roots:
            raise SignatureError("this edge holds no trust root any more: it asks for the pinned one")
        number = max(self.roots) if number is None else number
        if number not in self._read_roots:
            self._read_roots[number] = read_root(self.roots[number])
        return self._read_roots[number]

    def add_root(self, root: TrustRoot, envelope: str) -> bool:
        """Store the next root; where it raises the epoch, the time floor starts again."""
        reach("before:trust_root")
        risen = self.roots and root.epoch > self.root().epoch
        floor = replace(self.floor, issued_at="") if risen else self.floor

        def write() -> None:
            self.store.add_root(root.root_version, envelope)
            self.store.save_floor(floor)

        if not self.write(write):
            return False
        self.roots[root.root_version] = envelope
        self.floor = floor
        self._keep_second()
        reach("after:trust_root")
        return True

    def move_floor(self, manifest: Manifest) -> bool:
        """`highest_seen` moves once a manifest is verified, even where nothing is decided about it yet."""
        floor = self._moved(manifest)
        reach("before:seen")
        if not self.write(lambda: self.store.save_floor(floor)):
            return False
        self.floor = floor
        self._keep_second()
        reach("after:seen")
        return True

    def _moved(self, manifest: Manifest) -> Floor:
        newest = max(self.floor.issued_at, manifest.issued_at)
        return Floor(
            manifest.epoch, manifest.version, manifest.digest, newest, manifest.expires_at, undecided=True
        )

    def settle_floor(self) -> None:
        """What was seen is decided about."""
        floor = replace(self.floor, undecided=False)
        if self.write(lambda: self.store.save_floor(floor)):
            self.floor = floor

    def freshen(self, manifest: Manifest, envelope: str) -> None:
        """A re-issued manifest of what was seen: newer dates for it, nothing else moves."""
        dates = (manifest.issued_at, manifest.expires_at)
        if dates == (self.floor.issued_at, self.floor.expires_at) or dates[0] < self.floor.issued_at:
            return  # an older one, played again, must not make what is held expire sooner
        floor = replace(self.floor, issued_at=dates[0], expires_at=dates[1])
        root_version = max(self.roots)
        held = Version(manifest.epoch, manifest.version, "", None, "", {})

        def write() -> None:
            self.store.freshen(held, envelope, root_version)
            self.store.save_floor(floor)

        reach("before:freshened")
        if self.write(write):
            self.floor = floor
            self._keep_second()
        reach("after:freshened")

    # --- hold

    def set_hold(self, hold: Hold | None) -> bool:
        reach("before:hold")
        if not self.write(lambda: self.store.set_hold(hold)):
            return False
        self.hold = hold
        self._keep_second()
        reach("after:hold")
        return True

    def expire_hold(self) -> bool:
        """Whether a hold has just ended by itself; its rest is written down for another boot meanwhile."""
        if self.hold is None:
            return False
        at = self.clock.moment()
        left_s = self.hold.left.remaining_s(at)
        if left_s <= 0:
            return self.set_hold(None)
        moved = self.hold.left.os_boot != at.os_boot or self.hold.left.left_s - left_s > 600
        if moved:
            self.set_hold(replace(self.hold, left=Deadline(at.os_boot, at.seconds + left_s, left_s)))
        return False

    # --- requests

    def finish_request(self, request_id: str, kind: str, outcome: Mapping[str, Any]) -> None:
        """Remember that it was done and tell so, in one transaction."""
        data = {"request_id": request_id, "kind": kind, "outcome": dict(outcome)}

        def write() -> None:
            self.store.note_request(request_id, stamp(self.clock.wall()))
            self._append("request_done", None, str(outcome.get("error", "done")), kind, data)

        reach("before:request_done")
        self.write(write)
        reach("after:request_done")

    # --- contents

    def document(self, version: Version) -> dict[str, Any]:
        """The sections of a held version, parsed. Errors: KeyError when a blob is gone, DocumentError."""
        found = self._documents.get(version.ref)
        if found is None:
            bodies = self.store.bodies(version)
            if set(bodies) != set(version.sections):
                raise KeyError(f"version {version.number} is not held whole")
            found = {name: parse(data, max_bytes=MOST_BYTES) for name, data in bodies.items()}
            self.remember(version, found)
        return found

    def remember(self, version: Version, sections: Mapping[str, Any]) -> None:
        """Sections just stored need not be read back to be judged."""
        self._documents = {**dict(list(self._documents.items())[-1:]), version.ref: dict(sections)}

    def stored(self, version: Version) -> StoredVersion:
        """Errors: KeyError."""
        return self.store.version(*version.ref)

    def repair(self, version: Version, is_sound: Callable[[Version], bool]) -> bool:
        """Put a damaged version back from the second copy, if that is the one and it is sound."""
        copy = self._second.read_version()
        if copy is None or copy[0].version.ref != version.ref:
            return False
        stored, bodies = copy
        digests = {stored.version.sections[name]: data for name, data in bodies.items()}
        self._documents.pop(version.ref, None)
        if not self.write(lambda: self.store.restore_version(stored, digests)):
            return False
        self.state = self.store.load_state()
        return is_sound(stored.version)

    def confirm(self, version: Version) -> None:
        """The second copy of what is good now; then what is no longer needed goes."""
        with suppress(KeyError):
            try:
                self._second.keep_version(self.stored(version), self.store.bodies(version))
            except OSError as error:
                self.troubles.storage = f"the second copy cannot be written: {error}"
        self._documents = {ref: found for ref, found in self._documents.items() if ref == version.ref}
        self.prune()

    def prune(self) -> None:
        """Keep what something points to, what was seen last, and the newest in quarantine; drop the rest."""
        state = self.state
        held = (state.committed, state.previous, state.pending, state.next, state.running)
        keep = {found.ref for found in held if found is not None} | {(self.floor.epoch, self.floor.version)}
        keep |= {(entry.epoch, entry.version) for entry in state.quarantine[-2:]}
        reach("before:pruned")
        self.write(lambda: self.store.prune(keep))
        reach("after:pruned")


def read_root(envelope: str) -> TrustRoot:
    """Errors: ProtocolError."""
    value = parse(envelope.encode(), max_bytes=MOST_BYTES)
    return TrustRoot.from_payload(Envelope.from_json(value).payload)


def _point(old: State, new: State, event: Event) -> str:
    if new.phase is not old.phase and not isinstance(event, Booted):
        return new.phase.value if new.phase is not Phase.EMPTY else "state"
    if isinstance(event, Verified) and new.committed is not old.committed:
        return "unchanged"
    return _NAMED.get(type(event), "state")
