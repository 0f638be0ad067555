"""From a data folder to an agent that is ready to run: never refuses to start, never guesses (rule 10)."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from edge_agent.clocks import Clock, stamp
from edge_agent.core import Core
from edge_agent.durable import sync_folder
from edge_agent.faultpoints import reach
from edge_agent.second import SecondCopy
from edge_agent.states import Phase, State
from edge_agent.store import Store, StoreCorruptError, StoreMissingError, StoreUnfinishedError

log = logging.getLogger(__name__)

MACHINE_ID = Path("/etc/machine-id")


def open_core(data: Path, clock: Clock, new_id: Callable[[], str]) -> Core:
    """The stored state, or one rebuilt from the second copy. Errors: StoreWriteError, OSError."""
    database, second = data / "agent.db", SecondCopy(data / "second")
    try:
        core = Core(Store.open(database), second, clock, new_id)
        return _with_floor_of(core, second)
    except (StoreMissingError, StoreCorruptError, StoreUnfinishedError) as error:
        log.error("%s: rebuilding from the second copy", error.detail)
        _set_aside(database, stamp(clock.wall()))
        core = rebuild(database, second, clock, new_id)
        core.emit("alarm", "state_rebuilt", error.detail)
        return core


def _with_floor_of(core: Core, second: SecondCopy) -> Core:
    """The floor may only rise, wherever it was written last: the higher of the two copies counts."""
    copy = second.read_floor()
    if copy is None:
        return core
    for number, envelope in sorted(copy.roots.items()):
        core.roots.setdefault(number, envelope)
    seen = (copy.floor.epoch, copy.floor.version)
    if seen > (core.floor.epoch, core.floor.version):
        core.floor = replace(copy.floor, undecided=True)
    return core


def _set_aside(database: Path, at: str) -> None:
    """The damaged file is kept for whoever wants to look; its journal goes with it."""
    for path in (database, database.with_name(f"{database.name}-journal")):
        if path.exists():
            path.replace(path.with_name(f"{path.name}.damaged-{at.replace(':', '')}"))
    sync_folder(database.parent)


def rebuild(database: Path, second: SecondCopy, clock: Clock, new_id: Callable[[], str]) -> Core:
    """A new database with the last good version, floor, roots and quarantine of the second copy."""
    reach("before:rebuilt")
    store = Store.create(database)
    floor, version = second.read_floor(), second.read_version()
    with store.transaction():
        state = State()
        if version is not None:
            stored, bodies = version
            store.put_version(stored, {stored.version.sections[n]: data for n, data in bodies.items()})
            good = stored.version
            state = replace(state, phase=Phase.COMMITTED, committed=good, running=good)
        if floor is not None:
            for number, envelope in floor.roots.items():
                store.add_root(number, envelope)
            store.save_floor(replace(floor.floor, undecided=True))
            store.set_hold(floor.hold)
            store.start_seq_after(floor.seq_promised)
            state = replace(state, quarantine=floor.quarantine, lifted=floor.lifted)
        store.save_state(state)
    reach("after:rebuilt")
    return Core(store, second, clock, new_id)


def hardware_id() -> str | None:
    """Names this machine without telling its machine id."""
    try:
        return hashlib.sha256(b"ems-agent " + MACHINE_ID.read_bytes().strip()).hexdigest()[:32]
    except OSError:
        return None
