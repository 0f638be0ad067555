"""The signer comes from one file that only its owner reads, and believes no clock that is alone."""

import base64
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from configs import signing
from configs.refusals import ClockRefused
from edge_protocol.envelope import keyid, private_key_from_seed, public_text
from tests.configs.conftest import SEED, make_signer


def test_a_key_is_made_once_and_only_for_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "config.key"
    seed = signing.ensure_key(path, random_bytes=lambda size: bytes(range(size)))
    assert seed == SEED
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert signing.ensure_key(path, random_bytes=lambda _: b"another") == SEED
    assert signing.load(path).key.keyid == keyid(public_text(private_key_from_seed(SEED)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"too short",
        base64.urlsafe_b64encode(b"x" * 31),
        b"\xff\xfe",
        base64.urlsafe_b64encode(b"x" * 33),
    ],
)
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.key"
    path.write_bytes(content)
    with pytest.raises(ImproperlyConfigured, match="wrong"):
        signing.read_seed(path)


def test_a_missing_key_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ImproperlyConfigured, match="setup"):
        signing.load(tmp_path / "absent.key")


@pytest.mark.parametrize(("minutes", "refused"), [(0, False), (4, False), (-4, False), (6, True), (-6, True)])
def test_a_clock_more_than_five_minutes_off_signs_nothing(minutes: int, refused: bool) -> None:
    at = datetime(2026, 2, 15, 10, 30, tzinfo=UTC)
    signer = replace(make_signer(), clock=lambda: at + timedelta(minutes=minutes))
    if not refused:
        return signer.check_clock(at)
    with pytest.raises(ClockRefused):
        signer.check_clock(at)
    return None
