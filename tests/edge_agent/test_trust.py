"""Trust roots step by step, epochs, keys that change, versions on a stick."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge_protocol.keys import new_credential
from tests.edge_agent.cloud_simulator import key_from
from tests.edge_agent.edge import Edge, document


def test_a_new_signing_key_is_learnt_from_the_next_root(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: one.sockets)
    cloud.add_root(config_key=key_from(7))
    cloud.publish(document(30000))
    cloud.wait_status(2, "confirmed")
    assert confirmed.ask("storage")["database"]["roots"] == 2


def test_several_roots_are_taken_one_by_one(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    for number in (11, 12, 13):
        cloud.add_root(root_key=key_from(number))
    confirmed.start()
    confirmed.wait_asked(lambda one: one["database"]["roots"] == 4, "storage")


def test_a_root_signed_by_a_stranger_is_refused(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: one.sockets)
    honest, cloud.root_key = cloud.root_key, key_from(66)
    cloud.add_root()
    cloud.root_key = honest
    cloud.notify({"type": "trust.updated", "root_version": 2})
    cloud.wait(lambda one: [e for e in one.events.values() if e["code"] == "bad_trust_root"])
    assert confirmed.ask("storage")["database"]["roots"] == 1


def test_only_a_new_root_raises_the_epoch(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.wait(lambda one: one.sockets)
    cloud.epoch = 2
    cloud.publish(document(30000))
    cloud.wait(lambda one: [e for e in one.events.values() if e["code"] == "wrong_epoch"])
    cloud.add_root(epoch=2)
    confirmed.ask("ping")
    cloud.wait_status(2, "confirmed")
    assert confirmed.ask("status")["epoch"] == 2


def test_a_key_is_replaced_by_its_first_use(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    before = (confirmed.data / "key").read_text()
    confirmed.start()
    cloud.wait(lambda one: one.sockets)
    cloud.notify({"type": "key.rotate"})
    cloud.wait(lambda one: [e for e in one.events.values() if e["code"] == "key_rotated"])
    confirmed.wait_asked(lambda _: (confirmed.data / "key").read_text() != before)
    after = (confirmed.data / "key").read_text()
    assert cloud.keys == {after.strip()}
    assert (confirmed.data / "key").stat().st_mode & 0o777 == 0o600


def test_a_voided_candidate_gives_way_to_the_old_key(confirmed: Edge) -> None:
    (confirmed.data / "key.candidate").write_text(new_credential("emse", bytes).text)
    confirmed.start()
    confirmed.cloud.wait(lambda one: one.heartbeats)
    assert not (confirmed.data / "key.candidate").exists()


def test_a_revoked_key_is_named_and_the_plant_goes_on(confirmed: Edge) -> None:
    cloud = confirmed.cloud
    kept = set(cloud.keys)
    cloud.keys.clear()
    confirmed.start()
    status = confirmed.wait_asked(lambda one: one["live"]["sync_problem"] and one["live"]["gates"])
    assert "key" in status["live"]["sync_problem"]
    assert status["running"]["version"] == 1
    cloud.keys |= kept


def test_a_version_comes_on_a_stick(confirmed: Edge, tmp_path: Path) -> None:
    cloud = confirmed.cloud
    cloud.lies.offline = True
    confirmed.start()
    confirmed.wait_asked(lambda one: one["live"]["gates"])
    cloud.add_root(config_key=key_from(8))
    cloud.publish(document(30000))
    stick = tmp_path / "bundle.json"
    stick.write_text(json.dumps(cloud.bundle(2)))
    done = confirmed.command("apply", "--bundle", str(stick))
    assert done.returncode == 0, done.stderr
    confirmed.wait_asked(lambda one: one["running"]["version"] == 2)


def test_a_stick_obeys_the_same_rules(confirmed: Edge, tmp_path: Path) -> None:
    cloud = confirmed.cloud
    confirmed.start()
    cloud.publish(document(30000))
    cloud.wait_status(2, "confirmed")
    forged: dict[str, Any] = cloud.bundle(2)
    forged["document"]["scheduler"] = {"controllers": []}
    for content, words in ((cloud.bundle(1), "older than version 2"), (forged, "")):
        stick = tmp_path / "bundle.json"
        stick.write_text(json.dumps(content))
        done = confirmed.command("apply", "--bundle", str(stick))
        assert words in done.stderr
        assert confirmed.ask("status")["running"]["version"] == 2
