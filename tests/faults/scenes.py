"""For every fault point a scene that passes over it: what is there before, what happens, how it ends."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tests.edge_agent.cloud_simulator import CloudSimulator
from tests.edge_agent.edge import Edge, document

Act = Callable[[Edge, CloudSimulator], object]


@dataclass(frozen=True)
class Scene:
    """`before` runs while the agent is down, `act` once the doomed agent runs, `ends` after its restart."""

    ends: Act
    before: Act = lambda edge, cloud: None
    act: Act = lambda edge, cloud: None
    published: bool = True


def _confirmed(number: int) -> Act:
    return lambda edge, cloud: cloud.wait(lambda one: one.known().get("last_known_good") == number)


def _publish(threshold: int, **tiny: object) -> Act:
    return lambda edge, cloud: cloud.publish(document(threshold, **tiny))


def _rolled_back(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait_status(2, "rolled_back")
    cloud.wait(lambda one: one.known()["running"]["version"] == 1)


def _confirmed_or_undone(edge: Edge, cloud: CloudSimulator) -> None:
    """Two attempts are all that an application gets."""

    def holds(one: CloudSimulator) -> bool:
        undone = (one.known().get("last_attempt") or {}).get("status") == "rolled_back"
        return undone or one.known().get("last_known_good") == 2

    cloud.wait(holds)


def _publish_invalid(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.publish({**document(), "core_cycle": {"period_ms": 1}})


def _publish_for_a_person(edge: Edge, cloud: CloudSimulator) -> None:
    sections = document(20000)
    cloud.publish({**sections, "sync": {**sections["sync"], "apply": {"scheduler": "manual"}}})


def _staged(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait(lambda one: (one.known().get("staged") or {}).get("version") == 2)


def _publish_behind_a_probation(edge: Edge, cloud: CloudSimulator) -> None:
    sections = document(30000)
    cloud.publish({**sections, "sync": {**sections["sync"], "probation_s": 3}})
    cloud.wait_status(2, "applied")
    _publish_for_a_person(edge, cloud)


def _both_there(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait(lambda one: (one.known().get("staged") or {}).get("version") == 3)


def _publish_the_crash_twice(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.publish(document(30000, crash="later"))
    cloud.wait_status(2, "rolled_back")
    cloud.publish(document(30000, crash="later"))


def _refused_again(edge: Edge, cloud: CloudSimulator) -> None:
    beat = cloud.wait_status(3, "rejected")
    assert beat["last_attempt"]["code"] == "quarantined"


def _reissue(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.issued_at = datetime.now(UTC) + timedelta(seconds=5)


def _freshened(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait(lambda one: one.heartbeats)
    edge.ask_soon("sync")
    cloud.wait(lambda one: [status for _, path, status in one.calls if "delta" in path][-2:] == [304, 304])


def _new_root(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.add_root()


def _root_stepped(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait(lambda one: one.heartbeats and edge.ask_soon("storage")["database"]["roots"] == 2)


def _hold(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait(lambda one: one.heartbeats)
    edge.ask_soon("hold", seconds=3600, reason="technician on site")


def _held(edge: Edge, cloud: CloudSimulator) -> None:
    """Whether it was written or not, the edge answers and can be held."""
    cloud.wait(lambda one: one.heartbeats)
    edge.ask_soon("hold", seconds=3600, reason="technician on site")
    cloud.wait(lambda one: one.known().get("hold"))


def _request(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.requests = [{"id": "req-1", "kind": "sync"}]


def _request_done(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait(lambda one: [e for e in one.events.values() if e["type"] == "request_done"])
    cloud.wait(lambda one: not one.requests)


def _rotate(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.answer_extra = {"rotate_key": True}


def _rotated(edge: Edge, cloud: CloudSimulator) -> None:
    """It may have happened before the agent died: what counts is that the newest key is in use."""
    cloud.wait(lambda one: one.heartbeats)
    cloud.answer_extra = {}
    cloud.wait(lambda one: not one.candidates and one.heartbeats)
    edge.ask("ping")
    cloud.wait(lambda one: [status for _, path, status in one.calls if status in {200, 304}])


def _kill_the_runtime(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait(lambda one: one.heartbeats)
    edge.kill_runtime()


def _runs_again(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait(lambda one: one.known().get("health", {}).get("core_cycle", {}).get("ok"))


def _lose_the_database(edge: Edge, cloud: CloudSimulator) -> None:
    (edge.data / "agent.db").unlink()


def _safe_mode(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.wait_status(1, "critical")


def _die_while_applying(edge: Edge, cloud: CloudSimulator) -> None:
    edge.start(fault="after:applying")
    cloud.publish(document(30000))
    edge.wait_end()


def _lose_the_runtime(edge: Edge, cloud: CloudSimulator) -> None:
    """The document is gone too: it has to be written again at boot."""
    edge.kill_runtime()
    shutil.rmtree(edge.runtime)


def _publish_what_does_not_match(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.publish(document())
    cloud.lies.wrong_content = True


def _honest_again(edge: Edge, cloud: CloudSimulator) -> None:
    cloud.lies.wrong_content = False
    cloud.wait(lambda one: one.heartbeats)
    edge.ask_soon("sync")
    _confirmed(1)(edge, cloud)


CHANGE = Scene(_confirmed(2), act=_publish(30000))
CRASH = Scene(_rolled_back, act=_publish(30000, crash="later"))

SCENES: dict[str, Scene] = {
    "seen": Scene(_honest_again, before=_publish_what_does_not_match, published=False),
    "fetched": CHANGE,
    "verified": Scene(_both_there, act=_publish_behind_a_probation),
    "rejected": Scene(lambda edge, cloud: cloud.wait_status(2, "rejected"), act=_publish_invalid),
    "offered": Scene(_refused_again, act=_publish_the_crash_twice),
    "staged": Scene(_staged, act=_publish_for_a_person),
    "applying": CHANGE,
    "probation": CHANGE,
    "committed": CHANGE,
    "unchanged": Scene(_confirmed(2), act=_publish(50000)),
    "rolling_back": CRASH,
    "rolled_back": CRASH,
    "safe_mode": Scene(_safe_mode, before=_publish(50000, crash="at_start"), published=False),
    "booted": Scene(_confirmed_or_undone, before=_die_while_applying),
    "state": Scene(_runs_again, act=_kill_the_runtime),
    "freshened": Scene(_freshened, before=_reissue),
    "trust_root": Scene(_root_stepped, before=_new_root),
    "hold": Scene(_held, act=_hold),
    "outbox": Scene(_rotated, before=_rotate),
    "outbox_drop": CHANGE,
    "request_done": Scene(_request_done, before=_request),
    "pruned": CHANGE,
    "second_floor": CHANGE,
    "second_version": CHANGE,
    "document": CHANGE,
    "runtime_start": Scene(_runs_again, before=_lose_the_runtime),
    "key_candidate": Scene(_rotated, before=_rotate),
    "key_promoted": Scene(_rotated, before=_rotate),
    "rebuilt": Scene(_confirmed(1), before=_lose_the_database),
}
ENROLLING = {"enroll_nonce", "enroll_key", "enroll_settings"}
