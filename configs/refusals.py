"""Every answer of a use case that is not a yes. Doors translate each once; nothing is stored then.

Refusal
├── ChangeRefused          422 invalid: `errors` name edge, path, rule and layer
├── Conflict               409 conflict: paths that another change set touched since the base
├── LayerInRollout         409 layer_in_rollout: another change set has a candidate of the layer
├── PreviewChanged         409 preview_changed: what a publish would do now is not what was previewed
├── ApprovalRequired       409 approval_required: the organization's rule asks for another person's word
├── ApprovalOutdated       409 approval_outdated: what was approved is not what would happen now
├── OwnChange              403 own_change: an approval takes somebody else
├── PolicyChanged          409 policy_changed: the rule of approvals is another one than was looked at
├── NotInState             409: the change set, version or hold is not in the state that the act needs
├── StaleLayer             412 stale: the layer is not at the revision that the author saw
├── Unknown                404: a change set, version or edge that does not exist here
├── ClockRefused           503: the signer's clock and the database's differ
└── fetching: NothingPublished 404, BadSince 400, SinceAhead 409, FullRequired 410
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of ours
    """Root of the tree. `code` is stable; `detail` is for people; `extra` stands beside them."""

    code: ClassVar[str] = "invalid"
    status: ClassVar[int] = 422

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra


@dataclass(frozen=True, slots=True)
class ChangeError:
    """One reason why a change cannot be: `layer` is the deepest one that contributes to the path."""

    edge_id: str | None
    path: str
    rule: str
    layer: Mapping[str, str] | None
    detail: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "edge_id": self.edge_id,
            "path": self.path,
            "rule": self.rule,
            "layer": None if self.layer is None else dict(self.layer),
            "detail": self.detail,
        }


class ChangeRefused(Refusal):
    """`total`: how many there are, where `errors` are only the first of them."""

    def __init__(self, errors: Sequence[ChangeError], *, total: int | None = None) -> None:
        first, total = errors[0], total or len(errors)
        more = f" (and {total - 1} more)" if total > 1 else ""
        super().__init__(f"{first.rule}: {first.detail}{more}")
        self.errors = list(errors)


class Conflict(Refusal):
    """`paths`: [{scope, target, path, change_set, number, author}] touched since the base."""

    code, status = "conflict", 409


class LayerInRollout(Refusal):
    """`rollout`: the one that is open; `layers`: those that both touch."""

    code, status = "layer_in_rollout", 409


class PreviewChanged(Refusal):
    """`difference`: {edge_id: {before, now}}; `preview`: what a publish would do now."""

    code, status = "preview_changed", 409


class ApprovalRequired(Refusal):
    """`why`: the sentences of the rule that the change falls under."""

    code, status = "approval_required", 409


class ApprovalOutdated(Refusal):
    """`approved_digest`: of what was approved; `preview_digest`: of what a publish would do now."""

    code, status = "approval_outdated", 409


class OwnChange(Refusal):
    code, status = "own_change", 403


class PolicyChanged(Refusal):
    """`rule`: the number that the rule has now; `why`: what of the change it asks about."""

    code, status = "policy_changed", 409


class NotInState(Refusal):
    code, status = "wrong_state", 409


class StaleLayer(Refusal):
    """`etag`: the entity tag that the layer has now."""

    code, status = "stale", 412


class Unknown(Refusal):
    code, status = "not_found", 404


class ClockRefused(Refusal):
    code, status = "unavailable", 503


class NothingPublished(Refusal):
    code, status = "no_published_config", 404


class BadSince(Refusal):
    code, status = "bad_since", 400


class SinceAhead(Refusal):
    code, status = "since_ahead", 409


class FullRequired(Refusal):
    code, status = "full_required", 410
