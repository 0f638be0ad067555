"""What happens to the disk: lost, cut, flipped, full; tampered contents; two agents in one folder."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from edge_agent.clocks import Clock
from edge_agent.core import Core
from edge_agent.keyring import Keyring
from edge_agent.rows import Floor, Hold
from edge_agent.second import SecondCopy
from edge_agent.starting import open_core
from edge_agent.states import Booted, Deadline, Fetched, Phase, Version
from edge_agent.store import Store, StoreCorruptError, StoreWriteError
from tests.edge_agent.edge import ROOT, Edge, document


def lose(database: Path) -> None:
    database.unlink()


def truncate(database: Path) -> None:
    database.write_bytes(database.read_bytes()[:5000])


def empty(database: Path) -> None:
    database.write_bytes(b"")


def flip(database: Path) -> None:
    data = bytearray(database.read_bytes())
    for place in range(100, len(data), 97):
        data[place] ^= 0xFF
    database.write_bytes(data)


@pytest.mark.parametrize("damage", [lose, truncate, empty, flip], ids=lambda act: act.__name__)
def test_a_damaged_database_is_rebuilt_and_the_plant_goes_on(confirmed: Edge, damage: Any) -> None:
    cloud = confirmed.cloud
    cloud.publish(document(crash="later"))
    confirmed.start()
    cloud.wait_status(2, "rolled_back")
    confirmed.stop()
    before = max(event["seq"] for event in cloud.events.values())
    damage(confirmed.data / "agent.db")
    cloud.heartbeats.clear()
    confirmed.start()
    rebuilt = cloud.wait(lambda one: [e for e in one.events.values() if e["code"] == "state_rebuilt"])
    assert rebuilt[0]["seq"] > before
    # The crash is offered again, and the quarantine has outlived the database.
    refused = cloud.wait_status(2, "rejected")
    assert refused["last_attempt"]["code"] == "quarantined"
    assert refused["running"]["version"] == 1
    assert confirmed.active()["version"] == 1


def test_a_rebuilt_edge_still_knows_what_it_has_seen(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.publish(document(30000))
    cloud.wait_status(2, "confirmed")
    confirmed.stop()
    lose(confirmed.data / "agent.db")
    cloud.lies.replay = cloud.versions[0]
    confirmed.start()
    cloud.wait(lambda one: [e for e in one.events.values() if e["code"] == "replay"])
    assert confirmed.ask("status")["running"]["version"] == 2


def tamper(database: Path, statement: str) -> None:
    connection = sqlite3.connect(database)
    connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "update blobs set body = replace(body, '50000', '99999')",
        "update versions set sections = replace(sections, 'a', 'b')",
        "update versions set envelope = 'e30'",
        "delete from blobs",
    ],
)
def test_tampered_contents_never_run(confirmed: Edge, statement: str) -> None:
    """The second copy, checked the same way, takes their place."""
    tamper(confirmed.data / "agent.db", statement)
    confirmed.cloud.lies.offline = True
    confirmed.start()
    status = confirmed.wait_asked(lambda one: one["live"]["gates"])
    assert status["running"]["version"] == 1
    assert confirmed.active()["scheduler"] == document()["scheduler"]


def test_without_any_sound_copy_the_edge_asks_the_cloud(confirmed: Edge) -> None:
    tamper(confirmed.data / "agent.db", "delete from blobs")
    (confirmed.data / "second" / "version.json").write_text("{}")
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: [e for e in one.events.values() if e["code"] == "content_lost"])
    cloud.wait_status(1, "confirmed")


def test_one_folder_has_one_agent(confirmed: Edge) -> None:
    confirmed.start()
    confirmed.cloud.wait(lambda one: one.heartbeats)
    second = subprocess.run(
        [sys.executable, "-m", "edge_agent", "--data", str(confirmed.data), "run"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert second.returncode == 75
    assert "another agent is running" in second.stderr


# --- the store itself


@pytest.fixture
def core(tmp_path: Path) -> Core:
    Store.create(tmp_path / "agent.db").close()
    return open_core(tmp_path, Clock(), lambda: str(uuid.uuid4()))


VERSION = Version(1, 3, "publish", None, "d", {"alarms": "a"})


def test_a_full_disk_stops_what_is_new_and_nothing_else(core: Core) -> None:
    core.store._db.execute("pragma max_page_count = 1")
    for number in range(200):
        core.emit("alarm", "noise", "x" * 1000, version=number)
    assert "Free space" in core.troubles.storage
    assert core.advance(Fetched(VERSION), also=lambda: core.store.set_fact("big", "x" * 100_000)) == ()
    assert core.state.next is None
    core.store._db.execute("pragma max_page_count = 100000")
    assert core.advance(Fetched(VERSION))
    assert core.troubles.storage == ""


def test_safety_does_not_wait_for_the_disk(core: Core) -> None:
    core.store._db.execute("pragma query_only = on")
    assert core.advance(Booted()) == ()
    core.state = core.state.__class__(phase=Phase.ROLLING_BACK, boots_in_phase=9)
    core.advance(Booted())
    assert core.state.phase is Phase.SAFE_MODE
    assert core.store.load_state().phase is Phase.EMPTY
    core.store._db.execute("pragma query_only = off")
    core.save_again()
    assert core.store.load_state().phase is Phase.SAFE_MODE


def test_a_transaction_is_all_or_nothing(core: Core) -> None:
    def half_done() -> None:
        core.store.save_floor(Floor(epoch=7, version=7))
        raise LookupError

    with pytest.raises(LookupError):
        core.write(half_done)
    assert core.store.load_floor() == Floor()


def test_a_state_that_points_nowhere_is_corruption(tmp_path: Path) -> None:
    Store.create(tmp_path / "agent.db").close()
    tamper(tmp_path / "agent.db", "update state set committed = '1.9'")
    with pytest.raises(StoreCorruptError):
        Store.open(tmp_path / "agent.db").load_state()


def test_a_read_only_question_never_writes(tmp_path: Path) -> None:
    Store.create(tmp_path / "agent.db").close()
    store = Store.open(tmp_path / "agent.db", read_only=True)
    with pytest.raises(StoreWriteError), store.transaction():
        store.save_floor(Floor())
    store.close()


def test_the_second_copy_keeps_what_must_outlive_the_database(tmp_path: Path, core: Core) -> None:
    hold = Hold("local", "why", "2026-11-21T00:00:00Z", Deadline("boot", 5.0, 5.0))
    core.set_hold(hold)
    found = SecondCopy(tmp_path / "second").read_floor()
    assert found is not None
    assert found.hold == hold
    assert found.seq_promised >= 1000


def test_a_second_copy_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    copy = SecondCopy(tmp_path / "second")
    for content in ("", "[]", "{", '{"floor": 3}'):
        (tmp_path / "second" / "floor.json").write_text(content)
        (tmp_path / "second" / "version.json").write_text(content)
        assert copy.read_floor() is None
        assert copy.read_version() is None


def test_a_candidate_is_used_until_it_is_confirmed_or_dropped(tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "key")
    (tmp_path / "key").write_text("old\n")
    ring.keep_candidate("new")
    assert (ring.text(), ring.has_candidate) == ("new", True)
    ring.drop_candidate()
    assert ring.text() == "old"
    ring.keep_candidate("newer")
    ring.confirm()
    assert (ring.text(), ring.has_candidate) == ("newer", False)
