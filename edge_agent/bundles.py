"""A version on a stick, for a site without internet: same checks, same floor as over the network."""

from __future__ import annotations

from typing import Any

from edge_agent.cloud import Document
from edge_agent.core import Core
from edge_agent.intake import ContentError, Intake
from edge_protocol.canonical import canonical
from edge_protocol.envelope import Envelope
from edge_protocol.errors import DeltaBaseError, TrustRootError
from edge_protocol.messages import Bundle
from edge_protocol.trust import TrustRoot, next_root


def take_bundle(core: Core, intake: Intake, value: Any) -> int:
    """Returns the version's number; what becomes of it shows in the status.

    Errors: ProtocolError (MessageError, TrustError, TrustStaleError, DeltaBaseError).
    """
    bundle = Bundle.from_dict(value)
    for envelope in bundle.roots:
        _take_root(core, envelope)
    manifest = Envelope.from_json(bundle.manifest)
    try:
        intake.take(Document(bundle.document, manifest.to_header(), None, 0))
    except ContentError as error:
        raise DeltaBaseError(f"the bundle is not what its manifest promises: {error.detail}") from error
    return core.floor.version


def _take_root(core: Core, value: Any) -> None:
    """Those that are held already are skipped, but never contradicted; each next one is one step."""
    envelope = Envelope.from_json(value)
    number = TrustRoot.from_payload(envelope.payload).root_version
    newest = max(core.roots)
    if number <= newest:
        if number in core.roots and core.root(number).payload() != envelope.payload:
            raise TrustRootError(f"trust root {number} is not the one that this edge holds")
        return
    root = next_root(core.root(), envelope)
    if not core.add_root(root, canonical(value).decode()):
        raise TrustRootError(core.troubles.storage)
