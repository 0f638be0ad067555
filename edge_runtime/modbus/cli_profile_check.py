"""`profile-check`: a profile against a live device, on the command line."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edge_protocol import schema
from edge_protocol.registry import builtin_profiles
from edge_runtime.field import FieldError
from edge_runtime.modbus.lines import Route, straight
from edge_runtime.modbus.profile_check import ProfileCheck, check_profile
from edge_runtime.modbus.routes import RoutesError, read_routes

FITS: Final = 0
DOES_NOT_FIT: Final = 1
USAGE: Final = 2


class ProfileFileError(Exception):
    """Neither a shipped profile nor a file with one."""


def profile_check(parsed: argparse.Namespace) -> int:
    """Exit codes: 0 fits; 1 does not fit or does not answer; 2 the options or files are wrong."""
    try:
        profile = _profile(parsed.profile)
        route: Route = straight if parsed.simulation is None else read_routes(parsed.simulation)
    except (ProfileFileError, RoutesError) as error:
        print(f"ems-runtime: {error}", file=sys.stderr)
        return USAGE
    try:
        found = check_profile(profile, _connection(parsed), route)
    except FieldError as error:
        print(json.dumps({"fits": False, "error": str(error)}) if parsed.json else f"no answer: {error}")
        return DOES_NOT_FIT
    print(json.dumps(found.to_dict(), indent=1) if parsed.json else _table(found))
    return FITS if found.fits else DOES_NOT_FIT


def _profile(name: str) -> Mapping[str, Any]:
    shipped = builtin_profiles().get(name)
    if shipped is not None:
        return shipped
    try:
        body = json.loads(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        known = ", ".join(sorted(builtin_profiles()))
        raise ProfileFileError(f"{name} is neither a file with a profile nor one of {known}") from error
    wrong = schema.check_section("profiles", {"checked": body})
    if wrong:
        raise ProfileFileError(f"{name}{wrong[0].path}: {wrong[0].detail}")
    return dict(body)


def _connection(parsed: argparse.Namespace) -> dict[str, Any]:
    connection: dict[str, Any] = {
        "protocol": parsed.protocol,
        "unit_id": parsed.unit,
        "timeout_ms": parsed.timeout_ms,
        "min_request_gap_ms": parsed.gap_ms,
    }
    if parsed.protocol == "rtu":
        line = {"device": parsed.end, "baud": parsed.baud, "parity": parsed.parity}
        return connection | {"serial": {**line, "stop_bits": parsed.stop_bits}}
    return connection | {"host": parsed.end, "port": parsed.port}


def _table(found: ProfileCheck) -> str:
    width = max(len(point.name) for point in found.points)
    rows = [f"serial number: {found.serial or '(none)'}"]
    for point in found.points:
        value = "" if point.value is None else f"{point.value:g} {point.unit}"
        rows.append(f"{point.state:16} {point.name:{width}} {value:>16}  {point.detail}".rstrip())
    return "\n".join([*rows, "the profile fits" if found.fits else "the profile does NOT fit"])
