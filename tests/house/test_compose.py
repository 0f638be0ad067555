"""docker-compose.yml is checked against the published compose schema (shipped by check-jsonschema)."""

import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_compose_file_satisfies_the_compose_schema() -> None:
    checker = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_worker_stands_beside_the_server() -> None:
    """Without one a rollout would start and never go on."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert services["worker"]["command"] == ["python", "manage.py", "work"]
    shared = ("build", "env_file", "depends_on")
    assert all(services["worker"][name] == services["server"][name] for name in shared)
