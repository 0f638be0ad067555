"""`docs/client-example.py`, an edge of another make, against a real server; and that it stays independent."""

import ast
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_protocol import envelope
from edge_protocol.instants import format_instant
from edge_protocol.signing_keys import keyid, public_text
from edge_protocol.trust import ROOT_TYPE, Role, TrustRoot
from edges import enrollment, models, tenancy
from tests.configs.conftest import SEED, World, make_world
from tests.conftest import Database
from tests.processes import ServerProcess

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "client-example.py"
MOST_LINES = 80
OFFERED = {"requests", "cryptography", "rfc8785"}
NOW = datetime.now(UTC)

Serve = Callable[..., ServerProcess]


def publish_roots(count: int) -> str:
    """Roots 1..count, each signed by the one before and by itself; the digest of root 1."""
    config = public_text(envelope.private_key_from_seed(SEED))
    keys = [envelope.private_key_from_seed(bytes([number]) * 32) for number in range(1, count + 1)]
    roots = []
    for number, key in enumerate(keys, start=1):
        own = public_text(key)
        root = TrustRoot(
            root_version=number,
            epoch=1,
            issued_at=format_instant(NOW),
            expires_at=format_instant(NOW + timedelta(days=365)),
            keys={keyid(text): text for text in (own, config)},
            config=Role((keyid(config),), 1),
            root=Role((keyid(own),), 1),
        )
        signers = [envelope.signer(one) for one in keys[max(0, number - 2) : number]]
        sealed = envelope.seal(ROOT_TYPE, root.payload(), signers)
        models.TrustRoot.objects.create(
            root_version=number, envelope=sealed.to_json(), sha256=root.sha256, created_at=NOW
        )
        roots.append(root)
    return roots[0].sha256


def token_for(world: World) -> str:
    with tenancy.scope([world.organization.pk]):
        text, _ = enrollment.issue_token(
            edge=world.north_edge, by="alice", now=NOW, random_bytes=secrets.token_bytes
        )
    return text


def set_threshold(world: World, watts: int) -> None:
    path = "/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts"
    world.desk.publish(("organization/acme", "set", path, watts))


def start(server: ServerProcess, token: str, pinned: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-u", str(EXAMPLE), server.url, pinned],
        env=os.environ | {"EMS_ENROLLMENT_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, list[str], str]:
    output, errors = process.communicate(timeout=60)
    return process.returncode, output.splitlines(), errors.strip()


@pytest.mark.parametrize("roots", [1, 3])
def test_another_make_of_edge_enrolls_verifies_and_refuses(
    committed: Database, live_server_process: Serve, roots: int
) -> None:
    world = make_world()
    pinned = publish_roots(roots)
    set_threshold(world, 40_000)
    status, lines, errors = ended(start(live_server_process(committed), token_for(world), pinned))
    assert (status, errors) == (0, "")
    assert lines[:2] == [
        "enrolled as acme-north-1; version 2: signature and digests are right",
        "delta from 1 to 2, ['scheduler']: signed and complete",
    ]
    assert lines[2].endswith("copies of version 2 with one bit flipped: refused")


def test_an_edge_with_one_version_waits_for_its_first_change(
    committed: Database, live_server_process: Serve
) -> None:
    world = make_world()
    pinned = publish_roots(1)
    client = start(live_server_process(committed), token_for(world), pinned)
    assert client.stdout is not None
    assert client.stdout.readline().startswith("enrolled as acme-north-1; version 1")
    set_threshold(world, 40_000)
    status, lines, errors = ended(client)
    assert (status, errors) == (0, "")
    assert lines[0] == "delta from 1 to 2, ['scheduler']: signed and complete"


def test_a_root_that_is_not_the_pinned_one_is_refused(
    committed: Database, live_server_process: Serve
) -> None:
    world = make_world()
    publish_roots(1)
    status, lines, errors = ended(start(live_server_process(committed), token_for(world), "0" * 64))
    assert (status, lines, errors) == (1, [], "refused: root 1 is not the pinned one")


def test_a_token_that_was_used_is_refused(committed: Database, live_server_process: Serve) -> None:
    world = make_world()
    pinned, token = publish_roots(1), token_for(world)
    set_threshold(world, 40_000)
    server = live_server_process(committed)
    assert ended(start(server, token, pinned))[0] == 0
    status, _, errors = ended(start(server, token, pinned))
    assert status == 1
    assert errors.startswith("refused: not enrolled")


def test_the_example_stays_short_and_uses_nothing_of_ours() -> None:
    text = EXAMPLE.read_text()
    imported = {
        (node.module or "" if isinstance(node, ast.ImportFrom) else alias.name).split(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert text.count("\n") <= MOST_LINES
    assert imported <= OFFERED | set(sys.stdlib_module_names)
