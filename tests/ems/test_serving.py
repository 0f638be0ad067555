"""`manage.py setup` and `manage.py serve`, as a stranger runs them: real processes, a folder of their own."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
import requests

from ems import database, env

LISTENING = re.compile(r"Uvicorn running on (http://127\.0\.0\.1:\d+)")


@pytest.fixture(scope="module")
def var() -> Iterator[Path]:
    folder = Path(mkdtemp(prefix="ems-serving-"))
    yield folder
    with database.supervised(folder):
        """Adopts what a failed test left, and stops it."""
    shutil.rmtree(folder)


def start(var: Path, *arguments: str, **more: str) -> "subprocess.Popen[str]":
    variables = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=env.REPOSITORY,
        env=variables | {"EMS_VAR": str(var)} | more,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(var: Path, *arguments: str, **more: str) -> "subprocess.CompletedProcess[str]":
    process = start(var, *arguments, **more)
    said, _ = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, said)


def address(process: "subprocess.Popen[str]") -> str:
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if found := LISTENING.search(line):
            return found[1]
    raise AssertionError("".join(said))


@pytest.fixture(scope="module")
def ready(var: Path) -> Path:
    done = run(var, "setup")
    assert done.returncode == 0, done.stdout
    return var


def test_set_up_may_be_repeated(ready: Path) -> None:
    done = run(ready, "setup")
    assert done.returncode == 0, done.stdout
    for secret in (*ready.glob("keys/*"), ready / "secrets.json"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600, secret
    with database.supervised(ready) as place, psycopg.connect(place.url(database.APP)) as app:
        assert app.execute("select root_version from edges_trustroot").fetchall() == [(1,)]
        assert app.execute("select count(*) from edges_organization").fetchone() == (0,)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_server_answers_and_ends_in_order(ready: Path, end: signal.Signals) -> None:
    process = start(ready, "serve", "--port", "0")
    base = address(process)
    assert requests.get(f"{base}/health/ready", timeout=10).json()["status"] == "ok"
    assert requests.get(f"{base}/static/admin/css/base.css", timeout=10).ok
    process.send_signal(end)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database.cluster(ready).url(database.APP))


def test_a_server_without_a_set_up_says_what_to_do() -> None:
    folder = Path(mkdtemp(prefix="ems-bare-"))
    done = run(folder, "serve", "--port", "0")
    assert done.returncode == 1
    assert "manage.py setup" in done.stdout
    assert "Traceback" not in done.stdout
    shutil.rmtree(folder)


@pytest.mark.parametrize("role", [database.SUPERUSER, database.OWNER])
def test_the_server_refuses_to_serve_as_a_role_above_the_policies(ready: Path, role: str) -> None:
    with database.supervised(ready) as place:
        done = run(ready, "serve", "--port", "0", DATABASE_URL=place.url(role))
    assert done.returncode == 1
    assert "the server only runs as ems_app" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("role", [database.SUPERUSER, database.OWNER])
def test_uvicorn_itself_refuses_too(ready: Path, role: str) -> None:
    with database.supervised(ready) as place:
        done = subprocess.run(
            [sys.executable, "-m", "uvicorn", "ems.asgi:application", "--port", "0"],
            cwd=env.REPOSITORY,
            env=os.environ | {"EMS_VAR": str(ready), "DATABASE_URL": place.url(role)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode != 0
    assert "the server only runs as ems_app" in done.stderr


def test_a_hosted_database_is_prepared_by_an_owner_who_may_create_roles() -> None:
    """No superuser anywhere: the owner makes the roles, hands over the doors, and is no member afterwards."""
    folder = Path(mkdtemp(prefix="ems-hosted-"))
    with database.supervised(folder / "server") as place:
        with psycopg.connect(place.url(database.SUPERUSER, "postgres"), autocommit=True) as admin:
            admin.execute("CREATE ROLE hosted LOGIN CREATEROLE")
            admin.execute("CREATE DATABASE ems OWNER hosted")
        addresses = {
            "DATABASE_URL": place.url(database.APP).replace("ems_app@", "ems_app:s%40cret@"),
            "DATABASE_OWNER_URL": place.url("hosted"),
        }
        done = run(folder, "setup", **addresses)
        assert done.returncode == 0, done.stdout
        with psycopg.connect(place.url(database.SUPERUSER)) as admin:
            doors = admin.execute(
                "select count(*) from pg_proc where prosecdef and proowner = 'ems_door'::regrole"
            )
            assert doors.fetchone() == (5,)
            usable = admin.execute(
                "select member::regrole::text from pg_auth_members "
                "where roleid = 'ems_door'::regrole and (inherit_option or set_option)"
            )
            assert usable.fetchall() == []
            password = admin.execute(
                "select rolpassword like 'SCRAM%' from pg_authid where rolname = 'ems_app'"
            )
            assert password.fetchone() == (True,)
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"DATABASE_URL": "postgresql://ems_app@h/ems"}, "Set DATABASE_OWNER_URL"),
        (
            {"DATABASE_URL": "postgresql://root@h/ems", "DATABASE_OWNER_URL": "postgresql://o@h/ems"},
            "DATABASE_URL must log in as ems_app",
        ),
        ({"DATABASE_URL": "mysql://h/ems"}, "must read postgresql://"),
    ],
)
def test_set_up_names_the_setting_that_is_wrong(tmp_path: Path, more: dict[str, str], said: str) -> None:
    done = run(tmp_path, "setup", **more)
    assert done.returncode == 1
    assert said in done.stdout
