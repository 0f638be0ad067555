"""The command line `ems-agent`.

Exit codes: 0 ok, 1 failure, 2 usage, 3 not running or not enrolled, 4 degraded, 5 rejected, 6 rolled back,
75 try again, 77 refused. `--json` prints one stable object; without it, text for people.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

from edge_agent.settings import DEFAULT_DATA

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code."""
    parsed = _parser().parse_args(arguments)
    os.umask(0o077)
    # Imported by need: a status question should not load what only the running agent uses.
    if parsed.command == "run":
        from edge_agent.cli_run import run

        return run(parsed)
    if parsed.command == "enroll":
        from edge_agent.cli_enroll import enroll_command

        return enroll_command(parsed)
    from edge_agent.cli_ask import answer

    return answer(parsed)


def duration(text: str) -> float:
    """Seconds from `90`, `30s`, `15m`, `4h`, `2d`. Errors: argparse.ArgumentTypeError."""
    unit = _SECONDS.get(text[-1:])
    number = text[:-1] if unit else text
    try:
        seconds = float(number) * (unit or 1)
    except ValueError:
        seconds = -1.0
    if not seconds > 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a duration: write 30m, 4h or 2d")
    return seconds


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ems-agent", description="The edge agent: verify, stage, apply, roll back signed configurations"
    )
    data = Path(os.environ.get("EMS_AGENT_DATA", DEFAULT_DATA))
    parser.add_argument("--data", type=Path, default=data, help=f"the agent's folder (default {data})")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    _living(commands)
    _looking(commands)
    _acting(commands)
    for name in list(commands.choices):
        # Also after the command, where people write it.
        commands.choices[name].add_argument("--json", action="store_true", default=argparse.SUPPRESS)
    return parser


def _living(commands: Commands) -> None:
    enroll = commands.add_parser("enroll", help="get an identity; the token by standard input or environment")
    enroll.add_argument("--server", required=True, help="https://ems.example.com")
    enroll.add_argument("--root-sha256", help="fingerprint of the trust root, as the console shows it")
    enroll.add_argument("--trust-on-first-use", action="store_true", help="believe the first fingerprint")
    enroll.add_argument("--token-file", type=Path, help="instead of standard input or EMS_ENROLLMENT_TOKEN")
    enroll.add_argument("--ca-file", help="the private CA of the server")
    enroll.add_argument("--proxy", help="http://proxy:3128")
    enroll.add_argument("--runtime-directory", type=Path, help="where document.json and health.json stand")
    enroll.add_argument("--site", type=Path, help="the site file of our runtime")
    enroll.add_argument("--limits", type=Path, help="the local limits file, owned by root")
    run = commands.add_parser("run", help="run the agent in the foreground until SIGTERM")
    run.add_argument("--log-level", default=os.environ.get("EMS_AGENT_LOG_LEVEL", "INFO"))
    service = commands.add_parser("service", help="install the systemd unit")
    service.add_argument("act", choices=["install", "show"])
    service.add_argument("--user", help="the unit's user (default root)")
    service.add_argument("--unit", type=Path, help="where to write it (default /etc/systemd/system)")
    commands.add_parser("version", help="the agent's version")


def _looking(commands: Commands) -> None:
    commands.add_parser("status", help="are controllers writing, and when can the next change come")
    config = commands.add_parser("config", help="show the configuration")
    config.add_argument("act", choices=["show"])
    config.add_argument("--version", type=int, dest="number", help="a held version (default: what runs)")
    config.add_argument("--section", help="only this section")
    diff = commands.add_parser("diff", help="what changed between two held versions")
    diff.add_argument("before", type=int, nargs="?")
    diff.add_argument("after", type=int, nargs="?")
    history = commands.add_parser("history", help="what happened on this edge")
    history.add_argument("--limit", type=int, default=20)
    validate = commands.add_parser("validate", help="check a document file here, without applying it")
    validate.add_argument("file", type=Path)
    storage = commands.add_parser("storage", help="what is stored")
    storage.add_argument("act", choices=["info"])
    debug = commands.add_parser("debug", help="try the road to the cloud; collect facts for support")
    debug.add_argument("act", choices=["ping", "bundle"])


def _acting(commands: Commands) -> None:
    apply = commands.add_parser("apply", help="apply what is staged now, or a bundle from a stick")
    apply.add_argument("--bundle", type=Path, help="a version's bundle file")
    commands.add_parser("retry", help="try the refused version once more")
    rollback = commands.add_parser("rollback", help="back to the version before; holds the edge for 24 h")
    rollback.add_argument("--reason", default="rolled back on site")
    hold = commands.add_parser("hold", help="apply nothing new for a while")
    hold.add_argument("--for", dest="seconds", type=duration, default=duration("24h"), help="30m, 4h, 2d")
    hold.add_argument("--reason", required=True)
    commands.add_parser("release", help="end the hold")
    sync = commands.add_parser("sync", help="ask the cloud for anything new")
    sync.add_argument("act", choices=["now"])


if __name__ == "__main__":
    sys.exit(main())
