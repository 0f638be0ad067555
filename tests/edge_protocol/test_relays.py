"""Controllers that switch a relay by a value: what a document may say of them, and what is refused."""

from typing import Any

import pytest

from edge_protocol import schema, semantics
from edge_protocol.defaults import with_defaults
from edge_protocol.registry import builtin_profiles
from tests.edge_protocol import full

Body = dict[str, Any]
PROFILES = builtin_profiles()
PATH = "/scheduler/controllers/heater/parameters"
TCP = {"protocol": "tcp", "host": "192.168.1.30"}


def relay(**parameters: Any) -> Body:
    given = {"channel": "ess0/Soc", "output": "relay0/Relay1", "switch_on_at": 90, "switch_off_at": 80}
    return {
        "id": "heater",
        "class": "ChannelThresholdController",
        "execution_order": 20,
        "parameters": {**given, **parameters},
    }


def document(*more: Body, board: Body | None = None, **parameters: Any) -> Body:
    made = full.document()
    made["modbus_devices"].append(
        {"device_id": "relay0", "profile": "relay_board_8", "connection": TCP} | (board or {})
    )
    made["scheduler"]["controllers"] += [relay(**parameters), *more]
    return made


def said(made: Body, profiles: Body = PROFILES) -> list[tuple[str, str, str]]:
    assert schema.check(made) == []
    return [(one.rule, one.path, one.detail) for one in semantics.check(made, profiles=profiles)]


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"channel": "_sum/GridActivePower", "switch_on_at": -3000, "switch_off_at": 500},
        {
            "channel": "ess0/Cycles",
            "switch_on_at": 20.5,
            "switch_off_at": 30,
            "min_on_s": 0,
            "min_off_s": 86400,
        },
    ],
)
def test_a_relay_that_follows_a_value_earns_nothing(parameters: Body) -> None:
    assert said(document(**parameters)) == []


def test_a_relay_alone_needs_no_storage_and_guards_none() -> None:
    made = document(channel="_sum/GridActivePower")
    made["scheduler"]["controllers"] = [relay(channel="meter0/ActivePower")]
    made["modbus_devices"][0]["limits"] = {}
    made["alarms"] = []
    assert said(made) == []


SECOND = {**relay(), "id": "pump", "execution_order": 21}
REFUSED: dict[str, tuple[Body, str, str, str]] = {
    "no such device": (
        document(channel="ess9/Soc"),
        "E07",
        "channel",
        "there is no channel ess9/Soc that a relay can follow",
    ),
    "no such point": (
        document(channel="ess0/Weather"),
        "E07",
        "channel",
        "the profile sunspec_storage@1 has no point Weather",
    ),
    "not polled": (document(channel="ess0/Soh"), "E07", "channel", "ess0 does not poll Soh"),
    "a text": (
        document(channel="ess0/SerialNumber"),
        "E07",
        "channel",
        "SerialNumber is a text: a relay follows numbers",
    ),
    "a disabled device": (document(channel="pv0/ActivePower"), "E07", "channel", "pv0 is not enabled"),
    "no such total": (document(channel="_sum/Weather"), "E07", "channel", "there is no channel _sum/Weather"),
    "a controller's state": (
        document(channel="ctrl1/State"),
        "E07",
        "channel",
        "there is no channel ctrl1/State that a relay can follow",
    ),
    "beyond the point": (document(switch_on_at=101), "E07", "switch_on_at", "Soc lies within 0..100"),
    "no such relay board": (
        document(output="relay9/Relay1"),
        "E08",
        "output",
        "relay9 is no device of this document",
    ),
    "a disabled board": (document(board={"enabled": False}), "E08", "output", "relay0 is not enabled"),
    "a battery": (document(output="ess0/SetActivePower"), "E08", "output", "ess0 has the role ess, not io"),
    "a ninth relay": (
        document(output="relay0/Relay9"),
        "E08",
        "output",
        "the profile relay_board_8 has no point Relay9",
    ),
    "no on/off point": (
        document(board={"profile": "sunspec_meter", "role": "io"}, output="relay0/ActivePower"),
        "E08",
        "output",
        "ActivePower is no on/off point that can be written (a coil: function code 1, access RW)",
    ),
    "two masters": (
        document(SECOND),
        "E08",
        "",
        "relay0/Relay1 is also switched by heater: a relay has one master",
    ),
    "no way between": (
        document(switch_off_at=90.0),
        "E09",
        "switch_off_at",
        "switch_off_at must differ from switch_on_at",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_could_not_work_is_refused_by_name(why: str) -> None:
    made, rule, parameter, detail = REFUSED[why]
    path = f"{PATH}/{parameter}" if parameter else "/scheduler/controllers/pump/parameters/output"
    assert said(made) == [(rule, path, detail)]


def test_two_controllers_may_share_a_board_and_a_disabled_one_is_no_master() -> None:
    other = {**SECOND, "parameters": {**SECOND["parameters"], "output": "relay0/Relay2"}}
    assert said(document(other)) == []
    assert said(document({**SECOND, "enabled": False})) == []


def test_a_relay_that_its_profile_does_not_leave_off_is_refused() -> None:
    board = {**PROFILES["relay_board_8"], "safe_writes": [{"point": "Relay1", "value": 0}]}
    made = {name: body for name, body in document(output="relay0/Relay2").items() if name != "profiles"}
    assert said(made, {**PROFILES, "relay_board_8": board}) == [
        ("E08", f"{PATH}/output", "the profile's safe_writes do not switch Relay2 off")
    ]


@pytest.mark.parametrize(
    ("parameters", "path"),
    [
        ({"channel": "Soc"}, "channel"),
        ({"channel": "_cycle/Overruns"}, "channel"),
        ({"output": "_sum/EssSoc"}, "output"),
        ({"min_on_s": 86401}, "min_on_s"),
        ({"min_off_s": 0.5}, "min_off_s"),
        ({"switch_on_at": "high"}, "switch_on_at"),
        ({"ess_id": "ess0"}, "ess_id"),
    ],
)
def test_its_parameters_have_a_shape(parameters: Body, path: str) -> None:
    assert [one.path for one in schema.check(document(**parameters))] == [f"{PATH}/{path}"]


def test_the_shortest_times_have_a_default_and_the_thresholds_have_none() -> None:
    parameters = with_defaults(document())["scheduler"]["controllers"][-1]["parameters"]
    assert (parameters["min_on_s"], parameters["min_off_s"]) == (60, 60)
    bare = document()
    for name in ("channel", "output", "switch_on_at", "switch_off_at"):
        del bare["scheduler"]["controllers"][-1]["parameters"][name]
    assert len(schema.check(bare)) == 4
