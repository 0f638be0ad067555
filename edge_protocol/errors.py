"""Every error that can cross the wire, grouped by what the receiver does next.

ProtocolError
├── DocumentError             refuse it, keep what runs, report code and path
│   ├── JsonError             not acceptable JSON (`bad_json`)
│   ├── BodyTooLargeError     more bytes than the endpoint's cap
│   ├── CanonicalError        a value that has no canonical form
│   ├── PointerError          a path that does not lead anywhere it may
│   ├── MergeError            identity missing, repeated or another one
│   ├── MessageError          a body of the wire with the wrong shape
│   ├── SchemaUnknownError    a document schema that this end does not know
│   ├── SchemaRejected        the document violates its schema
│   └── SemanticsRejected     the document contradicts itself
├── CredentialError           not a credential of the kind asked for
├── TrustError                do not believe it: nothing moves, raise an alarm
│   ├── EnvelopeError         not an envelope of the expected type
│   ├── SignatureError        too few distinct trusted signatures
│   ├── ManifestError         signed, but not a manifest that we can read
│   ├── WrongRecipientError   genuine, for somebody else
│   ├── EpochError            of another epoch than the trusted root
│   ├── ReplayError           older than what was already seen
│   ├── EquivocationError     one version number, two contents
│   └── TrustRootError        a trust root that may not be taken in
├── TrustStaleError           genuine, out of date: wait, keep running
└── DeltaBaseError            ask for the full document once
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class ProtocolError(Exception):
    """Root of the tree. `code` is stable; `detail` is for people; `path` is a pointer or ""."""

    code: ClassVar[str] = "protocol_error"

    def __init__(self, detail: str, *, path: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.path = path

    def to_dict(self) -> dict[str, Any]:
        """Shape: {"code", "detail", "path"} as it stands in reports and in problem+json."""
        return {"code": self.code, "detail": self.detail, "path": self.path}


class DocumentError(ProtocolError):
    code = "invalid"


class JsonError(DocumentError):
    """`malformed` is False where the text is JSON by RFC 8259 and only outside what both ends accept."""

    code = "bad_json"

    def __init__(self, detail: str, *, path: str = "", malformed: bool = True) -> None:
        super().__init__(detail, path=path)
        self.malformed = malformed


class BodyTooLargeError(DocumentError):
    code = "body_too_large"


class CanonicalError(DocumentError):
    code = "not_canonical"


class PointerError(DocumentError):
    code = "bad_path"


class MergeError(DocumentError):
    """`rule` is what an operator reads (`identity`); `layer` = {"scope", "target"} where it is known."""

    code = "identity"

    def __init__(
        self, detail: str, *, path: str = "", rule: str = "identity", layer: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, path=path)
        self.rule = rule
        self.layer = None if layer is None else dict(layer)

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "rule": self.rule, "layer": self.layer}


class MessageError(DocumentError):
    code = "invalid"


class SchemaUnknownError(DocumentError):
    code = "schema_unknown"


class _RejectedError(DocumentError):
    def __init__(self, problems: Sequence[Any]) -> None:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        super().__init__(f"{first.rule}: {first.detail}{more}", path=first.path)
        self.problems = tuple(problems)

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "errors": [problem.to_dict() for problem in self.problems]}


class SchemaRejected(_RejectedError):  # noqa: N818 - named for what happened to the document
    """`problems` are the `schema.Violation`s, at least one."""

    code = "schema"

    @property
    def violations(self) -> tuple[Any, ...]:
        return self.problems


class SemanticsRejected(_RejectedError):  # noqa: N818 - as above
    """`problems` are the `semantics.Finding`s of severity error, at least one."""

    code = "semantics"

    @property
    def findings(self) -> tuple[Any, ...]:
        return self.problems


class CredentialError(ProtocolError):
    code = "unauthenticated"


class TrustError(ProtocolError):
    code = "untrusted"


class EnvelopeError(TrustError):
    code = "bad_envelope"


class SignatureError(TrustError):
    code = "bad_signature"


class ManifestError(TrustError):
    code = "bad_manifest"


class WrongRecipientError(TrustError):
    code = "wrong_recipient"


class EpochError(TrustError):
    code = "wrong_epoch"


class ReplayError(TrustError):
    code = "replay"


class EquivocationError(TrustError):
    code = "equivocation"


class TrustRootError(TrustError):
    code = "bad_trust_root"


class TrustStaleError(ProtocolError):
    code = "trust_stale"


class DeltaBaseError(ProtocolError):
    code = "delta_base"
