"""The guided step test: what is right passes, each wrong sign, scale and identity is found, all end safe."""

import fcntl
import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edge_runtime.commissioning.findings import Check, DeviceRecord, Protocol
from edge_runtime.commissioning.run import Desk, Settings, Site, commission
from edge_runtime.devices import Devices
from edge_runtime.document import make_document
from edge_runtime.field import FieldDevice, UnreachableError
from edge_runtime.house import House
from edge_runtime.limits import LocalLimits
from edge_runtime.settings import DeviceSettings
from edge_runtime.site import read_site
from tests.edge_runtime.plant import (
    BEGUN_AT,
    EXAMPLE_SITE,
    REPOSITORY,
    HandClock,
    Json,
    body,
    device,
    put_document,
    site,
)
from tests.edge_runtime.wrapped import Wrapped

QUICK = Settings(settle_s=1, samples=2, sample_s=1, by="A. Tester", field="simulated")


@dataclass
class Crooked(Wrapped):
    """A device as somebody may have wired or described it: readings and set-points times a factor."""

    reads: float = 1.0
    writes: float = 1.0
    mute_after: int = 1_000_000
    written: list[float] = field(default_factory=list)

    def read(self, points: Sequence[str]) -> Mapping[str, float | None]:
        shown = dict(self.real.read(points))
        power = shown.get("ActivePower")
        return shown if power is None else {**shown, "ActivePower": self.reads * power}

    def write(self, writes: Sequence[tuple[str, float]]) -> None:
        if len(self.written) >= self.mute_after:
            raise UnreachableError("it has gone mute")
        for point, value in writes:
            if point == "SetActivePower":
                self.written.append(value)
                self.real.write([(point, self.writes * value)])


@dataclass
class Wiring:
    """The house with some of its devices crooked."""

    house: House
    crooked: Mapping[str, Json]
    made: dict[str, Crooked] = field(default_factory=dict)

    def device(self, settings: DeviceSettings) -> FieldDevice:
        found = Crooked(self.house.device(settings), **self.crooked.get(settings.device_id, {}))
        return self.made.setdefault(settings.device_id, found)


@dataclass
class Person:
    """Somebody on site: what they answer, and everything that they were asked."""

    answer: bool | None = True
    allows: bool = True
    asked: list[str] = field(default_factory=list)

    def ask(self, question: str) -> bool | None:
        self.asked.append(question)
        return self.answer

    def may(self, question: str) -> bool:
        self.asked.append(question)
        return self.allows


def walked(
    tmp_path: Path,
    *,
    crooked: Mapping[str, Json] | None = None,
    made_site: Json | None = None,
    changes: Json | None = None,
    limits: LocalLimits | None = None,
    settings: Settings = QUICK,
    person: Person | None = None,
    load: Callable[[float], float] | None = None,
    kept: list[Wiring] | None = None,
) -> tuple[Protocol, Wiring]:
    path = tmp_path / "site.json"
    path.write_text(json.dumps(made_site or site()))
    clock, somebody = HandClock(), person or Person()
    house = House(read_site(path), clock=clock)
    wiring = Wiring(house, crooked or {})
    (kept if kept is not None else []).append(wiring)
    made = make_document(body(7, **(changes or expecting())))
    allowed = limits or LocalLimits()

    def wait(seconds: float) -> None:
        clock.now_s += seconds
        if load is not None:
            moment = replace(house._site.house.recording.hours[0], load_watts=load(clock.now_s))
            object.__setattr__(house._site.house.recording, "hours", (moment,))

    desk = Desk(somebody.ask, somebody.may, wait, clock, lambda: BEGUN_AT)
    place = Site(made, wiring, Devices(wiring, allowed), allowed)
    return commission(place, settings, desk), wiring


def expecting(**changes: Json) -> Json:
    """The demo's devices with the serial numbers that the site has."""
    devices = body()["modbus_devices"]
    for entry in devices:
        entry["expect_serial"] = EXAMPLE_SITE["devices"][entry["device_id"]]["serial"]
        entry.update(changes.get(entry["device_id"], {}))
    return {"modbus_devices": devices}


def of(protocol: Protocol, device_id: str = "bms_main") -> DeviceRecord:
    return next(record for record in protocol.devices if record.device_id == device_id)


def verdicts(record: DeviceRecord) -> dict[str, str]:
    return {check.name: check.verdict for check in record.checks}


def check(record: DeviceRecord, name: str) -> Check:
    return next(one for one in record.checks if one.name == name)


def test_a_site_that_is_right_passes_in_every_point(tmp_path: Path) -> None:
    protocol, wiring = walked(tmp_path)
    assert protocol.verdict == "passed", "\n".join(protocol.lines())
    assert verdicts(of(protocol)) == dict.fromkeys(
        (
            "answers",
            "identity",
            "points",
            "seen on site",
            "battery reading",
            "grid meter",
            "signs together",
            "left safe",
        ),
        "passed",
    )
    assert [step.asked_watts for step in of(protocol).steps] == [0, 500, 0, -500, 0]
    assert protocol.safe_states == {"bms_main": True}
    assert wiring.house.readings("bms_main")["ActivePower"] == 0


@pytest.mark.parametrize(
    ("crooked", "name", "words"),
    [
        ({"bms_main": {"reads": -1}}, "signs together", "shows it the wrong way round"),
        ({"bms_main": {"writes": -1}}, "signs together", "the set-point's sign is wrong"),
        ({"meter_grid": {"reads": -1}}, "signs together", "the meter counts the wrong way round"),
        ({"meter_grid": {"reads": -1}}, "grid meter", "the wrong way round"),
        ({"bms_main": {"reads": 0.1}}, "battery reading", "by a factor of 0.1"),
        ({"bms_main": {"writes": 0.001}}, "battery reading", "it does not follow (by a factor of 0.001"),
        ({"bms_main": {"writes": 10}}, "battery reading", "by a factor of 10"),
        ({"meter_grid": {"reads": 0.01}}, "grid meter", "by a factor of 0.01"),
        (
            {"meter_grid": {"reads": 1.5}},
            "grid meter",
            "moves by 150 % of what was asked: the scale is wrong",
        ),
        ({"meter_grid": {"reads": 0}}, "grid meter", "it does not follow"),
    ],
)
def test_a_wrong_sign_or_scale_is_named(tmp_path: Path, crooked: Json, name: str, words: str) -> None:
    protocol, wiring = walked(tmp_path, crooked=crooked)
    assert protocol.verdict == "failed"
    assert words in check(of(protocol), name).detail
    assert check(of(protocol), name).verdict == "failed"
    assert wiring.house.readings("bms_main")["ActivePower"] == 0


def test_a_battery_that_moves_far_more_than_it_was_asked_is_stopped_at_once(tmp_path: Path) -> None:
    protocol, wiring = walked(tmp_path, crooked={"bms_main": {"writes": 10}})
    assert [step.asked_watts for step in of(protocol).steps] == [0, 500]
    assert set(wiring.made["bms_main"].written) == {0, 500}


def test_another_device_than_expected_is_never_written(tmp_path: Path) -> None:
    protocol, wiring = walked(tmp_path, changes=expecting(bms_main={"expect_serial": "OTHER"}))
    assert verdicts(of(protocol)) == {"answers": "passed", "identity": "failed"}
    assert wiring.made["bms_main"].written == []
    assert protocol.safe_states == {}


def test_a_serial_number_that_nobody_expects_is_offered(tmp_path: Path) -> None:
    protocol, _ = walked(tmp_path, changes={"modbus_devices": body()["modbus_devices"]})
    assert protocol.verdict == "open"
    assert '"expect_serial": "BMS-0001"' in check(of(protocol), "identity").detail


def test_a_device_that_does_not_answer_fails_and_the_others_are_tested(tmp_path: Path) -> None:
    protocol, _ = walked(tmp_path, made_site=site(inverter_pv={"absent": True}))
    assert verdicts(of(protocol, "inverter_pv")) == {"answers": "failed"}
    assert check(of(protocol), "signs together").verdict == "passed"


def test_a_host_that_local_limits_forbid_is_not_touched(tmp_path: Path) -> None:
    limits = LocalLimits(allowed_hosts=("10.20.0.10", "10.20.0.12"))
    protocol, wiring = walked(tmp_path, limits=limits)
    assert "do not allow the host" in check(of(protocol), "allowed").detail
    assert "bms_main" not in wiring.made


@pytest.mark.parametrize(
    ("soc", "asked"), [(5, [0, -500, 0]), (60, [0, 500, 0, -500, 0]), (99.5, [0, 500, 0])]
)
def test_the_charge_decides_which_ways_are_stepped(tmp_path: Path, soc: float, asked: list[float]) -> None:
    protocol, _ = walked(tmp_path, made_site=site(bms_main={"initial_soc": soc}))
    assert [step.asked_watts for step in of(protocol).steps] == asked
    assert check(of(protocol), "signs together").verdict == "passed"


@pytest.mark.parametrize(
    ("limits", "watts"),
    [
        (LocalLimits(), 500),
        (LocalLimits(max_discharge_watts=1000), 100),
        (LocalLimits(max_charge_watts=600), 60),
    ],
)
def test_steps_are_small_and_within_every_limit(tmp_path: Path, limits: LocalLimits, watts: int) -> None:
    protocol, wiring = walked(tmp_path, limits=limits)
    assert max(step.asked_watts for step in of(protocol).steps) == watts
    assert max(map(abs, wiring.made["bms_main"].written)) == watts


def test_a_power_that_was_asked_for_is_still_limited(tmp_path: Path) -> None:
    protocol, _ = walked(
        tmp_path, settings=replace(QUICK, watts=90_000), limits=LocalLimits(max_charge_watts=1500)
    )
    assert max(step.asked_watts for step in of(protocol).steps) == 1500


def test_limits_that_leave_no_room_leave_the_test_open(tmp_path: Path) -> None:
    protocol, wiring = walked(tmp_path, limits=LocalLimits(max_discharge_watts=0))
    assert check(of(protocol), "step test").verdict == "open"
    assert wiring.made["bms_main"].written == []


def test_a_connection_near_its_limit_is_not_loaded_further(tmp_path: Path) -> None:
    changes = expecting(meter_grid={"limits": {"max_import_w": 3200}})  # 3,000 W flow already
    protocol, _ = walked(tmp_path, changes=changes)
    assert [step.asked_watts for step in of(protocol).steps] == [0, 500, 0]


def test_a_restless_house_leaves_the_meter_open_after_three_tries(tmp_path: Path) -> None:
    protocol, wiring = walked(tmp_path, load=lambda at_s: 3000 + 40 * at_s)
    assert check(of(protocol), "grid meter").verdict == "open"
    assert "repeat when it is quiet" in check(of(protocol), "grid meter").detail
    assert check(of(protocol), "battery reading").verdict == "passed"
    assert wiring.made["bms_main"].written.count(500) == 3 * (1 + QUICK.samples)


def test_a_house_that_drifts_a_little_disturbs_nothing(tmp_path: Path) -> None:
    protocol, _ = walked(tmp_path, load=lambda at_s: 3000 + 4 * at_s)
    assert check(of(protocol), "grid meter").verdict == "passed"


def test_a_battery_that_goes_mute_in_the_middle_is_reported_and_not_called_safe(tmp_path: Path) -> None:
    protocol, _ = walked(tmp_path, crooked={"bms_main": {"mute_after": 4}})
    assert protocol.verdict == "failed"
    assert protocol.safe_states == {"bms_main": False}
    assert any("COULD NOT be left in its safe state" in line for line in protocol.lines())


@pytest.mark.parametrize(
    ("person", "verdict", "steps"),
    [
        (Person(answer=True), "passed", 5),
        (Person(answer=False), "failed", 5),
        (Person(answer=None), "open", 5),
        (Person(allows=False), "open", 0),
    ],
)
def test_the_person_on_site_has_a_say(tmp_path: Path, person: Person, verdict: str, steps: int) -> None:
    protocol, wiring = walked(tmp_path, person=person)
    assert protocol.verdict == verdict
    assert len(of(protocol).steps) == steps
    assert "Does the site draw from the grid now" in person.asked[0]
    assert "bms_main will be discharged and charged with 500 W" in person.asked[2]
    assert bool(wiring.made["bms_main"].written) is bool(steps)


def test_only_the_devices_that_were_named_are_walked(tmp_path: Path) -> None:
    protocol, wiring = walked(tmp_path, settings=replace(QUICK, only=("meter_grid",)))
    assert [record.device_id for record in protocol.devices] == ["meter_grid"]
    assert wiring.made["bms_main"].written == []


def test_whatever_happens_the_battery_is_left_safe(tmp_path: Path) -> None:
    class GoneError(Exception):
        """The person pulled the laptop's plug."""

    def load(at_s: float) -> float:
        if at_s > 12:
            raise GoneError
        return 3000

    kept: list[Wiring] = []
    with pytest.raises(GoneError):
        walked(tmp_path, load=load, kept=kept)
    assert kept[0].made["bms_main"].written[-2:] == [-500, 0]


def test_the_protocol_says_everything_twice_alike(tmp_path: Path) -> None:
    protocol, _ = walked(tmp_path, changes=expecting(bms_main={"expect_serial": "OTHER"}))
    whole, text = protocol.to_dict(), "\n".join(protocol.lines())
    assert whole["verdict"] == "failed"
    assert whole["version"] == 7
    for record in whole["devices"]:
        for found in record["checks"]:
            assert found["detail"] in text
    assert "A. Tester" in text
    assert "field: simulated" in text


def command(tmp_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    place = tmp_path / "site.json"
    place.write_text(json.dumps(site()))
    quick = ("--settle-s", "0", "--sample-s", "0", "--out", str(tmp_path / "out"))
    return subprocess.run(
        [sys.executable, "-m", "edge_runtime", "commission", *arguments, *quick],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
        input="y\n" * 10,
    )


def test_the_command_asks_and_writes_both_forms(tmp_path: Path) -> None:
    put_document(tmp_path, body(3, **expecting()))
    recorded = ("--field", "recorded", "--site", str(tmp_path / "site.json"))
    done = command(tmp_path, "--dir", str(tmp_path), *recorded)
    assert done.returncode == 0, done.stdout + done.stderr
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert [name.rsplit(".", 1)[1] for name in written] == ["json", "txt"]
    assert all(name.startswith("commissioning-acme-north-1-") for name in written)
    assert json.loads((tmp_path / "out" / written[0]).read_text())["verdict"] == "passed"
    assert "will be discharged and charged with 500 W" in done.stderr


def test_without_questions_what_only_people_can_see_stays_open(tmp_path: Path) -> None:
    put_document(tmp_path, body(3, **expecting()))
    recorded = ("--field", "recorded", "--site", str(tmp_path / "site.json"), "--yes", "--json")
    done = command(tmp_path, "--dir", str(tmp_path), *recorded)
    assert done.returncode == 1
    assert json.loads(done.stdout)["verdict"] == "open"


def test_devices_that_a_runtime_drives_are_not_commissioned(tmp_path: Path) -> None:
    put_document(tmp_path, body(3, **device("bms_main")))
    with (tmp_path / "runtime.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = command(
            tmp_path, "--dir", str(tmp_path), "--field", "recorded", "--site", str(tmp_path / "site.json")
        )
    assert done.returncode == 2
    assert "stop the agent first" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((), "name the runtime's folder"),
        (("--document", "Makefile"), "Makefile: Expecting value"),
        (("--document", "tests/edge_runtime/demo_document.json", "--field", "recorded"), "--site is missing"),
    ],
)
def test_a_walk_that_cannot_begin_says_why(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    done = command(tmp_path, *arguments)
    assert done.returncode == 2
    assert reason in done.stderr
