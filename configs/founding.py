"""The first trust root of a deployment: who may sign configurations, and who may change who may."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from configs import signing
from edge_protocol import envelope
from edge_protocol.instants import format_instant
from edge_protocol.signing_keys import keyid, private_key_from_seed, public_text, signer
from edge_protocol.trust import ROOT_TYPE, Role, TrustRoot
from edges.models import TrustRoot as StoredRoot

ROOT_LIFETIME = timedelta(days=5 * 365)


def found_trust(
    *, signing_key: Path, root_key: Path, now: datetime, random_bytes: Callable[[int], bytes]
) -> StoredRoot:
    """Root 1, signed by the root key over one configuration key; what exists already stays as it is.

    Shape:  two files of 32 bytes each, base64url, made (0600) where absent. The root key signs nothing until
            the next root: in production it is moved off the server.
    Errors: ImproperlyConfigured for a key file that cannot be read.
    Source: protocol.md, "Trust root".
    """
    stored = StoredRoot.objects.filter(root_version=1).first()
    if stored is not None:
        return stored
    config, root = (
        private_key_from_seed(signing.ensure_key(path, random_bytes=random_bytes))
        for path in (signing_key, root_key)
    )
    keys = {keyid(public_text(key)): public_text(key) for key in (config, root)}
    first = TrustRoot(
        root_version=1,
        epoch=1,
        issued_at=format_instant(now),
        expires_at=format_instant(now + ROOT_LIFETIME),
        keys=keys,
        config=Role((keyid(public_text(config)),), 1),
        root=Role((keyid(public_text(root)),), 1),
    )
    sealed = envelope.seal(ROOT_TYPE, first.payload(), [signer(root)])
    # Another set-up may have been first by a moment: its root stands.
    values = {"envelope": sealed.to_json(), "sha256": first.sha256, "created_at": now}
    return StoredRoot.objects.get_or_create(root_version=1, defaults=values)[0]
