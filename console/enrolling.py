"""The line that a technician pastes on an edge."""

import shlex

from django.conf import settings
from django.http import HttpRequest

from edges.models import TrustRoot


def command(request: HttpRequest, token: str) -> str:
    """Enrolls in one paste: the token by environment, the digest of trust root 1 so that nothing is
    trusted on sight.
    """
    server_url = settings.PUBLIC_URL or request.build_absolute_uri("/").rstrip("/")
    root = TrustRoot.objects.get(root_version=1)
    return (
        f"EMS_ENROLLMENT_TOKEN={shlex.quote(token)} "
        f"ems-agent enroll --server {shlex.quote(server_url)} --root-sha256 {root.sha256}"
    )
