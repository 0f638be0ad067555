"""The bus against devices that behave badly: silence, nonsense, exceptions, hanging up, being slow."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU

from edge_runtime.simulated.devices import SimulatedDevice
from edge_runtime.site import Defect
from tests.edge_runtime.modbus.scripted import HANG_UP, Asked, scripted
from tests.edge_runtime.modbus.wire import Json, Loop, entry, met, point, registers_map, simulated
from tests.edge_runtime.modbus.yard import BATTERY, METER, Yard, devices, yard
from tests.edge_runtime.plant import body, fixed

MAP = registers_map(
    [
        point("ActivePower", 0),
        point("Soc", 1, "uint16", unit="%", valid_min=0, valid_max=100),
        point("A", 100, group_default="slow"),
        point("B", 200, group_default="slow"),
        point("C", 300, group_default="slow"),
    ]
)
PROFILE = {"plain": MAP}


def _entry(port: int, **connection: object) -> Json:
    return entry("plain", port, connection={"timeout_ms": 100, "retries": 0, **connection})


def _well(asked: Asked) -> bytes:
    return asked.registers(*[asked.address + index + 40 for index in range(asked.count)])


def test_fast_points_are_read_each_time_and_slow_ones_in_turn(loop: Loop) -> None:
    with scripted(loop, _well) as (device, port), met(_entry(port), PROFILE) as ess:
        values = ess.poll(4)
        assert [asked.address for asked in device.asked] == [0, 100, 0, 200, 0, 300, 0, 100]
        assert values == {"ActivePower": 40, "Soc": 41, "A": 140, "B": 240, "C": 340}


def test_the_gap_between_two_requests_is_kept(loop: Loop) -> None:
    with scripted(loop, _well) as (device, port), met(_entry(port, min_request_gap_ms=20), PROFILE) as ess:
        ess.poll(3)
        times = [asked.at_s for asked in device.asked]
        assert len(times) == 6
        assert all(after - before >= 0.019 for before, after in pairwise(times))


def test_a_lost_request_is_asked_again(loop: Loop) -> None:
    def first_lost(asked: Asked) -> bytes | None:
        return None if asked.number == 0 else _well(asked)

    with scripted(loop, first_lost) as (device, port), met(_entry(port, retries=1), PROFILE) as ess:
        assert ess.poll()["ActivePower"] == 40
        assert ess.device.health()["errors"] == 0
        assert [asked.address for asked in device.asked] == [0, 0, 100]


def test_an_answer_to_an_earlier_request_is_not_taken_for_this_one(loop: Loop) -> None:
    def late(asked: Asked) -> bytes | None:
        stale = asked.reply(b"\x03\x04\x00\x01\x00\x02", transaction=asked.transaction + 500)
        return stale + _well(asked)

    with scripted(loop, late) as (_, port), met(_entry(port), PROFILE) as ess:
        assert ess.poll()["ActivePower"] == 40


NONSENSE = [
    ("too few registers", lambda asked: asked.registers(1)),
    (
        "another unit",
        lambda asked: asked.reply(b"\x03\x04\x00\x01\x00\x02")[:6] + b"\x09\x03\x04\x00\x01\x00\x02",
    ),
    ("another function", lambda asked: asked.reply(b"\x04\x04\x00\x01\x00\x02")),
    ("an unknown function", lambda asked: asked.reply(b"\x63\x04\x00\x01\x00\x02")),
    ("no Modbus", lambda asked: b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ("busy", lambda asked: asked.exception(6)),
    ("no path", lambda asked: asked.exception(10)),
    ("failed", lambda asked: asked.exception(4)),
    ("silent", lambda asked: None),
    ("hangs up", lambda asked: HANG_UP),
]


@pytest.mark.parametrize(("what", "answer"), NONSENSE, ids=[what for what, _ in NONSENSE])
def test_nonsense_is_a_failure_of_the_device_and_of_nothing_else(loop: Loop, what: str, answer) -> None:
    with scripted(loop, answer) as (_, port), met(_entry(port), PROFILE) as ess:
        values = ess.poll()
        health = ess.device.health()
        assert values["ActivePower"] is None, what
        assert health["ok"] is False
        assert health["errors"] == 1
        assert health["detail"]


def test_values_become_undefined_after_so_many_errors_and_not_before(loop: Loop) -> None:
    ends: list[int] = []

    def until(asked: Asked) -> bytes | None:
        return HANG_UP if ends else _well(asked)

    with scripted(loop, until) as (_, port), met(_entry(port, invalidate_after_errors=3), PROFILE) as ess:
        ess.poll()
        ends.append(1)
        assert [ess.poll(seconds=300)["ActivePower"] for _ in range(4)] == [40, 40, None, None]
        ends.clear()
        assert ess.poll(seconds=300)["ActivePower"] == 40


def test_a_defective_device_is_left_alone_longer_each_time(loop: Loop) -> None:
    with scripted(loop, lambda asked: HANG_UP) as (device, port), met(_entry(port), PROFILE) as ess:
        tries = []
        for second in range(1, 32):
            before = len(device.asked)
            ess.poll()
            if len(device.asked) > before:
                tries.append(second)
        assert tries == [1, 3, 7, 13, 21, 31]


def test_a_connection_that_was_closed_in_between_is_made_anew_without_an_error(loop: Loop) -> None:
    """As gateways do with idle ones. The serial number is read again: it may be somebody else now."""
    serials = registers_map([*MAP["points"], point("SerialNumber", 400, "string", group_default="slow")])

    def answer(asked: Asked) -> bytes:
        return asked.registers(0x4142, *[0] * 15) if asked.address == 400 else _well(asked)

    with scripted(loop, answer) as (device, port):
        made = {**_entry(port), "expect_serial": "AB", "poll_groups": {"fast": ["ActivePower"], "slow": []}}
        with met(made, {"plain": serials}) as ess:
            ess.poll()
            loop.run(device.hang_up())
            ess.poll()
            assert ess.device.health() == {
                "ok": True,
                "last_read_at": "2026-02-15T10:30:00Z",
                "errors": 0,
            }
            assert device.connections == 2
            assert [asked.address for asked in device.asked] == [400, 0, 400, 0]


def test_a_device_that_hangs_holds_up_nobody_else(loop: Loop) -> None:
    """Its answer would be waited for half a minute; the cycle goes on, and so does the end of the test."""
    with yard(loop, patience_s=0.1) as (runtime, battery, _):
        hung = simulated(serial="BMS-9", defect=Defect("hang", 0))
        with runtime.plugged(BATTERY, hung):
            slow = devices(connection={"timeout_ms": 30_000})
            runtime.load(body(**slow, scheduler={"controllers": [fixed(500)]}))
            health = runtime.turn(200)
            assert health["devices"]["meter_grid"]["ok"] is True
            assert health["devices"]["bms_main"]["detail"] == "not read yet"
            assert battery.device.writes == []


def test_a_changed_device_does_not_disturb_the_others(loop: Loop) -> None:
    with yard(loop) as (runtime, battery, meter):
        runtime.load(body(**devices(), scheduler={"controllers": [fixed(500)]}))
        runtime.turn(3)
        before = dict(runtime.devices.by_id)
        buses = dict(runtime.devices._field._buses)
        limits = devices(limits={"max_charge_w": 5000, "max_discharge_w": 300})
        runtime.load(body(2, **limits, scheduler={"controllers": [fixed(500)]}))
        assert battery.power == 500  # nothing was written for it
        runtime.turn()
        assert battery.power == 300
        assert runtime.devices.by_id["meter_grid"] is before["meter_grid"]
        assert dict(runtime.devices._field._buses) == buses  # and every connection is the one from before
        assert METER in runtime.ports
        assert meter.device.writes == []


def test_an_answer_that_is_late_leaves_no_values_and_does_not_stop_the_cycle(loop: Loop) -> None:
    """A request may take a minute by its settings; the watchdog is far shorter, and must not bark."""
    with yard(loop) as (runtime, _, _):
        stuck = simulated(serial="BMS-9")
        with runtime.plugged(BATTERY, stuck):
            made = body(**devices(connection={"timeout_ms": 30_000}), scheduler={"controllers": [fixed(500)]})
            made["core_cycle"] = {"period_ms": 100, "supervisor": {"watchdog_timeout_ms": 400}}
            runtime.load(made)
            assert runtime.turn(2)["set_points"] == {"bms_main": 500}
            stuck.device.traits = replace(stuck.device.traits, defect=Defect("hang", 0))
            health = runtime.turn(2)
            assert health["devices"]["bms_main"]["ok"] is False
            assert health["devices"]["bms_main"]["detail"] == "its answer is late"
            assert health["devices"]["meter_grid"]["ok"] is True
            assert [alarm["id"] for alarm in health["alarms"]] == ["_fail_safe_bms_main"]
            writes = len(stuck.device.writes)
            runtime.turn(2)
            assert len(stuck.device.writes) == writes
            stuck.device.traits = replace(stuck.device.traits, defect=None)
            loop.run(_release(stuck.device))
            health = _until_well(runtime, "bms_main")
            assert health["alarms"] == []
            assert stuck.power == 500


async def _release(device: SimulatedDevice) -> None:
    device.released.set()


def _until_well(runtime: Yard, device_id: str) -> Json:
    healths = (runtime.turn() for _ in range(200))
    return next(health for health in healths if health["devices"][device_id]["ok"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pdu=st.binary(min_size=1, max_size=40), framed=st.booleans())
def test_no_answer_whatever_breaks_more_than_its_device(loop: Loop, pdu: bytes, framed: bool) -> None:
    def anything(asked: Asked) -> bytes:
        return asked.reply(pdu) if framed else pdu

    with scripted(loop, anything) as (_, port), met(_entry(port, timeout_ms=50), PROFILE) as ess:
        ess.poll()
        health = ess.device.health()
        assert health["ok"] or health["detail"]


@contextlib.contextmanager
def _slow_rtu(loop: Loop, delays_s: list[float]) -> Iterator[int]:
    """Answers every request in its turn, each so long after it came; registers hold their own address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        answers: list[asyncio.Task[None]] = []
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                frame = await reader.readexactly(8)
                after_s = delays_s.pop(0) if delays_s else 0.0
                answers.append(asyncio.create_task(reply(writer, frame, after_s)))
        await asyncio.gather(*answers)
        writer.close()

    async def reply(writer: asyncio.StreamWriter, frame: bytes, after_s: float) -> None:
        await asyncio.sleep(after_s)
        body = frame[:2] + b"\x02" + frame[2:4]
        writer.write(body + FramerRTU.compute_CRC(body).to_bytes(2, "big"))

    async def start() -> asyncio.Server:
        return await asyncio.start_server(serve, "127.0.0.1", 0)

    async def stop() -> None:
        server.close()
        await server.wait_closed()
        for writer in writers:
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    writers: list[asyncio.StreamWriter] = []
    server = loop.run(start())
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.run(stop())


def test_on_rtu_a_second_answer_is_not_taken_for_that_of_the_next_request(loop: Loop) -> None:
    """Asked twice because the first answer was late; both come, and frames carry no number."""
    blocks = registers_map([point("One", 10), point("Two", 400)])
    with _slow_rtu(loop, [0.15, 0.1, 0.1]) as port:
        connection = {"protocol": "rtu_over_tcp", "timeout_ms": 120, "retries": 1}
        with met(entry("plain", port, connection=connection), {"plain": blocks}) as device:
            assert device.poll() == {"One": 10, "Two": 400}


def test_a_polled_name_that_is_no_point_is_named(loop: Loop) -> None:
    groups = {"fast": ["ActivePower", "Torque"], "slow": []}
    with scripted(loop, _well) as (_, port), met({**_entry(port), "poll_groups": groups}, PROFILE) as ess:
        assert ess.poll() == {"ActivePower": 40, "Torque": None}
        assert ess.device.health()["detail"] == "Torque: the profile has no such point"
        assert ess.device.health()["ok"] is False
