"""Options of the field and of the tools around it. Nothing slow is imported here: see cli.main."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def add_field_options(run: argparse.ArgumentParser, *, default: str = "recorded") -> None:
    run.add_argument(
        "--field",
        choices=("recorded", "modbus"),
        default=default,
        help="what speaks for the devices: a recorded house (--site), or Modbus at the document's addresses",
    )
    run.add_argument("--site", type=Path, default=None, help="recorded: what stands behind each device")
    run.add_argument(
        "--speed", type=float, default=1.0, help="recorded: plant seconds per second (default 1)"
    )
    run.add_argument(
        "--simulation",
        type=Path,
        default=None,
        help="modbus: dial the loopback addresses of this file (from simulate-site) and no other",
    )


def add_simulate_site(commands: Commands) -> None:
    command = commands.add_parser(
        "simulate-site", help="answer for the Modbus devices of a site file on loopback ports until SIGTERM"
    )
    command.add_argument("--site", type=Path, required=True, help="a site file with `modbus` members")
    command.add_argument("--map", type=Path, default=None, help="where `run --simulation` finds the ports")
    command.add_argument(
        "--state", type=Path, default=None, help="what the devices see, written all the time"
    )
    command.add_argument("--speed", type=float, default=1.0, help="plant seconds per second (default 1)")


def add_profile_check(commands: Commands) -> None:
    command = commands.add_parser(
        "profile-check", help="read every point of a profile from a live device; nothing is written"
    )
    command.add_argument("profile", help="a shipped profile or a file with one")
    command.add_argument("end", help="the host, or the device file of a serial line")
    command.add_argument("--protocol", choices=("tcp", "rtu_over_tcp", "rtu"), default="tcp")
    command.add_argument("--port", type=int, default=502)
    command.add_argument("--unit", type=int, default=1)
    command.add_argument("--baud", type=int, default=9600)
    command.add_argument("--parity", choices=("N", "E", "O"), default="N")
    command.add_argument("--stop-bits", type=int, choices=(1, 2), default=1)
    command.add_argument("--timeout-ms", type=int, default=1000)
    command.add_argument("--gap-ms", type=int, default=0, help="shortest pause between two requests")
    command.add_argument("--simulation", type=Path, default=None, help="see run --simulation")
    command.add_argument("--json", action="store_true")


def add_simulate(commands: Commands) -> None:
    command = commands.add_parser(
        "simulate", help="run a document over days of a recorded house, as fast as it can be computed"
    )
    command.add_argument("--document", type=Path, default=None, help="default: the shipped example")
    command.add_argument("--site", type=Path, default=None, help="a site file (default: the shipped example)")
    command.add_argument("--limits", type=Path, default=None, help="the local limits file")
    command.add_argument("--days", type=_positive, default=7.0, help="how many days (default 7)")
    command.add_argument("--period-ms", type=int, default=None, help="another period than the document's")
    command.add_argument("--report", action="store_true", help="with --json: the whole report, not six facts")
    command.add_argument("--json", action="store_true", help="facts for programs instead of the table")
    command.add_argument("--chart", type=Path, default=None, help="write the picture of the run to this SVG")


def add_commission(commands: Commands) -> None:
    command = commands.add_parser(
        "commission", help="test identity, sign and scale of each device in small steps; writes a protocol"
    )
    command.add_argument("--dir", type=Path, default=None, help="the runtime's folder: its document.json")
    command.add_argument("--document", type=Path, default=None, help="another document than that of --dir")
    add_field_options(command, default="modbus")
    command.add_argument("--limits", type=Path, default=None, help="the local limits file")
    command.add_argument("--device", action="append", help="only this device (may be given several times)")
    command.add_argument(
        "--power", type=int, default=None, help="watts of a step (default: a tenth, at most 500)"
    )
    command.add_argument("--settle-s", type=float, default=5.0, help="seconds until a step has settled")
    command.add_argument("--samples", type=int, default=3, help="readings whose mean is judged")
    command.add_argument("--sample-s", type=float, default=1.0, help="seconds between two readings")
    command.add_argument("--by", default="", help="who commissions: stands in the protocol")
    command.add_argument("--out", type=Path, default=Path(), help="folder of the protocol (default: here)")
    command.add_argument(
        "--yes", action="store_true", help="ask nothing: steps are allowed, questions stay open"
    )
    command.add_argument("--json", action="store_true", help="print the protocol as JSON")


def _positive(text: str) -> float:
    number = float(text)
    if not 0 < number <= 366:
        raise argparse.ArgumentTypeError("must be more than 0 and at most 366")
    return number
