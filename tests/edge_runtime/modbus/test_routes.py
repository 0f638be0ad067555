"""A simulation file: loopback only, its owner's only, all or nothing."""

import json
from pathlib import Path
from typing import Any

import pytest

from edge_runtime.field import UnreachableError
from edge_runtime.modbus.routes import RoutesError, read_routes

ELSEWHERE = [
    "10.20.0.11:502",
    "8.8.8.8:502",
    "localhost:502",
    "127.0.0.1",
    "127.0.0.1:0",
    "127.0.0.1:x",
    "/dev/ttyS0",
    "/dev/pts/../ttyS0",
    "/dev/pts/4x",
    "socket://127.0.0.1:5",
    5,
    None,
]


def _file(tmp_path: Path, body: Any, mode: int = 0o600) -> Path:
    path = tmp_path / "map.json"
    path.write_text(body if isinstance(body, str) else json.dumps(body))
    path.chmod(mode)
    return path


def test_what_the_file_names_is_dialled_on_loopback_and_nothing_else_at_all(tmp_path: Path) -> None:
    route = read_routes(_file(tmp_path, {"10.20.0.11:502": "127.0.0.1:15021", "/dev/ttyUSB0": "/dev/pts/4"}))
    assert route("10.20.0.11:502") == "127.0.0.1:15021"
    assert route("/dev/ttyUSB0") == "/dev/pts/4"
    with pytest.raises(UnreachableError) as refused:
        route("10.20.0.12:502")
    assert str(refused.value) == "10.20.0.12:502 is not part of the simulated site"


@pytest.mark.parametrize("target", ELSEWHERE)
def test_a_target_that_is_not_this_machine_s_own_is_refused(tmp_path: Path, target: Any) -> None:
    with pytest.raises(RoutesError):
        read_routes(_file(tmp_path, {"10.20.0.11:502": target}))


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(RoutesError) as refused:
        read_routes(_file(tmp_path, {}, mode))
    assert "only its owner can write" in str(refused.value)


def test_a_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(tmp_path, {})
    owner = path.stat().st_uid
    if owner == 0:  # root's own files are everybody's word; give this one away
        import os

        os.chown(path, 12345, -1)
    else:
        monkeypatch.setattr("os.geteuid", lambda: owner + 1)
    with pytest.raises(RoutesError) as refused:
        read_routes(path)
    assert "belongs to somebody else" in str(refused.value)


@pytest.mark.parametrize("body", ["{", "[]", '"x"'])
def test_a_file_that_is_no_map_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(RoutesError):
        read_routes(_file(tmp_path, body))
