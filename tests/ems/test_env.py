"""Settings from the environment: one table, clear complaints, and what production refuses."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from ems import env, production
from ems.env import Environment, development_secrets, parse_peppers

FIT = {
    "ENVIRONMENT": "production",
    "DATABASE_URL": "postgresql://ems_app:secret@db/ems",
    "SECRET_KEY": "k" * 25 + "0123456789abcdefghijklmnopqrstuvwxyz",
    "EMS_PEPPERS": "1:" + "p" * 32,
    "EMS_SIGNING_KEY_FILE": "/run/secrets/signing.key",
    "ALLOWED_HOSTS": "ems.example.com",
}


def test_the_example_lists_every_setting() -> None:
    assert (env.REPOSITORY / ".env.example").read_text() == env.example()


def test_every_setting_says_what_it_means() -> None:
    for setting in env.SETTINGS:
        assert setting.meaning.endswith("."), setting.name


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file\n")
    assert Environment({"SECRET_KEY_FILE": str(tmp_path / "key")}).text("SECRET_KEY") == "from the file"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SECRET_KEY": "a", "SECRET_KEY_FILE": "b"}, "SECRET_KEY or SECRET_KEY_FILE, not both"),
        ({"SECRET_KEY_FILE": "/nowhere/at/all"}, "SECRET_KEY_FILE: /nowhere/at/all cannot be read"),
    ],
)
def test_a_file_that_does_not_fit_is_named(variables: dict[str, str], said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        Environment(variables).text("SECRET_KEY")


@pytest.mark.parametrize("value", ["0", "11", "-1", "ten", "1.5", "١"])
def test_a_number_out_of_range_is_named(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"DATABASE_POOL_SIZE is .* whole number from 1 to 10"):
        Environment({"DATABASE_POOL_SIZE": value}).number("DATABASE_POOL_SIZE", 1, 10)


def test_a_flag_is_true_or_false_and_nothing_else() -> None:
    assert Environment({"DEBUG": "Yes"}).flag("DEBUG")
    assert not Environment({}).flag("DEBUG")
    with pytest.raises(ImproperlyConfigured, match="DEBUG is 'maybe'"):
        Environment({"DEBUG": "maybe"}).flag("DEBUG")


def test_a_choice_outside_the_list_is_named() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"ENVIRONMENT is .prod.; it must be one of: a, b"):
        Environment({"ENVIRONMENT": "prod"}).choice("ENVIRONMENT", ("a", "b"))


@pytest.mark.parametrize("value", ["[", "[]", "7"])
def test_limits_are_a_json_object(value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMS_LIMITS"):
        Environment({"EMS_LIMITS": value}).json_object("EMS_LIMITS")


def test_peppers_are_numbered() -> None:
    assert parse_peppers("1:" + "a" * 32 + ", 12:" + "b" * 40) == {1: b"a" * 32, 12: b"b" * 40}


@pytest.mark.parametrize(
    "text", ["", "a" * 40, "x:" + "a" * 32, "1:short", "1:" + "a" * 32 + ",1:" + "b" * 32]
)
def test_peppers_without_sense_are_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="EMS_PEPPERS"):
        parse_peppers(text)


def test_development_secrets_are_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    made = development_secrets(tmp_path / "var")
    assert development_secrets(tmp_path / "var") == made
    file = tmp_path / "var" / "secrets.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert json.loads(file.read_text()) == made
    assert [path.name for path in file.parent.iterdir()] == ["secrets.json"]
    assert parse_peppers(made["EMS_PEPPERS"]).keys() == {1}


def test_a_fit_environment_may_be_production() -> None:
    production.require(Environment(FIT))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        *(({name: ""}, f"{name} is not set") for name in production.REQUIRED),
        ({"SECRET_KEY": "short"}, "at least 50"),
        ({"SECRET_KEY": "django-insecure-" + "x" * 60}, "at least 50 random"),
        ({"SECRET_KEY": env.GENERATED + "x" * 60}, "SECRET_KEY was generated"),
        ({"EMS_PEPPERS": "1:" + env.GENERATED + "x" * 32}, "EMS_PEPPERS was generated"),
        ({"DEBUG": "true"}, "DEBUG must be off"),
        ({"ALLOWED_HOSTS": "ems.example.com,*"}, "ALLOWED_HOSTS must name hosts"),
        (
            {"EMS_VAR": "/srv/v", "DATABASE_URL": "postgresql://ems_app@/ems?host=%2Fsrv%2Fv%2Fpostgres"},
            "names the embedded PostgreSQL",
        ),
    ],
    ids=str,
)
def test_production_refuses(change: dict[str, str], said: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=said):
        production.require(Environment(FIT | change))


def manage(*arguments: str, variables: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=env.REPOSITORY,
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_production_check_finds_nothing(tmp_path: Path) -> None:
    done = manage("check", "--deploy", variables=FIT | {"EMS_VAR": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("(security.") == 0
    assert "no issues" in done.stdout, done.stderr
    assert list(tmp_path.iterdir()) == []  # production generates nothing


def test_production_without_anything_says_everything_at_once(tmp_path: Path) -> None:
    done = manage("check", variables={"ENVIRONMENT": "production", "EMS_VAR": str(tmp_path)})
    assert done.returncode == 1
    for name in production.REQUIRED:
        assert f"{name} is not set" in done.stderr


@pytest.mark.parametrize(
    "wrong", ["*", "null", "desk.example.com", "https://desk.example.com/", "https://Desk.x"]
)
def test_an_origin_that_no_browser_sends_is_refused(wrong: str) -> None:
    assert Environment({"CORS_ORIGINS": "https://a.example:8443, http://localhost"}).origins("CORS_ORIGINS")
    with pytest.raises(ImproperlyConfigured, match="without a path"):
        Environment({"CORS_ORIGINS": f"https://a.example,{wrong}"}).origins("CORS_ORIGINS")
