"""A disk that forgets: SQLite over files of our own, whose unsynced writes are lost or torn at a power cut.

SIGKILL leaves the page cache alone; this does not. What was synced is there afterwards, what was not may be
there, in part, or not at all, in any order. A name made or removed counts once its folder was synced.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import Any

import apsw

SECTOR = 512


class PowerCutError(Exception):
    """The lights went out in the middle of an operation."""


class File:
    """`durable` None: the name itself is not on the disk yet."""

    def __init__(self, durable: bytes | None) -> None:
        self.durable = durable
        self.now = bytearray(durable or b"")
        self.unsynced: list[tuple[int, bytes] | int] = []

    def write(self, offset: int, data: bytes) -> None:
        self.now[len(self.now) :] = b"\0" * max(0, offset - len(self.now))
        self.now[offset : offset + len(data)] = data
        self.unsynced.append((offset, data))

    def truncate(self, size: int) -> None:
        del self.now[size:]
        self.unsynced.append(size)

    def sync(self) -> None:
        self.durable = bytes(self.now)
        self.unsynced.clear()

    def after_cut(self, luck: random.Random) -> bytes | None:
        """What a reader finds: some of the unsynced operations, whole, torn at a sector, or none."""
        if self.durable is None:
            return None if luck.random() < 0.5 else self._with_some(b"", luck)
        return self._with_some(self.durable, luck)

    def _with_some(self, start: bytes, luck: random.Random) -> bytes:
        found = File(start)
        for operation in self.unsynced:
            chance = luck.random()
            if chance < 0.4:
                continue
            if isinstance(operation, int):
                found.truncate(operation)
                continue
            offset, data = operation
            torn = luck.randrange(0, len(data) + SECTOR, SECTOR) if chance < 0.7 else len(data)
            found.write(offset, data[:torn])
        return bytes(found.now)


class Disk(apsw.VFS):
    """Holds every file in memory; `cut_after` operations the power fails."""

    def __init__(self, files: Mapping[str, bytes], cut_after: int | None) -> None:
        self.files = {name: File(data) for name, data in files.items()}
        self.gone: dict[str, File] = {}
        self.left = cut_after
        self.operations = 0
        super().__init__("forgetful", base="")

    def spend(self) -> None:
        self.operations += 1
        if self.left is not None and self.operations > self.left:
            raise PowerCutError

    def after_cut(self, luck: random.Random) -> dict[str, bytes]:
        # Some removals had not reached the disk.
        names = {**self.files, **{name: file for name, file in self.gone.items() if luck.random() < 0.5}}
        found = {name: file.after_cut(luck) for name, file in names.items()}
        return {name: data for name, data in found.items() if data is not None}

    # --- SQLite's questions

    def xOpen(self, name: Any, flags: list[int]) -> Handle:  # noqa: N802 - SQLite's name
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name or "temporary")
        if path not in self.files:
            self.files[path] = File(None)
        flags[1] = flags[0]
        return Handle(self, self.files[path])

    def xDelete(self, name: str, sync_folder: bool) -> None:  # noqa: N802
        self.spend()
        file = self.files.pop(name, None)
        if file is None:
            return
        self.gone.pop(name, None)
        if not sync_folder and file.durable is not None:
            self.gone[name] = file

    def xAccess(self, name: str, _: int) -> bool:  # noqa: N802
        return name in self.files

    def xFullPathname(self, name: str) -> str:  # noqa: N802
        return name


class Handle:
    """One open file."""

    def __init__(self, disk: Disk, file: File) -> None:
        self.disk, self.file, self.lock = disk, file, 0

    def xRead(self, amount: int, offset: int) -> bytes:  # noqa: N802
        return bytes(self.file.now[offset : offset + amount])

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self.disk.spend()
        self.file.write(offset, bytes(data))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self.disk.spend()
        self.file.truncate(size)

    def xSync(self, _: int) -> None:  # noqa: N802
        self.disk.spend()
        self.file.sync()

    def xFileSize(self) -> int:  # noqa: N802
        return len(self.file.now)

    def xLock(self, level: int) -> None:  # noqa: N802
        self.lock = level

    def xUnlock(self, level: int) -> None:  # noqa: N802
        self.lock = level

    def xCheckReservedLock(self) -> bool:  # noqa: N802
        return False

    def xFileControl(self, *_: int) -> bool:  # noqa: N802
        return False

    def xSectorSize(self) -> int:  # noqa: N802
        return SECTOR

    def xDeviceCharacteristics(self) -> int:  # noqa: N802
        return 0

    def xClose(self) -> None:  # noqa: N802
        pass


class Cursor:
    """The little of `sqlite3.Cursor` that the store uses."""

    def __init__(self, rows: list[dict[str, Any]], lastrowid: int) -> None:
        self.rows, self.lastrowid = rows, lastrowid

    def fetchone(self) -> Any:
        return self.rows[0] if self.rows else None

    def __iter__(self) -> Any:
        return iter(self.rows)


class Row(dict[str, Any]):
    def __getitem__(self, key: Any) -> Any:
        return list(self.values())[key] if isinstance(key, int) else super().__getitem__(key)


class Connection:
    """The little of `sqlite3.Connection` that the store uses, over a forgetful disk."""

    def __init__(self, disk: Disk) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
        self.raw = apsw.Connection("/agent.db", flags=flags, vfs="forgetful")
        self.disk = disk
        self.execute("pragma journal_mode = DELETE")
        self.execute("pragma synchronous = EXTRA")

    @property
    def in_transaction(self) -> bool:
        return self.raw.in_transaction

    def execute(self, statement: str, values: Any = ()) -> Cursor:
        cursor = self.raw.cursor()
        given = dict(values) if isinstance(values, Mapping) else values
        rows = [
            Row(zip((column[0] for column in cursor.getdescription()), row, strict=True))
            for row in cursor.execute(statement, given)
        ]
        return Cursor(rows, self.raw.last_insert_rowid())

    def executemany(self, statement: str, values: Iterable[Any]) -> None:
        self.raw.cursor().executemany(statement, list(values))

    def close(self) -> None:
        self.raw.close()
