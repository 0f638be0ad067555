"""Rules across sections: each with what breaks it and what keeps it."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from edge_protocol import schema, semantics
from edge_protocol.errors import SemanticsRejected
from edge_protocol.registry import builtin_profiles
from edge_protocol.semantics import Finding
from tests.edge_protocol import full
from tests.edge_protocol.build import example

Body = dict[str, Any]
Change = Callable[[Body], None]
PROFILES = builtin_profiles()
ESS, METER, PV = range(3)


def found(document: Body, *, production: bool = False) -> list[Finding]:
    assert schema.check(document) == [], "semantics are only asked about what the schema accepts"
    return semantics.check(document, profiles=PROFILES, production=production)


def test_the_example_earns_its_three_warnings_and_nothing_else() -> None:
    assert [one.to_dict() for one in found(example(), production=True)] == [
        {
            "rule": "W12",
            "severity": "warning",
            "path": "/scheduler/controllers/ctrlPeakShaving0",
            "detail": "ctrlBalancing0 runs before it on the same storage: it can never act",
        },
        {
            "rule": "W13",
            "severity": "warning",
            "path": "/modbus_devices/bms_main",
            "detail": "ctrlBalancing0 discharges it; no LimitTotalDischarge or limits.soc_min guards it",
        },
        {
            "rule": "W16",
            "severity": "warning",
            "path": "/scheduler/controllers",
            "detail": "no grid meter can be resolved: ctrlBalancing0, ctrlPeakShaving0 will emit nothing",
        },
    ]


def test_nothing_is_said_about_a_document_that_keeps_every_rule() -> None:
    assert found(full.document(), production=True) == []
    own = full.document()["profiles"]
    assert semantics.check(full.document(), profiles=own, production=True) == []


def test_the_smallest_document_earns_nothing() -> None:
    assert found({"core_cycle": {}, "scheduler": {}, "modbus_devices": [], "alarms": []}) == []


def device(number: int, **members: Any) -> Change:
    return lambda document: document["modbus_devices"][number].update(members)


def connection(number: int, **members: Any) -> Change:
    return lambda document: document["modbus_devices"][number]["connection"].update(members)


def controller(order: int, **members: Any) -> Change:
    return lambda document: document["scheduler"]["controllers"][order - 1].update(members)


def parameter(order: int, **members: Any) -> Change:
    return lambda document: document["scheduler"]["controllers"][order - 1]["parameters"].update(members)


def alarm(number: int, **members: Any) -> Change:
    return lambda document: document["alarms"][number].update(members)


def member(section: str, **members: Any) -> Change:
    return lambda document: document[section].update(members)


def without(section: str, name: str) -> Change:
    def change(document: Body) -> None:
        del document[section][name]

    return change


def both(*changes: Change) -> Change:
    def change(document: Body) -> None:
        for one in changes:
            one(document)

    return change


def another(section: str, number: int, **members: Any) -> Change:
    def change(document: Body) -> None:
        items = document["scheduler"]["controllers"] if section == "scheduler" else document[section]
        items.append({**deepcopy(items[number]), **members})

    return change


C = "/scheduler/controllers/ctrl"
D = "/modbus_devices/"
TCP = {"protocol": "tcp", "host": "192.168.1.99"}
OWN_TCP = connection(METER, protocol="tcp", host="192.168.1.11")
FAST = {"fast": ["ActivePower", "Soc", "SetActivePower", "SetChargeRate", "AvailableEnergy"], "slow": []}

# change -> the findings that it brings to a document without any: (rule, severity, path)
BREAKS: dict[str, tuple[Change, list[tuple[str, str, str]]]] = {
    "two controllers of one id": (
        another("scheduler", 0, execution_order=9),
        [("E01", "error", C + "1")],
    ),
    "two devices of one id": (another("modbus_devices", ESS), [("E01", "error", D + "ess0")]),
    "two alarms of one id": (another("alarms", 0), [("E01", "error", "/alarms/soc_low")]),
    "a device named like a controller": (
        another("modbus_devices", ESS, device_id="ctrl1"),
        [("E01", "error", C + "1")],
    ),
    "an alarm named like a device": (another("alarms", 1, id="ess0"), []),
    "one order twice": (controller(2, execution_order=1), [("E02", "error", C + "2/execution_order")]),
    "one order twice, one disabled": (controller(5, execution_order=1, enabled=False), []),
    "an unknown profile": (
        device(PV, profile="acme_inverter", poll_groups={}),
        [("E03", "error", D + "pv0/profile")],
    ),
    "a major version that is not there": (
        device(METER, profile="sunspec_meter@2"),
        [
            ("E03", "error", D + "meter0/profile"),
            ("W16", "warning", "/scheduler/controllers"),
        ],
    ),
    "a point that the profile does not have": (
        device(ESS, poll_groups={"fast": ["ActivePower", "Soc"], "slow": ["Voltage"]}),
        [("E04", "error", D + "ess0/poll_groups/slow")],
    ),
    "a point in both groups": (
        device(ESS, poll_groups={"fast": ["ActivePower", "Soc"], "slow": ["Soc"]}),
        [("E04", "error", D + "ess0/poll_groups")],
    ),
    "one address twice": (
        another("modbus_devices", ESS, device_id="ess1", role="io"),
        [("E05", "error", D + "ess1/connection/unit_id")],
    ),
    "one address twice, one disabled": (
        another("modbus_devices", ESS, device_id="ess1", role="io", enabled=False),
        [],
    ),
    "two units behind one host": (
        both(
            another("modbus_devices", ESS, device_id="ess1", role="io"),
            connection(-1, unit_id=4),
        ),
        [],
    ),
    "one host in two spellings": (
        both(
            connection(ESS, host="Gateway"),
            another("modbus_devices", ESS, device_id="ess1", role="io"),
            connection(-1, host="gateway"),
        ),
        [("E05", "error", D + "ess1/connection/unit_id")],
    ),
    "the broadcast address": (
        connection(ESS, unit_id=0),
        [("E05", "error", D + "ess0/connection/unit_id")],
    ),
    "a reserved address": (
        connection(ESS, unit_id=250),
        [("E05", "warning", D + "ess0/connection/unit_id")],
    ),
    "255 on TCP": (connection(ESS, unit_id=255), []),
    "255 on a serial line": (
        connection(METER, unit_id=255),
        [("E05", "error", D + "meter0/connection/unit_id")],
    ),
    "two speeds on one line": (
        both(
            another("modbus_devices", METER, device_id="meter1", role="production_meter"),
            connection(-1, unit_id=6, serial={"device": "/dev/ttyUSB0", "baud": 9600, "parity": "E"}),
        ),
        [("E06", "error", D + "meter1/connection/serial")],
    ),
    "one speed on one line, by default": (
        both(
            connection(METER, serial={"device": "/dev/ttyUSB0"}),
            another("modbus_devices", METER, device_id="meter1", role="production_meter"),
            connection(-1, unit_id=6, serial={"device": "/dev/ttyUSB0", "baud": 9600}),
        ),
        [],
    ),
    "an alarm on no device": (alarm(0, channel="ess9/Soc"), [("E07", "error", "/alarms/soc_low/channel")]),
    "an alarm on no point": (alarm(0, channel="ess0/Voltage"), [("E07", "error", "/alarms/soc_low/channel")]),
    "an alarm on a point that is not polled": (
        alarm(0, channel="ess0/Soh"),
        [("E07", "error", "/alarms/soc_low/channel")],
    ),
    "a number against a text": (
        alarm(0, channel="ess0/SerialNumber"),
        [("E07", "error", "/alarms/soc_low/condition")],
    ),
    "a stale text": (alarm(1, channel="ess0/SerialNumber"), []),
    "a threshold beyond the point": (
        alarm(0, threshold=100.5),
        [("E07", "error", "/alarms/soc_low/threshold")],
    ),
    "a threshold below the point": (alarm(0, threshold=-1), [("E07", "error", "/alarms/soc_low/threshold")]),
    "an alarm on a disabled device": (
        alarm(1, channel="pv0/Energy"),
        [("E07", "warning", "/alarms/meter_gone/channel")],
    ),
    "an unknown total": (
        alarm(3, channel="_sum/Weather"),
        [("E07", "error", "/alarms/import_high/channel")],
    ),
    "an unknown measure of the cycle": (
        alarm(2, channel="_cycle/X"),
        [("E07", "error", "/alarms/slow/channel")],
    ),
    "a controller's unknown point": (
        alarm(4, channel="ctrl3/X"),
        [("E07", "error", "/alarms/broken/channel")],
    ),
    "a storage that is none": (parameter(3, ess_id="ess9"), [
        ("E08", "error", C + "3/parameters/ess_id"),
        ("W16", "warning", "/scheduler/controllers"),
    ]),
    "a meter as a storage": (parameter(3, ess_id="meter0"), [
        ("E08", "error", C + "3/parameters/ess_id"),
        ("W16", "warning", "/scheduler/controllers"),
    ]),
    "a storage as a meter": (parameter(3, meter_id="ess0"), [
        ("E08", "error", C + "3/parameters/meter_id"),
        ("W16", "warning", "/scheduler/controllers"),
    ]),
    "a disabled device as a meter": (parameter(3, meter_id="pv0"), [
        ("E08", "error", C + "3/parameters/meter_id"),
        ("W16", "warning", "/scheduler/controllers"),
    ]),
    "a schedule for no device": (parameter(4, schedule_device_id="ess9"), [
        ("E08", "error", C + "4/parameters/schedule_device_id"),
    ]),
    "a disabled controller that names nothing real": (
        both(parameter(3, ess_id="ess9"), controller(3, enabled=False)),
        [],
    ),
    "recharging above the threshold": (
        parameter(3, recharge_threshold_watts=50000),
        [("E09", "error", C + "3/parameters/recharge_threshold_watts")],
    ),
    "forced charging above the minimum": (
        parameter(1, force_charge_soc=15),
        [("E09", "error", C + "1/parameters/force_charge_soc")],
    ),
    "limits upside down": (
        device(ESS, limits={"soc_min": 90, "soc_max": 90}),
        [
            ("E09", "error", D + "ess0/limits/soc_min"),
            ("W20", "warning", C + "1/parameters/min_soc"),
        ],
    ),
    "a reserve below the minimum": (
        parameter(3, reserve_soc=10),
        [("E09", "error", C + "3/parameters/reserve_soc")],
    ),
    "no days": (parameter(2, days=[]), [("E09", "error", C + "2/parameters/days")]),
    "no time": (parameter(2, end_time="07:00"), [("E09", "error", C + "2/parameters/end_time")]),
    "a time zone that is none": (
        parameter(2, time_zone="Europe/Berlim"),
        [("E09", "error", C + "2/parameters/time_zone")],
    ),
    "a section that waits for no window": (
        without("sync", "maintenance_window"),
        [("E09", "error", "/sync/maintenance_window")],
    ),
    "a window that never opens": (
        lambda document: document["sync"]["maintenance_window"].update(days=[]),
        [("E09", "error", "/sync/maintenance_window/days")],
    ),
    "reads that take longer than a period": (
        both(connection(ESS, min_request_gap_ms=995), device(ESS, poll_groups=FAST), alarm(0, id="soc_low")),
        [("E10", "warning", D + "ess0/connection")],
    ),
    "reads that take longer than three": (
        both(
            connection(ESS, min_request_gap_ms=995),
            device(ESS, poll_groups=FAST),
            member("core_cycle", period_ms=1000, supervisor={}),
        ),
        [("E10", "error", D + "ess0/connection")],
    ),
    "a slow serial line": (
        both(
            connection(METER, serial={"device": "/dev/ttyUSB0", "baud": 1200}),
            member("core_cycle", period_ms=100, supervisor={}),
        ),
        [("E10", "warning", D + "meter0/connection")],
    ),
    "an impatient watchdog": (
        member("core_cycle", period_ms=3000),
        [("E11", "error", "/core_cycle/supervisor/watchdog_timeout_ms")],
    ),
    "a short probation": (member("sync", probation_s=10), [("E11", "error", "/sync/probation_s")]),
    "a long period with the defaults": (
        both(member("core_cycle", period_ms=60000, supervisor={}), without("sync", "probation_s")),
        [],
    ),
    "balancing before shaving": (
        both(controller(5, execution_order=2), controller(2, execution_order=5)),
        [("W12", "warning", C + "3"), ("W12", "warning", C + "2"), ("W19", "warning", C + "4")],
    ),
    "balancing before shaving by name": (
        both(member("scheduler", strategy="alphabetical"), controller(5, id="a0")),
        [
            ("W12", "warning", C + "2"),
            ("W12", "warning", C + "3"),
            ("W19", "warning", C + "1"),
            ("W19", "warning", C + "4"),
        ],
    ),
    "a storage without a guard": (
        both(controller(1, enabled=False), device(ESS, limits={})),
        [("W13", "warning", D + "ess0")],
    ),
    "a storage guarded by its own limit": (controller(1, enabled=False), []),
    "a guard alone": (device(ESS, limits={}), []),
    "no grid meter": (device(METER, enabled=False, role="io"), [
        ("E07", "warning", "/alarms/meter_gone/channel"),
        ("E08", "error", C + "3/parameters/meter_id"),
        ("E08", "error", C + "5/parameters/meter_id"),
        ("W16", "warning", "/scheduler/controllers"),
    ]),
    "two storages and no name": (
        both(another("modbus_devices", ESS, device_id="ess1"), connection(-1, unit_id=9)),
        [("W16", "warning", "/scheduler/controllers")],
    ),
    "a text message": (
        alarm(1, notification=["sms"]),
        [("W17", "warning", "/alarms/meter_gone/notification")],
    ),
    "polling once an hour": (
        member("sync", sync_interval_s=3600),
        [("W18", "warning", "/sync/sync_interval_s")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_a_rule_finds_what_breaks_it(name: str) -> None:
    change, expected = BREAKS[name]
    document = full.document()
    change(document)
    result = found(document)
    assert [(one.rule, one.severity, one.path) for one in result] == expected, result
    errors = [one for one in result if one.severity == "error"]
    if errors:
        with pytest.raises(SemanticsRejected) as caught:
            semantics.check_or_raise(document, profiles=PROFILES)
        assert caught.value.findings == tuple(errors)
    else:
        assert semantics.check_or_raise(document, profiles=PROFILES) == result


def test_a_profile_says_which_protocols_it_speaks() -> None:
    profiles = {**PROFILES, "sunspec_meter": {**PROFILES["sunspec_meter"], "protocols": ["tcp"]}}
    result = semantics.check(full.document(), profiles=profiles)
    assert [(one.rule, one.path) for one in result] == [("E03", D + "meter0/connection/protocol")]


@pytest.mark.parametrize("missing", ["safe return", "set point"])
def test_a_storage_that_cannot_be_let_go_is_not_steered(missing: str) -> None:
    entry = deepcopy(PROFILES["sunspec_storage"])
    if missing == "safe return":
        del entry["reversion"], entry["safe_writes"]
    else:
        entry["points"] = [point for point in entry["points"] if point["name"] != "SetActivePower"]
    result = semantics.check(full.document(), profiles={**PROFILES, "sunspec_storage": entry})
    assert {(one.rule, one.path) for one in result} == {
        ("E08", C + "3/parameters/ess_id"),
        ("E08", C + "4/parameters/schedule_device_id"),
        ("E08", C + "5/parameters/ess_id"),
        ("W16", "/scheduler/controllers"),
    }


HOSTS = {
    "10.1.2.3": None,
    "192.168.7.7": None,
    "fd00::1": None,
    "gateway": None,
    "127.0.0.1": "loopback",
    "::1": "loopback",
    "localhost": "loopback",
    "169.254.169.254": "link-local",
    "fe80::1": "link-local",
    "8.8.8.8": "public",
    "2001:4860:4860::8888": "public",
    "0.0.0.0": "no address of one device",
    "224.0.0.1": "no address of one device",
}


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_outside_the_site_is_a_warning_in_production(host: str) -> None:
    document = full.document()
    connection(ESS, host=host)(document)
    expected = [] if HOSTS[host] is None else [("W15", f"the host {host} is {HOSTS[host]}")]
    assert [(one.rule, one.detail) for one in found(document, production=True)] == expected
    assert found(document) == []


def test_a_large_document_is_a_warning() -> None:
    document = full.document()
    document["extensions"] = {"acme": {"text": "x" * 257 * 1024}}
    assert [(one.rule, one.path) for one in found(document)] == [("W14", "")]
    document = full.document()
    for number in range(65):
        another("modbus_devices", PV, device_id=f"pv{number + 1}", enabled=True)(document)
        connection(-1, protocol="tcp", host=f"10.0.0.{number + 1}")(document)
        device(-1, poll_groups={})(document)
    assert [(one.rule, one.path) for one in found(document)] == [("W14", "/modbus_devices")]
    many = deepcopy(PROFILES["sma_sunny_tripower"])
    many["points"] += [{**many["points"][5], "name": f"Extra{n}"} for n in range(20)]
    result = semantics.check(document, profiles={**PROFILES, "sma_sunny_tripower": many})
    assert [one.detail.split()[1] for one in result if one.rule == "W14"] == ["devices,", "polled"]


def test_errors_say_how_many_there_are() -> None:
    document = full.document()
    both(parameter(3, recharge_threshold_watts=50000), parameter(2, days=[]))(document)
    with pytest.raises(SemanticsRejected) as caught:
        semantics.check_or_raise(document, profiles=PROFILES)
    assert str(caught.value).startswith("E09: ")
    assert str(caught.value).endswith("(and 1 more)")
    assert [one["rule"] for one in caught.value.to_dict()["errors"]] == ["E09", "E09"]
