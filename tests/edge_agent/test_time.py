"""Clocks that are wrong: 1970, ten years ahead, stepping back. Dates stop what is new, never the plant."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from edge_agent.clocks import Clock
from edge_agent.core import Core
from edge_agent.intake import Intake
from edge_agent.rows import Hold
from edge_agent.settings import load_settings
from edge_agent.starting import open_core
from edge_agent.states import Deadline
from edge_protocol.errors import TrustStaleError
from tests.edge_agent.edge import Edge, document


class FakeClock(Clock):
    def __init__(self) -> None:
        self.at, self.steady, self.boot = datetime.now(UTC), 100.0, "boot-1"

    def wall(self) -> datetime:
        return self.at

    def seconds(self) -> float:
        return self.steady

    def os_boot(self) -> str:
        return self.boot


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def core(edge: Edge, clock: FakeClock) -> Core:
    return open_core(edge.data, clock, lambda: str(uuid.uuid4()))


@pytest.fixture
def intake(edge: Edge, core: Core) -> Intake:
    return Intake(core, load_settings(edge.data), core.advance)


def header(edge: Edge) -> str:
    return edge.cloud.manifest_of(edge.cloud.versions[-1]).to_header()


def test_a_clock_in_1970_believes_what_is_signed(edge: Edge, clock: FakeClock, intake: Intake) -> None:
    clock.at = datetime(1970, 1, 1, tzinfo=UTC)
    edge.cloud.publish(document())
    manifest, news = intake.vouch(header(edge))
    assert (manifest.version, news) == (1, True)


def test_a_clock_ten_years_ahead_takes_nothing_new(
    edge: Edge, clock: FakeClock, core: Core, intake: Intake
) -> None:
    edge.cloud.publish(document())
    clock.at += timedelta(days=3650)
    with pytest.raises(TrustStaleError):
        intake.vouch(header(edge))
    assert core.troubles.trust.startswith("trust_stale")
    assert core.floor.version == 0


def test_a_clock_that_steps_back_makes_nothing_valid_again(
    edge: Edge, clock: FakeClock, core: Core, intake: Intake
) -> None:
    edge.cloud.publish(document())
    stale = header(edge)
    edge.cloud.issued_at = datetime.now(UTC) + timedelta(days=20)
    clock.at = edge.cloud.issued_at
    manifest, _ = intake.vouch(header(edge))
    core.move_floor(manifest)
    clock.at = datetime(2020, 1, 1, tzinfo=UTC)
    assert core.now() >= edge.cloud.issued_at - timedelta(seconds=1)
    with pytest.raises(TrustStaleError):
        intake.vouch(stale)


def test_a_hold_lasts_by_the_monotonic_clock(clock: FakeClock, core: Core) -> None:
    core.set_hold(Hold("local", "why", "later", Deadline("boot-1", 160.0, 60.0)))
    clock.at += timedelta(days=400)
    assert not core.expire_hold()
    clock.steady += 61
    assert core.expire_hold()
    assert core.hold is None


def test_the_rest_of_a_hold_goes_on_in_another_boot(clock: FakeClock, core: Core) -> None:
    core.set_hold(Hold("local", "why", "later", Deadline("boot-1", 7300.0, 7200.0)))
    clock.steady += 3600
    core.expire_hold()
    clock.boot, clock.steady = "boot-2", 5.0
    assert not core.expire_hold()
    assert core.hold is not None
    assert core.hold.left == Deadline("boot-2", 3605.0, 3600.0)
