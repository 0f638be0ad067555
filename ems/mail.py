"""Where e-mail goes, from one address in the environment."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

_BACKENDS = "django.core.mail.backends"
_PORTS = {"none": 25, "starttls": 587, "tls": 465}


@dataclass(frozen=True)
class Mail:
    is_set: bool
    backend: str
    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    tls: str = "none"


def parse(text: str) -> Mail:
    """`smtp://user:password@host:587?tls=starttls`, `console:`, or nothing.

    Raises: ImproperlyConfigured.
    """
    if not text:
        return Mail(False, f"{_BACKENDS}.dummy.EmailBackend")
    if text == "console:":
        return Mail(True, f"{_BACKENDS}.console.EmailBackend")
    parts = urlsplit(text)
    asked = dict(parse_qsl(parts.query))
    tls = asked.pop("tls", "starttls")
    try:
        port = parts.port or _PORTS[tls]
    except (KeyError, ValueError):
        port = 0
    if parts.scheme != "smtp" or not parts.hostname or asked or not port:
        raise ImproperlyConfigured(
            "EMAIL_URL must read `smtp://user:password@host:587?tls=starttls` (tls, none) or `console:`."
        )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    return Mail(True, f"{_BACKENDS}.smtp.EmailBackend", parts.hostname, port, user, password, tls)
