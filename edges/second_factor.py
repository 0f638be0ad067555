"""A person's second factor: an authenticator app's codes, and recovery codes for the day it is lost.

The rows and the arithmetic are django-allauth's; what is ours is that secrets are sealed under a pepper, that
one code counts once whatever process it reaches, and who must have one.
"""

import base64
import hmac
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from cryptography.fernet import Fernet
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from edges import auditing, credentials
from edges.errors import SecondFactorRefused
from edges.models import Organization

PERIOD_SECONDS = 30
# The phone's clock may be half a minute off, either way.
STEPS = (-1, 0, 1)
WRONG = "This code does not fit. Codes change every 30 seconds and count once: try the next one."


class Sealed(DefaultMFAAdapter):
    """allauth's hook for secrets at rest: sealed under the newest pepper, whose number stands in front."""

    def encrypt(self, text: str) -> str:
        number = credentials.newest_pepper()
        return f"{number}:{_box(number).encrypt(text.encode()).decode()}"

    def decrypt(self, encrypted_text: str) -> str:
        number, _, sealed = encrypted_text.partition(":")
        return _box(int(number)).decrypt(sealed.encode()).decode()


def _box(number: int) -> Fernet:
    pepper = settings.EMS_PEPPERS.get(number)
    if pepper is None:
        raise ImproperlyConfigured(f"EMS_PEPPERS has no pepper {number}: second factors cannot be checked.")
    return Fernet(base64.urlsafe_b64encode(hmac.digest(pepper, b"second factor", sha256)))


def holders(user_ids: set[int]) -> set[int]:
    """Who of these has one. One query."""
    rows = Authenticator.objects.filter(user_id__in=user_ids, type=Authenticator.Type.TOTP)
    return set(rows.values_list("user_id", flat=True))


def has(user_id: int) -> bool:
    return bool(holders({user_id}))


def new_secret() -> str:
    """A secret for an authenticator app, sealed: to be kept until its first code proves that it arrived."""
    return Sealed().encrypt(generate_totp_secret())


def address(user: Any, sealed: str) -> tuple[str, str]:
    """(what the app is told, the secret for typing in)."""
    secret = Sealed().decrypt(sealed)
    return Sealed().build_totp_url(user, secret), secret


def enrol(*, user: Any, sealed: str, code: str, now: datetime) -> list[str]:
    """Take up the app that gives this code; answers the recovery codes, which are shown once.

    Errors: SecondFactorRefused when the code does not fit or there is one already.
    """
    secret = Sealed().decrypt(sealed)
    counter = _counter(secret, code, now)
    if counter is None:
        raise SecondFactorRefused(WRONG)
    with transaction.atomic():
        get_user_model().objects.select_for_update().get(pk=user.pk)
        if has(user.pk):
            raise SecondFactorRefused("You have a second factor already. End it first to set up another.")
        held = TOTP.activate(user, secret).instance
        held.data["counter"] = counter
        held.save(update_fields=["data"])
        return new_codes(user=user)


def check(*, user_id: int, code: str, now: datetime) -> None:
    """Spend one code, of the app or of the recovery codes. Errors: SecondFactorRefused."""
    given = code.replace(" ", "")
    with transaction.atomic():
        rows = Authenticator.objects.select_for_update().filter(user_id=user_id)
        held = {row.type: row for row in rows}
        app = held.get(Authenticator.Type.TOTP)
        spare = held.get(Authenticator.Type.RECOVERY_CODES)
        if app is not None and _spend(app, given, now):
            return
        if app is not None and spare is not None and given and spare.wrap().validate_code(given):
            spare.record_usage()
            return
    raise SecondFactorRefused(WRONG)


def _spend(app: Any, code: str, now: datetime) -> bool:
    counter = _counter(Sealed().decrypt(app.data["secret"]), code, now)
    if counter is None or counter <= app.data.get("counter", 0):
        return False
    app.data["counter"] = counter
    app.last_used_at = now
    app.save(update_fields=["data", "last_used_at"])
    return True


def _counter(secret: str, code: str, now: datetime) -> int | None:
    """The half minute whose code this is."""
    given = code.replace(" ", "").encode()
    current = int(now.timestamp()) // PERIOD_SECONDS
    for counter in (current + step for step in STEPS):
        if hmac.compare_digest(format_hotp_value(hotp_value(secret, counter)).encode(), given):
            return counter
    return None


def new_codes(*, user: Any) -> list[str]:
    """Fresh recovery codes in place of the old ones; shown once."""
    Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).delete()
    codes: list[str] = RecoveryCodes.activate(user).get_unused_codes()
    return codes


def end(*, user: Any, required_by: list[str]) -> None:
    """Take the second factor away. Errors: SecondFactorRefused while an organization asks for it."""
    if required_by:
        raise SecondFactorRefused(f"{required_by[0]} asks its people for a second factor: it stays on.")
    Authenticator.objects.filter(user=user).delete()


def require(*, organization_id: UUID, is_required: bool, by: str, now: datetime) -> Organization:
    """Ask everybody in the organization for a second factor, or no longer. Needs a scope."""
    row: Organization = Organization.objects.select_for_update(no_key=True).get(pk=organization_id)
    if row.requires_second_factor != is_required:
        row.requires_second_factor = is_required
        row.save(update_fields=["requires_second_factor"])
        what = "second_factor_asked" if is_required else "second_factor_by_choice"
        auditing.note(organization_id=organization_id, what=what, by=by, about="everybody", now=now)
    return row
