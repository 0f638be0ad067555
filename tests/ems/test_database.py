"""The embedded PostgreSQL: one supervisor, others given the address, killed runs recovered."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import psutil
import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured

from ems import database, env

SUPERVISE = """
import sys
from pathlib import Path
from ems import database
with database.supervised(Path(sys.argv[1])) as place:
    print((place.data / "postmaster.pid").read_text().split()[0], flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def var() -> Iterator[Path]:
    """A folder of its own; its server is stopped at the end whatever the tests did."""
    folder = Path(mkdtemp(prefix="ems-supervised-"))
    yield folder
    with database.supervised(folder):
        """Adopts what a failed test left, and stops it."""
    shutil.rmtree(folder)


def supervisor(var: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SUPERVISE, str(var)],
        cwd=env.REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def server_id(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def answers(place: database.Cluster) -> bool:
    try:
        with psycopg.connect(place.url(database.SUPERUSER, "postgres")) as connection:
            return connection.execute("select 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def test_the_first_supervises_and_the_next_only_uses(var: Path) -> None:
    with database.supervised(var) as first:
        with database.supervised(var) as second:
            assert second == first
            assert answers(second)
        assert answers(first)
    assert not answers(first)


def test_the_data_is_the_owners_alone_and_there_is_no_port(var: Path) -> None:
    with database.supervised(var) as place:
        assert place.data.stat().st_mode & 0o777 == 0o700
        socket = place.socket / ".s.PGSQL.5432"
        assert socket.stat().st_mode & 0o777 == 0o700
        with psycopg.connect(place.url(database.SUPERUSER, "postgres")) as connection:
            assert connection.execute("show listen_addresses").fetchone() == ("",)
            assert connection.execute("show max_connections").fetchone() == ("100",)


def test_a_server_left_by_a_killed_run_is_adopted_and_stopped(var: Path) -> None:
    process = supervisor(var)
    left = server_id(process)
    process.kill()
    process.communicate()
    with database.supervised(var) as place:
        assert int((place.data / "postmaster.pid").read_text().split()[0]) == left
        assert answers(place)
    assert not answers(place)


def test_a_pid_file_whose_server_is_gone_does_not_stop_the_next(var: Path) -> None:
    process = supervisor(var)
    postmaster = server_id(process)
    process.kill()
    process.communicate()
    dying = psutil.Process(postmaster)
    dying.kill()
    dying.wait(30)  # until then its number is that of a server
    with database.supervised(var) as place:
        assert answers(place)


def test_a_pid_file_that_names_another_program_is_not_believed(var: Path) -> None:
    place = database.cluster(var)
    (place.data / "postmaster.pid").write_text(f"{os.getpid()}\n{place.data}\n1\n5432\n")
    with database.supervised(var):
        assert answers(place)


def test_a_supervisor_that_ends_stops_its_server(var: Path) -> None:
    process = supervisor(var)
    server_id(process)
    process.communicate("")
    assert process.returncode == 0
    assert not answers(database.cluster(var))


def test_a_deep_folder_gets_a_short_socket() -> None:
    place = database.cluster(Path("/tmp") / ("deep" * 40))
    assert len(str(place.socket / ".s.PGSQL.5432")) < 108
    assert place == database.cluster(Path("/tmp") / ("deep" * 40))
    assert place.socket != database.cluster(Path("/tmp") / ("keep" * 40)).socket


@pytest.mark.parametrize("url", ["", "mysql://a/b", "postgresql://host", "sqlite:///x"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="must read postgresql://"):
        database.django_database(url)


def test_an_address_keeps_what_it_says() -> None:
    made = database.django_database("postgresql://u:p%40ss@db.example:6432/ems?sslmode=verify-full")
    assert {name: made[name] for name in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")} == {
        "NAME": "ems",
        "USER": "u",
        "PASSWORD": "p@ss",
        "HOST": "db.example",
        "PORT": "6432",
        "OPTIONS": {"sslmode": "verify-full"},
    }
