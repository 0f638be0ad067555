"""Power cuts at every single write, sync and removal: nothing acknowledged is lost, nothing is half there."""

from __future__ import annotations

import random
from contextlib import suppress
from dataclasses import replace
from typing import Any

import apsw
import pytest

from edge_agent.rows import Floor, StoredVersion
from edge_agent.states import Phase, Version
from edge_agent.store import Store
from tests.faults.power import Connection, Disk, PowerCutError

STEPS = 6


def stored(number: int) -> StoredVersion:
    version = Version(1, number, "publish", None, f"d{number}", {"alarms": f"a{number}", "sync": "s"})
    return StoredVersion(version, "ems-config/1", "t", "envelope" * 100, 1, "t")


def step(store: Store, number: int) -> None:
    """One life step as the agent makes it: blobs, version, pointers, floor and event in one transaction."""
    with store.transaction():
        one = stored(number)
        store.put_version(one, {f"a{number}": b"x" * 3000 * number, "s": b"{}"})
        store.save_state(replace(store.load_state(), phase=Phase.COMMITTED, committed=one.version))
        store.save_floor(Floor(1, number, f"d{number}"))
        store.append_event({"id": f"event-{number}", "type": "transition"})


def facts(store: Store) -> tuple[int, int, int]:
    """What each part of the database says the last step was: they must agree."""
    committed = store.load_state().committed
    return (
        committed.number if committed else 0,
        store.load_floor().version,
        store.last_seq(),
    )


@pytest.fixture(scope="module")
def new_disk() -> dict[str, bytes]:
    disk = Disk({}, None)
    store = Store(Connection(disk))  # type: ignore[arg-type]
    store.lay_out()
    store.close()
    disk.unregister()
    return {name: bytes(file.now) for name, file in disk.files.items()}


def run_until_cut(
    files: dict[str, bytes], cut_after: int, luck: random.Random
) -> tuple[int, dict[str, bytes], int]:
    """Returns how many steps were acknowledged, what the disk holds afterwards, and the operations made."""
    disk, done = Disk(files, cut_after), 0
    connection: Any = None
    with suppress(PowerCutError, apsw.Error):
        connection = Connection(disk)
        store = Store(connection)
        for number in range(1, STEPS + 1):
            step(store, number)
            done = number
    found = disk.after_cut(luck)
    disk.left = None
    if connection is not None:
        connection.close()
    disk.unregister()
    return done, found, disk.operations


def read_after(files: dict[str, bytes]) -> tuple[int, int, int]:
    disk = Disk(files, None)
    store = Store(Connection(disk))  # type: ignore[arg-type]
    store.check()
    found = facts(store)
    store.close()
    disk.unregister()
    return found


def test_without_a_cut_every_step_is_there(new_disk: dict[str, bytes]) -> None:
    done, files, _ = run_until_cut(new_disk, 10**9, random.Random(1))
    assert done == STEPS
    assert read_after(files) == (STEPS, STEPS, STEPS)


def test_a_power_cut_at_any_operation_loses_nothing_acknowledged(new_disk: dict[str, bytes]) -> None:
    _, _, operations = run_until_cut(new_disk, 10**9, random.Random(1))
    for cut in range(operations):
        for seed in range(4):
            done, files, _ = run_until_cut(new_disk, cut, random.Random(f"{cut}/{seed}"))
            state, floor, events = read_after(files)
            assert state == floor == events
            assert state in {done, done + 1}
