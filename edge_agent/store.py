"""The agent's memory: SQLite, one connection, one thread, one process. The only SQL of the agent.

`journal_mode=DELETE, synchronous=EXTRA`: SQLite before 3.51.3 can corrupt a write-ahead log that several
connections use, and EXTRA makes the end of each transaction durable. Blobs and versions never change once
written; pointers and state change together.
"""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edge_agent.rows import (
    STATE_COLUMNS,
    Floor,
    Hold,
    Row,
    StoredVersion,
    hold_from_dict,
    hold_to_dict,
    quarantine_to_dict,
    state_from_row,
    state_to_row,
)
from edge_agent.states import Quarantined, State, Version

LAYOUT = 1
MOST_EVENTS = 5000
KEPT_TRANSITIONS = 500

_SCHEMA = f"""
create table blobs(digest text primary key, body blob not null);
create table versions(
  epoch integer, number integer, kind text not null, content_of integer, digest text not null,
  sections text not null, probation_s integer not null, schema text not null, timestamp text not null,
  envelope text not null, root_version integer not null, received_at text not null,
  primary key (epoch, number));
create table state(id integer primary key check (id = 1), {", ".join(STATE_COLUMNS)});
create table quarantine(
  position integer primary key, epoch integer, version integer, sections text not null, code text not null);
create table floor(id integer primary key check (id = 1), body text not null);
create table roots(root_version integer primary key, envelope text not null);
create table outbox(
  seq integer primary key autoincrement, id text not null unique, body text not null, sent integer not null);
create table requests(id text primary key, done_at text not null);
create table facts(name text primary key, value text not null);
"""


class StoreError(Exception):
    """The database cannot serve. `detail` is a sentence for people."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class StoreMissingError(StoreError):
    """There is no database (yet, or any more)."""


class StoreCorruptError(StoreError):
    """The file is not a sound database: set it aside and rebuild."""


class StoreWriteError(StoreError):
    """Nothing was written (disk full, read-only): keep running what runs and try again."""


class StoreUnfinishedError(StoreError):
    """A killed agent left a journal: it has to be rolled back before anybody can read."""


class StoreBusyError(StoreError):
    """Another agent process uses this folder."""


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """One agent per data folder, for as long as the process lives. Errors: StoreBusyError."""
    descriptor = os.open(folder / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StoreBusyError(f"another agent is running with {folder}") from error
        yield
    finally:
        os.close(descriptor)


class Store:
    """One open database. Every method that writes belongs inside `transaction()`."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    def create(cls, path: Path) -> Store:
        """A new, empty database. Errors: StoreWriteError, StoreCorruptError when one is there already."""
        store = cls(_connect(path, create=True))
        store.lay_out()
        return store

    def lay_out(self) -> None:
        """Tables, and the rows that are always there, in one transaction."""
        with self.transaction():
            for statement in _SCHEMA.strip().split(";\n"):
                self._db.execute(statement)
            self._db.execute(f"pragma user_version = {LAYOUT}")
            self.save_state(State())
            self.save_floor(Floor())

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Store:
        """Errors: StoreMissingError, StoreCorruptError, StoreWriteError."""
        if not path.exists():
            raise StoreMissingError(f"{path} does not exist")
        store = cls(_connect(path, read_only=read_only))
        store.check()
        return store

    def close(self) -> None:
        self._db.close()

    def check(self) -> None:
        """Errors: StoreCorruptError, StoreUnfinishedError."""
        try:
            sound = self._db.execute("pragma quick_check(1)").fetchone()[0]
            layout = self._db.execute("pragma user_version").fetchone()[0]
        except sqlite3.OperationalError as error:
            raise StoreUnfinishedError(f"the last write was interrupted: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreCorruptError(f"the database cannot be read: {error}") from error
        if sound != "ok" or layout != LAYOUT:
            raise StoreCorruptError(
                f"the database is damaged: {sound if sound != 'ok' else 'unknown layout'}"
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing. Errors: StoreWriteError, StoreCorruptError; inside one, it joins."""
        if self._db.in_transaction:
            yield
            return
        try:
            self._db.execute("begin immediate")
            yield
            self._db.execute("commit")
        except sqlite3.Error as error:
            self._abandon()
            raise _named(error) from error
        except BaseException:
            self._abandon()
            raise

    def _abandon(self) -> None:
        if self._db.in_transaction:
            self._db.execute("rollback")

    # --- state and floor

    def load_state(self) -> State:
        """Errors: StoreCorruptError when the row is missing or points nowhere."""
        try:
            row: Row = dict(self._one("select * from state"))
            quarantine = tuple(
                Quarantined(r["epoch"], r["version"], json.loads(r["sections"]), r["code"])
                for r in self._db.execute("select * from quarantine order by position")
            )
            return state_from_row(row, lambda ref: self.version(*ref).version, quarantine)
        except (sqlite3.DatabaseError, KeyError, ValueError, TypeError) as error:
            raise StoreCorruptError(f"the state cannot be read: {error}") from error

    def save_state(self, state: State) -> None:
        row = state_to_row(state)
        names = ", ".join(row)
        places = ", ".join(f":{name}" for name in row)
        self._db.execute(f"insert or replace into state(id, {names}) values (1, {places})", row)  # noqa: S608 - column names of our own dataclass
        self._db.execute("delete from quarantine")
        for entry in state.quarantine:
            body = quarantine_to_dict(entry)
            self._db.execute(
                "insert into quarantine(epoch, version, sections, code) values (?, ?, ?, ?)",
                (entry.epoch, entry.version, json.dumps(body["sections"], sort_keys=True), entry.code),
            )

    def load_floor(self) -> Floor:
        return Floor(**json.loads(self._one("select body from floor")["body"]))

    def save_floor(self, floor: Floor) -> None:
        self._db.execute("insert or replace into floor values (1, ?)", (json.dumps(asdict(floor)),))

    # --- trust roots

    def roots(self) -> dict[int, str]:
        """Shape: root version -> the envelope's JSON."""
        return {r["root_version"]: r["envelope"] for r in self._db.execute("select * from roots")}

    def add_root(self, root_version: int, envelope: str) -> None:
        self._db.execute("insert or ignore into roots values (?, ?)", (root_version, envelope))

    # --- versions and blobs

    def put_version(self, stored: StoredVersion, bodies: Mapping[str, bytes]) -> None:
        """Shape: `bodies` maps digest -> canonical bytes; those already held are left alone."""
        self._db.executemany("insert or ignore into blobs values (?, ?)", bodies.items())
        v = stored.version
        self._db.execute(
            "insert or replace into versions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(v.epoch, v.number, v.kind, v.content_of, v.digest),
                *(json.dumps(dict(v.sections), sort_keys=True), v.probation_s, stored.schema),
                *(stored.timestamp, stored.envelope, stored.root_version, stored.received_at),
            ),
        )

    def restore_version(self, stored: StoredVersion, bodies: Mapping[str, bytes]) -> None:
        """Like `put_version`, over blobs that were found damaged."""
        self._db.executemany("delete from blobs where digest = ?", [(digest,) for digest in bodies])
        self.put_version(stored, bodies)

    def freshen(self, version: Version, envelope: str, root_version: int) -> None:
        """A re-issued manifest of a version that is held: its dates are newer, nothing else."""
        self._db.execute(
            "update versions set envelope = ?, root_version = ? where epoch = ? and number = ?",
            (envelope, root_version, version.epoch, version.number),
        )

    def version(self, epoch: int, number: int) -> StoredVersion:
        """Errors: KeyError when it is not held."""
        row = self._db.execute(
            "select * from versions where epoch = ? and number = ?", (epoch, number)
        ).fetchone()
        if row is None:
            raise KeyError(f"version {number} of epoch {epoch} is not held")
        return _stored(row)

    def versions(self) -> list[StoredVersion]:
        """All that are held, oldest first."""
        return [_stored(row) for row in self._db.execute("select * from versions order by epoch, number")]

    def bodies(self, version: Version) -> dict[str, bytes]:
        """Shape: section -> stored bytes, unchecked; sections whose blob is gone are left out."""
        found = {}
        for name, digest in version.sections.items():
            row = self._db.execute(
                "select cast(body as blob) as body from blobs where digest = ?", (digest,)
            ).fetchone()
            if row is not None:
                found[name] = bytes(row["body"])
        return found

    def prune(self, keep: Collection[tuple[int, int]]) -> None:
        """Drop versions that nothing points to any more, then blobs that no version names."""
        for stored in self.versions():
            if stored.version.ref not in keep:
                self._db.execute("delete from versions where epoch = ? and number = ?", stored.version.ref)
        self._db.execute(
            "delete from blobs where digest not in (select j.value from versions, json_each(sections) j)"
        )

    # --- events for the cloud, requests from it, small facts

    def append_event(self, event: Mapping[str, Any]) -> int:
        """Number an event and keep it until the cloud has it. Shape: without `seq`; returns the `seq`."""
        cursor = self._db.execute(
            "insert into outbox(id, body, sent) values (?, ?, 0)", (event["id"], json.dumps(event))
        )
        return int(cursor.lastrowid or 0)

    def unsent_events(self, limit: int) -> list[dict[str, Any]]:
        rows = self._db.execute("select * from outbox where sent = 0 order by seq limit ?", (limit,))
        return [{**json.loads(row["body"]), "seq": row["seq"]} for row in rows]

    def mark_sent(self, ids: Sequence[str]) -> None:
        """Sent events stay as the edge's own history, up to a bound."""
        self._db.executemany("update outbox set sent = 1 where id = ?", [(one,) for one in ids])
        for sent, most in ((1, KEPT_TRANSITIONS), (0, MOST_EVENTS)):
            self._db.execute(
                "delete from outbox where seq in (select seq from outbox where sent = ?"
                " order by seq desc limit -1 offset ?)",
                (sent, most),
            )

    def history(self, limit: int) -> list[dict[str, Any]]:
        """The newest events, newest first, sent or not."""
        rows = self._db.execute("select * from outbox order by seq desc limit ?", (limit,))
        return [{**json.loads(row["body"]), "seq": row["seq"], "sent": bool(row["sent"])} for row in rows]

    def last_seq(self) -> int:
        row = self._db.execute("select seq from sqlite_sequence where name = 'outbox'").fetchone()
        return 0 if row is None else int(row["seq"])

    def start_seq_after(self, seq: int) -> None:
        """`seq` counts for the edge's life: a rebuilt database goes on behind the last known number."""
        self._db.execute("delete from sqlite_sequence where name = 'outbox'")
        self._db.execute("insert into sqlite_sequence(name, seq) values ('outbox', ?)", (seq,))

    def request_is_done(self, request_id: str) -> bool:
        found = self._db.execute("select 1 from requests where id = ?", (request_id,)).fetchone()
        return found is not None

    def note_request(self, request_id: str, done_at: str) -> None:
        self._db.execute("insert or ignore into requests values (?, ?)", (request_id, done_at))
        self._db.execute(
            "delete from requests where id in"
            " (select id from requests order by done_at desc limit -1 offset 500)"
        )

    def hold(self) -> Hold | None:
        return hold_from_dict(self.fact("hold"))

    def set_hold(self, hold: Hold | None) -> None:
        self.set_fact("hold", hold_to_dict(hold))

    def fact(self, name: str) -> Any:
        row = self._db.execute("select value from facts where name = ?", (name,)).fetchone()
        return None if row is None else json.loads(row["value"])

    def set_fact(self, name: str, value: Any) -> None:
        self._db.execute("insert or replace into facts values (?, ?)", (name, json.dumps(value)))

    def size(self) -> dict[str, int]:
        """Counts and bytes for people."""
        counts = {
            table: int(self._one(f"select count(*) as n from {table}")["n"])  # noqa: S608 - the names below
            for table in ("blobs", "versions", "outbox", "roots", "quarantine")
        }
        body = self._one("select coalesce(sum(length(body)), 0) as n from blobs")
        return {**counts, "blob_bytes": int(body["n"])}

    def _one(self, query: str) -> sqlite3.Row:
        row: sqlite3.Row | None = self._db.execute(query).fetchone()
        if row is None:
            raise KeyError(f"nothing found: {query}")
        return row


def _connect(path: Path, *, create: bool = False, read_only: bool = False) -> sqlite3.Connection:
    mode = "ro" if read_only else ("rwc" if create else "rw")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None)
        connection.row_factory = sqlite3.Row
        if not read_only:
            connection.execute("pragma journal_mode = DELETE")
            connection.execute("pragma synchronous = EXTRA")
    except sqlite3.Error as error:
        raise _named(error) from error
    return connection


def _named(error: sqlite3.Error) -> StoreError:
    cannot_write = isinstance(error, sqlite3.OperationalError)
    if cannot_write:
        return StoreWriteError(f"the database cannot be written: {error}")
    return StoreCorruptError(f"the database is damaged: {error}")


def _stored(row: sqlite3.Row) -> StoredVersion:
    version = Version(
        row["epoch"],
        row["number"],
        row["kind"],
        row["content_of"],
        row["digest"],
        json.loads(row["sections"]),
        row["probation_s"],
    )
    return StoredVersion(
        version, row["schema"], row["timestamp"], row["envelope"], row["root_version"], row["received_at"]
    )
