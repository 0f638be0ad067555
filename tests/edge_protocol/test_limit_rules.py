"""What a controller cannot reach: W19 after one that fixes the power, W20 beyond the limits."""

from typing import Any

import pytest

from edge_protocol import schema
from tests.edge_protocol import full
from tests.edge_protocol.test_semantics import found

Body = dict[str, Any]
C = "/scheduler/controllers/"
STORAGE = "ess0"  # full: 5,000 W in, 4,600 W out, from 10 % to 95.5 %


def fix(name: str, watts: int, order: int) -> Body:
    return _made(name, "FixActivePowerController", order, power_watts=watts, ess_id=STORAGE)


def guard(order: int, **given: float) -> Body:
    return _made("guard", "LimitTotalDischargeController", order, ess_id=STORAGE, **given)


def balancing(order: int) -> Body:
    return _made("balancing", "BalancingController", order, ess_id=STORAGE, meter_id="meter0")


def _made(name: str, kind: str, order: int, **given: Any) -> Body:
    return {"id": name, "class": kind, "execution_order": order, "enabled": True, "parameters": given}


def told(*controllers: Body) -> list[tuple[str, str]]:
    document = full.document()
    document["scheduler"]["controllers"] = list(controllers)
    assert schema.check(document) == []
    return [(one.rule, one.path) for one in found(document) if one.rule in ("W19", "W20")]


@pytest.mark.parametrize(
    ("controllers", "expected"),
    [
        ([fix("in", -3000, 1), fix("out", 3000, 2)], [("W19", C + "out")]),
        ([balancing(1), fix("out", 3000, 2)], [("W19", C + "out")]),
        ([fix("out", 3000, 1), balancing(2), guard(3)], [("W19", C + "balancing"), ("W19", C + "guard")]),
        ([guard(1), balancing(2)], []),
        ([guard(1), fix("out", 3000, 2)], []),
    ],
)
def test_what_fixes_the_power_leaves_nothing_to_those_after_it(
    controllers: list[Body], expected: list[tuple[str, str]]
) -> None:
    assert told(*controllers) == expected


@pytest.mark.parametrize(
    ("one", "parameter"),
    [
        (fix("all", 4600, 1), None),
        (fix("all", -5000, 1), None),
        (fix("all", 4601, 1), "all/parameters/power_watts"),
        (fix("all", -5001, 1), "all/parameters/power_watts"),
        (guard(1, min_soc=15, force_charge_power=5000), None),
        (guard(1, force_charge_power=5001), "guard/parameters/force_charge_power"),
        (guard(1, min_soc=9), "guard/parameters/min_soc"),
        (guard(1, min_soc=96), "guard/parameters/min_soc"),
    ],
)
def test_what_is_beyond_the_limits_of_the_storage_is_told(one: Body, parameter: str | None) -> None:
    assert told(one) == ([] if parameter is None else [("W20", C + parameter)])


def test_where_nothing_limits_the_storage_nothing_is_beyond() -> None:
    document = full.document()
    document["modbus_devices"][0]["limits"] = {}
    document["scheduler"]["controllers"] = [fix("all", 900_000, 1)]
    assert [one.rule for one in found(document) if one.rule == "W20"] == []
