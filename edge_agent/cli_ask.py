"""Every command but `run` and `enroll`: ask the running agent, or read the database where it is stopped."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_agent import control, exit_codes, inquiry, wording
from edge_agent.service import UNIT_PATH, unit
from edge_agent.settings import AgentSettings, NotEnrolledError, SettingsError, load_settings
from edge_agent.store import Store, StoreError, StoreUnfinishedError, folder_lock
from edge_agent.version import VERSION

SYNC_WITHIN_S = 30.0
LOOK_AGAIN_S = 0.2
_ERRORS = {
    "refused": exit_codes.REFUSED,
    "not_held": exit_codes.FAILURE,
    "rejected": exit_codes.REJECTED,
    "try_again": exit_codes.TRY_AGAIN,
    "usage": exit_codes.USAGE,
}

Answer = dict[str, Any]


def answer(parsed: argparse.Namespace) -> int:
    """Run the command. Returns its exit code; every refusal is one sentence on standard error."""
    alone: dict[str, Callable[[argparse.Namespace], int]] = {"version": _version, "service": _service}
    if parsed.command in alone:
        return alone[parsed.command](parsed)
    try:
        settings = load_settings(parsed.data)
        if parsed.command == "validate":
            from edge_agent.cli_validate import validate

            return validate(parsed, settings)
        return _COMMANDS[parsed.command](parsed, settings)
    except (NotEnrolledError, control.NotRunningError) as error:
        return _say(exit_codes.NOT_RUNNING, str(error))
    except (SettingsError, StoreError, inquiry.NotHeldError, OSError) as error:
        return _say(exit_codes.FAILURE, str(error))


def _say(code: int, sentence: str) -> int:
    print(f"ems-agent: {sentence}", file=sys.stderr)
    return code


def _print(parsed: argparse.Namespace, found: Mapping[str, Any], text: str) -> None:
    print(json.dumps(found, indent=1, sort_keys=True) if parsed.json else text)


# --- alone


def _version(parsed: argparse.Namespace) -> int:
    _print(parsed, {"version": VERSION}, VERSION)
    return exit_codes.OK


def _service(parsed: argparse.Namespace) -> int:
    """Write the systemd unit, or show it."""
    command = shutil.which("ems-agent") or f"{sys.executable} -m edge_agent"
    text = unit(command, parsed.data.resolve(), parsed.user)
    if parsed.act == "show":
        _print(parsed, {"unit": text}, text)
        return exit_codes.OK
    path = parsed.unit or UNIT_PATH
    try:
        path.write_text(text)
    except OSError as error:
        return _say(exit_codes.FAILURE, f"{path} cannot be written ({error.strerror}): run it with sudo")
    told = f"{path} is written. Start it with `systemctl daemon-reload && systemctl enable --now ems-agent`."
    _print(parsed, {"unit": str(path)}, told)
    return exit_codes.OK


# --- looking: running or stopped


def _ask_or_read(
    settings: AgentSettings, command: str, arguments: Answer, read: Callable[[Store], Answer]
) -> Answer:
    try:
        return control.ask(settings.socket, command, arguments)
    except control.NotRunningError:
        store = _open_stopped(settings)
        try:
            return read(store)
        finally:
            store.close()


def _open_stopped(settings: AgentSettings) -> Store:
    """Read-only; after a crash in the middle of a write its journal is rolled back first."""
    try:
        return Store.open(settings.database, read_only=True)
    except StoreUnfinishedError:
        with folder_lock(settings.data):
            Store.open(settings.database).close()
        return Store.open(settings.database, read_only=True)


def _shown(parsed: argparse.Namespace, found: Answer, text: Callable[[Answer], str]) -> int:
    if "error" in found:
        return _say(_ERRORS.get(str(found["error"]), exit_codes.FAILURE), str(found.get("detail", "")))
    _print(parsed, found, text(found))
    return exit_codes.OK


def _status(parsed: argparse.Namespace, settings: AgentSettings) -> int:
    def read(store: Store) -> Answer:
        return inquiry.status(settings, store, store.load_state(), store.load_floor(), None)

    found = _ask_or_read(settings, "status", {}, read)
    code = _shown(parsed, found, wording.status_text)
    return code or _status_code(found)


def _status_code(found: Mapping[str, Any]) -> int:
    if not found["agent_running"]:
        return exit_codes.NOT_RUNNING
    troubled = any(not part["ok"] for part in found["live"]["health"].values())
    return exit_codes.DEGRADED if found["verdict"]["level"] == "degraded" or troubled else exit_codes.OK


def _config(parsed: argparse.Namespace, settings: AgentSettings) -> int:
    def read(store: Store) -> Answer:
        version = inquiry.find(store, store.load_state(), parsed.number)
        return {"version": version.number, "document": inquiry.document(store, version)}

    found = _ask_or_read(settings, "show", {"version": parsed.number}, read)
    if "document" in found and parsed.section is not None:
        if parsed.section not in found["document"]:
            return _say(exit_codes.FAILURE, f"version {found['version']} has no section {parsed.section}")
        found["document"] = {parsed.section: found["document"][parsed.section]}
    return _shown(parsed, found, lambda one: json.dumps(one["document"], indent=2, sort_keys=True))


def _diff(parsed: argparse.Namespace, settings: AgentSettings) -> int:
    arguments = {"before": parsed.before, "after": parsed.after}
    found = _ask_or_read(
        settings, "diff", arguments, lambda store: inquiry.diff(store, store.load_state(), arguments)
    )
    return _shown(parsed, found, wording.diff_text)


def _history(parsed: argparse.Namespace, settings: AgentSettings) -> int:
    arguments = {"limit": parsed.limit}
    found = _ask_or_read(
        settings, "history", arguments, lambda store: {"events": store.history(parsed.limit)}
    )
    return _shown(parsed, found, lambda one: wording.history_text(one["events"]))


def _storage(parsed: argparse.Namespace, settings: AgentSettings) -> int:
    found = _ask_or_read(settings, "storage", {}, lambda store: inquiry.storage(settings, store))
    return _shown(parsed, found, wording.storage_text)


# --- acting: only with the running agent


def _act(command: str, sentence: Callable[[Answer], str]) -> Callable[..., int]:
    def act(parsed: argparse.Namespace, settings: AgentSettings) -> int:
        arguments = {name: getattr(parsed, name) for name in ("reason", "seconds") if hasattr(parsed, name)}
        return _shown(parsed, control.ask(settings.socket, command, arguments), sentence)

    return act


def _apply(parsed: argparse.Namespace, settings: AgentSettings) -> int:
    if parsed.bundle is None:
        found = control.ask(settings.socket, "apply")
        return _shown(parsed, found, lambda one: f"Version {one['version']} is being applied.")
    try:
        bundle = json.loads(parsed.bundle.read_bytes())
    except (OSError, ValueError) as error:
        return _say(exit_codes.FAILURE, f"{parsed.bundle} cannot be read: {error}")
    found = control.ask(settings.socket, "bundle", {"bundle": bundle})
    if "error" in found:
        return _shown(parsed, found, lambda _: "")
    return _outcome(parsed, settings, f"version {found['version']} was taken in from {parsed.bundle}")


def _sync(parsed: argparse.Namespace, settings: AgentSettings) -> int:
    """Ask, then wait for the answer and say what came of it."""
    before = control.ask(settings.socket, "sync")
    pause = threading.Event()
    for _ in range(int(SYNC_WITHIN_S / LOOK_AGAIN_S)):
        status = control.ask(settings.socket, "status")
        facts = status["live"]["sync"]
        if facts["polls_failed"] > before["polls_failed"]:
            return _say(exit_codes.TRY_AGAIN, status["live"]["sync_problem"])
        if facts["polls_ok"] > before["polls_ok"]:
            return _outcome(parsed, settings, "asked the cloud")
        pause.wait(LOOK_AGAIN_S)
    return _say(exit_codes.TRY_AGAIN, "the cloud has not answered yet: look at `ems-agent status`")


def _outcome(parsed: argparse.Namespace, settings: AgentSettings, done: str) -> int:
    status = control.ask(settings.socket, "status")
    attempt = status["last_attempt"] or {}
    words = {
        "rejected": exit_codes.REJECTED,
        "rolled_back": exit_codes.ROLLED_BACK,
        "failed": exit_codes.ROLLED_BACK,
    }
    newest = attempt.get("version") == status["highest_seen"]
    code = words.get(attempt.get("status", ""), exit_codes.OK) if newest else exit_codes.OK
    result = {"outcome": attempt.get("status") if newest else "nothing_new", "status": status}
    sentence = f"{done}: runs version {status['running']['version']}, {status['phase'].replace('_', ' ')}"
    if code != exit_codes.OK:
        sentence = f"{done}: version {attempt['version']} {attempt['status']}: {attempt['detail']}"
    _print(parsed, result, sentence)
    return code


def _debug(parsed: argparse.Namespace, settings: AgentSettings) -> int:
    if parsed.act == "bundle":
        found = control.ask(settings.socket, "debug")
        path = Path.cwd() / f"ems-agent-debug-{settings.edge_id}.json"
        path.write_text(json.dumps(found, indent=1, sort_keys=True))
        _print(parsed, {"file": str(path)}, f"{path} holds status, history, storage, health and log; no key.")
        return exit_codes.OK
    from edge_agent.cli_ping import ping

    steps = ping(settings)
    _print(parsed, {"steps": steps}, wording.table([(s["step"], s["result"]) for s in steps]))
    return exit_codes.OK if all(step["ok"] for step in steps) else exit_codes.TRY_AGAIN


_COMMANDS: dict[str, Callable[[argparse.Namespace, AgentSettings], int]] = {
    "status": _status,
    "config": _config,
    "diff": _diff,
    "history": _history,
    "storage": _storage,
    "apply": _apply,
    "sync": _sync,
    "debug": _debug,
    "retry": _act("retry", lambda one: f"Version {one['version']} is tried once more."),
    "rollback": _act("rollback", lambda one: f"Going back to version {one['to']}; held for 24 h."),
    "hold": _act("hold", lambda one: f"Nothing new is applied before {one['until']}."),
    "release": _act("release", lambda _: "The hold is ended."),
}
