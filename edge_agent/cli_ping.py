"""`ems-agent debug ping`: the road to the cloud step by step, each named with what to do about it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from edge_agent.cloud import Cloud, Held
from edge_agent.keyring import Keyring
from edge_agent.road import Road, RoadError
from edge_agent.settings import AgentSettings
from edge_agent.version import VERSION


def ping(settings: AgentSettings) -> list[dict[str, Any]]:
    """Shape: [{"step", "ok", "result"}]; the first step that fails is the last."""
    parts = urlsplit(settings.server_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    steps: list[tuple[str, Callable[[], str]]] = [
        ("key file", lambda: _key(settings)),
        ("name", lambda: _name(str(parts.hostname), port)),
        ("server and key", lambda: _server(settings)),
    ]
    found: list[dict[str, Any]] = []
    for name, act in steps:
        try:
            found.append({"step": name, "ok": True, "result": act()})
        except (RoadError, OSError) as error:
            found.append({"step": name, "ok": False, "result": getattr(error, "detail", str(error))})
            break
    return found


def _key(settings: AgentSettings) -> str:
    mode = settings.key_file.stat().st_mode & 0o777
    Keyring(settings.key_file).text()
    return "readable" if mode == 0o600 else f"readable, but its mode is {mode:o}: chmod 600 it"


def _name(host: str, port: int) -> str:
    try:
        addresses = {str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)}
    except socket.gaierror as error:
        raise RoadError(f"{host} has no address ({error.strerror}): check the name and the DNS") from error
    return ", ".join(sorted(addresses))


def _server(settings: AgentSettings) -> str:
    """A conditional fetch, with the key, over the configured proxy and CA."""
    road = Road(
        settings.server_url, user_agent=f"ems-agent/{VERSION}", ca_file=settings.ca_file, proxy=settings.proxy
    )
    cloud = Cloud(road, Keyring(settings.key_file), settings.edge_id)
    try:
        answer = cloud.fetch(Held(None, "*", None))
    finally:
        cloud.close()
    return f"answers: {type(answer).__name__}"
