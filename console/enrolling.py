"""The line that a technician pastes on an edge."""

import shlex

from edges.models import TrustRoot


def command(server_url: str, token: str) -> str:
    """Enrolls in one paste: the token by environment, the digest of trust root 1 so that nothing is trusted on sight."""
    root = TrustRoot.objects.get(root_version=1)
    return (
        f"EMS_ENROLLMENT_TOKEN={shlex.quote(token)} "
        f"ems-agent enroll --server {shlex.quote(server_url)} --root-sha256 {root.sha256}"
    )
