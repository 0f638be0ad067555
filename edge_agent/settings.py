"""Where the agent connects, who it is, what it drives: `<data>/agent.json`, overridden by EMS_AGENT_*.

None of this can come from a configuration document: a bad document can never cut an edge off.
"""

from __future__ import annotations

import ipaddress
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

DEFAULT_DATA = Path("/var/lib/ems-agent")
OVERRIDES = {
    "EMS_AGENT_SERVER_URL": "server_url",
    "EMS_AGENT_CA_FILE": "ca_file",
    "EMS_AGENT_PROXY": "proxy",
    "EMS_AGENT_LIMITS_FILE": "limits_file",
}


class SettingsError(Exception):
    """A setting that cannot be used; the message names it and what to do."""


class NotEnrolledError(SettingsError):
    """There is no identity yet."""


@dataclass(frozen=True, slots=True)
class DriverSettings:
    """One thing that is configured. `sections` None means all; commands are argument lists.

    `start` None: something else runs it. `reload` None: SIGHUP to the process that we started.
    `{file}` and `{directory}` inside commands are replaced.
    """

    directory: Path
    name: str = "runtime"
    start: tuple[str, ...] | None = None
    validate: tuple[str, ...] | None = None
    reload: tuple[str, ...] | None = None
    health: tuple[str, ...] | None = None
    sections: tuple[str, ...] | None = None
    apply_timeout_s: float = 30.0
    validate_timeout_s: float = 20.0
    restore_timeout_s: float = 60.0
    stop_timeout_s: float = 10.0


@dataclass(frozen=True, slots=True)
class AgentSettings:
    data: Path
    server_url: str
    edge_id: str
    edge_uid: str
    org_uid: str
    drivers: tuple[DriverSettings, ...]
    ca_file: str | None = None
    proxy: str | None = None
    limits_file: str | None = None
    root_sha256: str | None = None

    @property
    def database(self) -> Path:
        return self.data / "agent.db"

    @property
    def key_file(self) -> Path:
        return self.data / "key"

    @property
    def socket(self) -> Path:
        return self.data / "agent.sock"


def load_settings(data: Path, environment: Mapping[str, str] | None = None) -> AgentSettings:
    """Errors: NotEnrolledError without an identity, SettingsError naming the member that is wrong."""
    body = read_body(data)
    environment = os.environ if environment is None else environment
    body.update({name: environment[key] for key, name in OVERRIDES.items() if environment.get(key)})
    missing = [n for n in ("server_url", "edge_id", "edge_uid", "org_uid") if not body.get(n)]
    if missing:
        raise NotEnrolledError(f"{data} is not enrolled yet: run `ems-agent enroll`")
    return AgentSettings(
        data=data,
        server_url=check_server_url(str(body["server_url"])),
        edge_id=str(body["edge_id"]),
        edge_uid=str(body["edge_uid"]),
        org_uid=str(body["org_uid"]),
        drivers=drivers_from(body, data),
        ca_file=body.get("ca_file"),
        proxy=body.get("proxy"),
        limits_file=body.get("limits_file"),
        root_sha256=body.get("root_sha256"),
    )


def read_body(data: Path) -> dict[str, Any]:
    """The file as it stands, `{}` without one. Errors: SettingsError."""
    path = data / "agent.json"
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path} cannot be read: {error}") from error
    if not isinstance(body, dict):
        raise SettingsError(f"{path} is not a JSON object")
    return body


def drivers_from(body: Mapping[str, Any], data: Path) -> tuple[DriverSettings, ...]:
    """One driver (`driver`) or several (`drivers`); without any, documents are written to <data>/runtime."""
    given = body.get("drivers") or [body.get("driver") or {}]
    drivers = tuple(_driver(one, data) for one in given)
    names, folders = {one.name for one in drivers}, {one.directory for one in drivers}
    if len(names) < len(drivers) or len(folders) < len(drivers):
        raise SettingsError("agent.json: drivers: each needs a name and a directory of its own")
    return drivers


def _driver(body: Mapping[str, Any], data: Path) -> DriverSettings:
    known = {"kind", *DriverSettings.__dataclass_fields__}
    unknown = sorted(set(body) - known)
    if unknown or body.get("kind", "process") != "process":
        raise SettingsError(f"agent.json: driver: {unknown[0] if unknown else 'kind'} is not known")
    values = {name: body[name] for name in body if name != "kind"}
    for name in ("start", "validate", "reload", "health", "sections"):
        value = values.get(name)
        values[name] = None if value is None or value == "signal" else tuple(map(str, value))
    values["directory"] = Path(values.get("directory") or data / "runtime")
    return DriverSettings(**values)


def runtime_driver(directory: Path, site: Path, limits: Path | None = None) -> dict[str, Any]:
    """The driver of our own runtime, as `agent.json` holds it."""
    python, bound = sys.executable, ["--limits", str(limits)] if limits else []
    run = [python, "-m", "edge_runtime", "run", "--dir", "{directory}", "--site", str(site), *bound]
    check = [python, "-m", "edge_runtime", "check", "{file}", "--site", str(site), *bound]
    return {"kind": "process", "directory": str(directory), "start": run, "validate": check}


def check_server_url(url: str) -> str:
    """Only https, or http to this machine itself. Errors: SettingsError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsError(f"server address {url!r}: write it like https://ems.example.com")
    if parts.username or parts.query or parts.fragment:
        raise SettingsError(f"server address {url!r}: only scheme, host, port and path belong in it")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise SettingsError(f"server address {url!r}: http is refused to any other machine, use https")
    return url.rstrip("/")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: only `localhost` is known to stay on this machine
        return False
