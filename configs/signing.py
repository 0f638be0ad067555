"""Who signs manifests, and that its clock can be believed."""

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from configs.refusals import ClockRefused
from edge_protocol import envelope
from edge_protocol.envelope import Envelope
from edge_protocol.manifest import LIFETIME_DAYS, MANIFEST_TYPE, Manifest

LIFETIME = timedelta(days=LIFETIME_DAYS)
MOST_SKEW = timedelta(minutes=5)
SEED_BYTES = 32


def _clock() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Signer:
    """The key of the role `config`; `clock` is this process's own, compared with the database's."""

    key: envelope.Signer
    clock: Callable[[], datetime] = _clock

    def check_clock(self, database_now: datetime) -> None:
        """Errors: ClockRefused when the two clocks are more than five minutes apart."""
        skew = self.clock() - database_now
        if abs(skew) > MOST_SKEW:
            raise ClockRefused(
                f"The server's and the database's clocks differ by {skew.total_seconds():.0f} s: not signing."
            )

    def sign_manifest(self, manifest: Manifest) -> Envelope:
        return envelope.seal(MANIFEST_TYPE, manifest.payload(), [self.key])


def signer() -> Signer:
    """The signer of EMS_SIGNING_KEY_FILE. Errors: ImproperlyConfigured naming the file and what to do."""
    return load(Path(settings.EMS_SIGNING_KEY_FILE))


@cache
def load(path: Path) -> Signer:
    """The signer of a key file: 32 bytes, base64url. Errors: ImproperlyConfigured."""
    return Signer(envelope.signer(envelope.private_key_from_seed(read_seed(path))))


def read_seed(path: Path) -> bytes:
    """The 32 bytes of a key file. Errors: ImproperlyConfigured."""
    try:
        text = path.read_text(encoding="ascii").strip()
        seed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except FileNotFoundError as error:
        raise ImproperlyConfigured(f"There is no signing key at {path}: run `manage.py setup`.") from error
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"The signing key {path} cannot be read: {error}") from error
    if len(seed) != SEED_BYTES:
        raise ImproperlyConfigured(f"The signing key {path} has {len(seed)} bytes, not {SEED_BYTES}.")
    return seed


def ensure_key(path: Path, *, random_bytes: Callable[[int], bytes]) -> bytes:
    """The seed at `path`, made (0600, its folder 0700) where there is none. For development set-ups."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = base64.urlsafe_b64encode(random_bytes(SEED_BYTES)).rstrip(b"=")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text + b"\n")
    return read_seed(path)
