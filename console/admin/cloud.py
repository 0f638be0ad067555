"""Trouble of the cloud itself, which stands above all on the pages that people watch."""

from datetime import datetime

from django.http import HttpRequest

from edges.notices import COUNTER
from monitoring import pinging


def troubles(request: HttpRequest) -> list[str]:
    """A sentence each; none while all is well. One query."""
    now: datetime = request.now  # type: ignore[attr-defined]
    return pinging.troubles(pinging.signs(listens=COUNTER), now)
