"""Every setting that the environment can give, in one table: the documentation is made from it."""

import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from django.core.exceptions import ImproperlyConfigured

REPOSITORY = Path(__file__).resolve().parent.parent
GENERATED = "generated-for-development-only-"
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?")
TRUE, FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True)
class Setting:
    """One environment variable. A secret may also come from the file that `<NAME>_FILE` names."""

    name: str
    default: str
    meaning: str
    secret: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "ENVIRONMENT",
        "development",
        "`development` or `production`. Production refuses generated secrets, DEBUG and the embedded "
        "database.",
    ),
    Setting(
        "DATABASE_URL",
        "",
        "PostgreSQL 15+ as the application's role (no superuser, no BYPASSRLS, owner of nothing). Empty: an "
        "embedded PostgreSQL under EMS_VAR, for development.",
        secret=True,
    ),
    Setting(
        "DATABASE_OWNER_URL",
        "",
        "The same database as the role that owns the tables. Only `manage.py setup` needs it; do not give it "
        "to the server.",
        secret=True,
    ),
    Setting(
        "DATABASE_DIRECT_URL",
        "",
        "The same database without a transaction pooler between, for LISTEN. Empty: DATABASE_URL.",
        secret=True,
    ),
    Setting(
        "DATABASE_POOL_SIZE",
        "10",
        "Most database connections that the requests of one server process share, 1 to 10.",
    ),
    Setting(
        "SECRET_KEY",
        "",
        "Django's key for sessions and CSRF, at least 50 characters. Required in production; generated into "
        "EMS_VAR otherwise.",
        secret=True,
    ),
    Setting(
        "EMS_PEPPERS",
        "",
        "Numbered peppers of keys and tokens, `1:<text>,2:<text>`, each at least 32 characters; new keys use "
        "the highest number, old numbers stay while keys use them. Required in production.",
        secret=True,
    ),
    Setting(
        "EMS_SIGNING_KEY_FILE",
        "",
        "File of the Ed25519 key that signs manifests. Required in production; made by `manage.py setup` "
        "under EMS_VAR/keys otherwise.",
    ),
    Setting(
        "EMS_ROOT_KEY_FILE",
        "",
        "File of the root key. Only the first `manage.py setup` needs it, to sign root 1: keep it off the "
        "server afterwards. Empty: beside the signing key; production must name it.",
    ),
    Setting("DEBUG", "false", "Django's debug pages. Refused in production."),
    Setting("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR."),
    Setting("LOG_FORMAT", "", "`json` or `text`; by default json in production and text elsewhere."),
    Setting(
        "ALLOWED_HOSTS",
        "",
        "Host names that the server answers to, comma-separated. Required in production; loopback otherwise.",
    ),
    Setting(
        "EMS_LIMITS",
        "{}",
        "Other rate limits than the default, as JSON: {name: [burst, per second, block, lease seconds]}; "
        "names in doors/limits.py.",
    ),
    Setting("EMS_MOST_SOCKETS", "20000", "Most edge sockets of one server process; more are sent elsewhere."),
    Setting(
        "TRUSTED_PROXIES",
        "0",
        "How many proxies of ours stand in front and add to `X-Forwarded-For`; 0: the peer is the client.",
    ),
    Setting(
        "CORS_ORIGINS",
        "",
        "Origins (`https://desk.example.com`) whose pages may call the operator API and open `/live` with a "
        "token, comma-separated. Cookies never count across origins.",
    ),
    Setting(
        "TRUST_FORWARDED_PROTO",
        "false",
        "Believe `X-Forwarded-Proto`: only behind a proxy that always sets it itself.",
    ),
    Setting(
        "PUBLIC_URL", "", "The address that enrollment commands name, such as `https://ems.example.com`."
    ),
    Setting(
        "EMAIL_URL",
        "",
        "How mail is sent (alerts, invitations): `smtp://user:password@host:587?tls=starttls` "
        "(or `tls=tls`, `tls=none`), or `console:` to print it. "
        "Empty: no e-mail is sent, and the page of recipients says so.",
        secret=True,
    ),
    Setting("EMAIL_FROM", "ems@localhost", "The sender of e-mails."),
    Setting(
        "WEBHOOKS_TO_PRIVATE",
        "false",
        "Let webhooks and the ping dial loopback and private addresses, and plain http: for a demonstration, "
        "or where receivers stand in your own network.",
    ),
    Setting(
        "PING_URL",
        "",
        "An address of a watchdog service, dialled every minute by each worker while the database, the "
        "worker's jobs and the feed of a server are well. Its absence tells that the cloud is down.",
        secret=True,
    ),
    Setting("EMS_VAR", "var", "Folder for what a development server writes: database, secrets, keys."),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}


class Environment:
    """Typed reading of the table above; every complaint names the setting and what it should be."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    def text(self, name: str) -> str:
        setting = BY_NAME[name]
        given = self._variables.get(name, "")
        file_name = self._variables.get(f"{name}_FILE", "") if setting.secret else ""
        if given and file_name:
            raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
        if file_name:
            return self._from_file(name, Path(file_name))
        return given or setting.default

    def _from_file(self, name: str, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ImproperlyConfigured(f"{name}_FILE: {path} cannot be read ({error.strerror}).") from error

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name)
        if value not in allowed:
            raise ImproperlyConfigured(f"{name} is {value!r}; it must be one of: {', '.join(allowed)}.")
        return value

    def flag(self, name: str) -> bool:
        value = self.text(name).lower()
        if value not in TRUE | FALSE:
            raise ImproperlyConfigured(f"{name} is {value!r}; it must be true or false.")
        return value in TRUE

    def number(self, name: str, low: int, high: int) -> int:
        value = self.text(name)
        if not value.isascii() or not value.isdigit() or not low <= int(value) <= high:
            raise ImproperlyConfigured(
                f"{name} is {value!r}; it must be a whole number from {low} to {high}."
            )
        return int(value)

    def json_object(self, name: str) -> dict[str, Any]:
        try:
            value = json.loads(self.text(name))
        except ValueError as error:
            raise ImproperlyConfigured(f"{name} is not JSON: {error}.") from error
        if not isinstance(value, dict):
            raise ImproperlyConfigured(f"{name} must be a JSON object.")
        return value

    def words(self, name: str) -> list[str]:
        return [word.strip() for word in self.text(name).split(",") if word.strip()]

    def origins(self, name: str) -> list[str]:
        """As browsers send them: one that is written otherwise would never match, without a word."""
        given = self.words(name)
        for origin in given:
            if not ORIGIN.fullmatch(origin):
                raise ImproperlyConfigured(
                    f"{name} names {origin!r}; an origin reads https://desk.example.com or "
                    "https://desk.example.com:8443, in small letters, without a path."
                )
        return given

    def folder(self, name: str) -> Path:
        path = Path(self.text(name)).expanduser()
        return path if path.is_absolute() else REPOSITORY / path


def parse_peppers(text: str) -> dict[int, bytes]:
    """`1:<text>,2:<text>` -> {1: bytes, 2: bytes}."""
    peppers: dict[int, bytes] = {}
    for item in text.split(","):
        number, colon, pepper = item.strip().partition(":")
        if not colon or not number.isascii() or not number.isdigit() or int(number) in peppers:
            raise ImproperlyConfigured("EMS_PEPPERS must read `1:<text>,2:<text>` with different numbers.")
        if len(pepper) < 32:
            raise ImproperlyConfigured(f"EMS_PEPPERS: pepper {number} is shorter than 32 characters.")
        peppers[int(number)] = pepper.encode()
    return peppers


def development_secrets(var: Path) -> dict[str, str]:
    """Secrets of this development machine, made once; production recognises their prefix and refuses."""
    path = var / "secrets.json"
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True)
        made = {
            "SECRET_KEY": GENERATED + secrets.token_urlsafe(48),
            "EMS_PEPPERS": "1:" + GENERATED + secrets.token_urlsafe(32),
        }
        with NamedTemporaryFile("w", dir=var, prefix="secrets.", delete=False) as file:
            json.dump(made, file)
        try:
            os.link(file.name, path)  # fails when another process was first: its secrets count
        except FileExistsError:
            pass
        finally:
            Path(file.name).unlink()
    loaded: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def example() -> str:
    """The text of `.env.example`."""
    lines = ["# Every setting of the cloud. Secrets may come from a file: <NAME>_FILE=/run/secrets/..."]
    for setting in SETTINGS:
        lines += [
            "",
            f"# {setting.meaning}",
            f"{'#' if not setting.default else ''}{setting.name}={setting.default}",
        ]
    return "\n".join(lines) + "\n"
