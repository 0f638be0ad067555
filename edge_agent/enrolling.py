"""Enrollment: a single-use token becomes a key; the trust root is pinned by the digest in the command."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_agent.clocks import Clock
from edge_agent.cloud import Cloud
from edge_agent.durable import sync_folder, write_durably
from edge_agent.keyring import Keyring
from edge_agent.reports import SCHEMAS
from edge_agent.road import NotTheServerError, RefusedError, Road
from edge_agent.second import SecondCopy
from edge_agent.settings import AgentSettings, NotEnrolledError, load_settings, read_body
from edge_agent.starting import hardware_id, open_core, rebuild
from edge_agent.version import VERSION
from edge_protocol.canonical import canonical
from edge_protocol.envelope import Envelope
from edge_protocol.errors import ProtocolError
from edge_protocol.messages import EnrollAnswer
from edge_protocol.trust import TrustRoot, first_root, next_root

MOST_ROOTS = 256


class EnrollError(Exception):
    """`refused`: the server or we said no; the message says what to do."""

    def __init__(self, detail: str, *, refused: bool = True) -> None:
        super().__init__(detail)
        self.detail = detail
        self.refused = refused


@dataclass(frozen=True, slots=True)
class Wish:
    """What the technician asks for. `root_sha256` None is only believed with `trust_on_first_use`."""

    server_url: str
    token: str
    root_sha256: str | None
    trust_on_first_use: bool
    ca_file: str | None
    proxy: str | None
    limits_file: str | None
    driver: Mapping[str, Any] | None


def enroll(data: Path, wish: Wish, clock: Clock, new_id: Callable[[], str]) -> AgentSettings:
    """Ask for an identity, check and store the trust roots, then the key, then the settings.

    A lost answer is asked for again with the same nonce: within ten minutes the server voids the first
    key and makes another. Errors: EnrollError, RoadError, ProtocolError, OSError.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    road = Road(wish.server_url, user_agent=f"ems-agent/{VERSION}", ca_file=wish.ca_file, proxy=wish.proxy)
    try:
        answer = _ask(road, wish, _nonce(data, new_id))
        _same_edge(data, answer)
        pinned = _pinned(wish, answer)
        Keyring(data / "key.enrolling").keep_candidate(answer.key)
        cloud = Cloud(road, Keyring(data / "key.enrolling"), answer.edge_id)
        envelopes = _roots(cloud, pinned)
    finally:
        road.close()
    _store_roots(data, envelopes, clock, new_id)
    write_durably(data / "key", answer.key.encode() + b"\n", point="enroll_key")
    settings = _write_settings(data, wish, answer, pinned)
    for name in ("enrolling.json", "key.enrolling", "key.enrolling.candidate", "key.candidate"):
        (data / name).unlink(missing_ok=True)
    sync_folder(data)
    return settings


def _nonce(data: Path, new_id: Callable[[], str]) -> str:
    """Written down before it is used, so that a lost answer can be asked for again."""
    path = data / "enrolling.json"
    try:
        return str(json.loads(path.read_bytes())["nonce"])
    except (OSError, ValueError, KeyError, TypeError):
        nonce = new_id()
        write_durably(path, json.dumps({"nonce": nonce}).encode(), point="enroll_nonce")
        return nonce


def _ask(road: Road, wish: Wish, nonce: str) -> EnrollAnswer:
    body = {"token": wish.token, "nonce": nonce, "agent_version": VERSION, "schemas": SCHEMAS}
    if (hardware := hardware_id()) is not None:
        body["hardware_id"] = hardware
    try:
        return EnrollAnswer.from_dict(road.exchange("POST", "/api/v1/enroll", body=body).json())
    except RefusedError as error:
        if error.status == 401:
            message = "the token is unknown, used or expired: issue a new one for this edge in the console"
            raise EnrollError(message) from error
        raise EnrollError(f"the server refused the enrollment: {error.detail}") from error
    except ProtocolError as error:
        raise NotTheServerError(f"the answer to the enrollment is not ours: {error.detail}") from error


def _same_edge(data: Path, answer: EnrollAnswer) -> None:
    known = read_body(data).get("edge_uid")
    if known not in {None, answer.edge_uid}:
        message = f"{data} belongs to another edge: enroll {answer.edge_id} with an empty folder (--data)"
        raise EnrollError(message)


def _pinned(wish: Wish, answer: EnrollAnswer) -> str:
    fingerprint = answer.trust_root.sha256
    if wish.root_sha256 is not None and wish.root_sha256.lower() != fingerprint:
        message = (
            f"the server's trust root has the fingerprint {fingerprint}, the command says {wish.root_sha256}:"
            " do not go on, ask whoever issued the command"
        )
        raise EnrollError(message)
    if wish.root_sha256 is None and not wish.trust_on_first_use:
        message = (
            f"the server's trust root has the fingerprint {fingerprint}. Compare it with the console, then"
            f" run the same command within ten minutes with --root-sha256 {fingerprint}"
            " (or with --trust-on-first-use, if nobody can compare)"
        )
        raise EnrollError(message)
    return fingerprint


def _roots(cloud: Cloud, pinned: str) -> list[tuple[TrustRoot, str]]:
    """Root 1 by its digest, then every later one, step by step."""
    found: list[tuple[TrustRoot, str]] = []
    for number in range(1, MOST_ROOTS + 1):
        value = cloud.trust_root(number)
        if value is None:
            break
        envelope = Envelope.from_json(value)
        root = next_root(found[-1][0], envelope) if found else first_root(envelope, pinned)
        found.append((root, canonical(value).decode()))
    if not found:
        raise EnrollError("the server has no trust root: ask its operator to set it up")
    return found


def _write_settings(data: Path, wish: Wish, answer: EnrollAnswer, pinned: str) -> AgentSettings:
    """Last of all: with this file the folder counts as enrolled."""
    body = read_body(data)
    body.update(
        server_url=wish.server_url,
        edge_id=answer.edge_id,
        edge_uid=answer.edge_uid,
        org_uid=answer.org_uid,
        root_sha256=pinned,
    )
    optional = {
        "ca_file": wish.ca_file,
        "proxy": wish.proxy,
        "limits_file": wish.limits_file,
        "driver": wish.driver,
    }
    body.update({name: value for name, value in optional.items() if value is not None})
    text = json.dumps(body, indent=2).encode() + b"\n"
    write_durably(data / "agent.json", text, point="enroll_settings")
    return load_settings(data, {})


def _store_roots(
    data: Path, envelopes: list[tuple[TrustRoot, str]], clock: Clock, new_id: Callable[[], str]
) -> None:
    if (data / "agent.db").exists():
        core = open_core(data, clock, new_id)
    else:
        core = rebuild(data / "agent.db", SecondCopy(data / "second"), clock, new_id)
    for root, envelope in envelopes:
        if root.root_version not in core.roots:
            core.add_root(root, envelope)
    core.store.close()


def is_enrolled(data: Path) -> bool:
    """Whether there is an identity and a key. Errors: SettingsError for a file that cannot be read."""
    try:
        return load_settings(data).key_file.exists()
    except NotEnrolledError:
        return False
