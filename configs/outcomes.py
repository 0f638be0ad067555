"""What a change set does, or would do: the answer that operators and previews share. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

import orjson

from configs.models import State
from edge_protocol.canonical import digest

Why = Literal[
    "same",
    "hidden",
    "held",
    "excluded",
    "retired",
    "incomplete",
    "already_invalid",
    "quarantined",
    "agent_too_old",
]


@dataclass(frozen=True, slots=True)
class Affected:
    """An edge that gets a version. `digest` is the version's; it names the content that was previewed."""

    edge_id: str
    from_version: int
    version: int
    changed_sections: tuple[str, ...]
    digest: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "edge_id": self.edge_id,
            "from_version": self.from_version,
            "version": self.version,
            "changed_sections": list(self.changed_sections),
        }


@dataclass(frozen=True, slots=True)
class Unaffected:
    edge_id: str
    why: Why

    def to_dict(self) -> dict[str, Any]:
        return {"edge_id": self.edge_id, "why": self.why}


@dataclass(frozen=True, slots=True)
class Caution:
    """Something to know before saying yes; it stops nothing. `edge_id` None: true of the change itself."""

    rule: str
    edge_id: str | None
    path: str
    detail: str

    def to_dict(self) -> dict[str, Any]:
        return {"rule": self.rule, "edge_id": self.edge_id, "path": self.path, "detail": self.detail}


@dataclass(frozen=True)
class Preview:
    """What would happen. Its digest covers the intent and, edge by edge, the content it leads to."""

    intent: str
    affected: Sequence[Affected]
    unaffected: Sequence[Unaffected]
    warnings: Sequence[Caution]

    @property
    def edges(self) -> dict[str, str]:
        """Each edge's fate in a word: what two previews are compared by."""
        fates = {one.edge_id: f"{one.from_version}->{one.version}:{one.digest}" for one in self.affected}
        return fates | {one.edge_id: one.why for one in self.unaffected}

    @cached_property
    def preview_digest(self) -> str:
        # Names a promise among ourselves, so it needs an order and no canonical numbers: there are none.
        return digest(orjson.dumps({"intent": self.intent, "edges": self.edges}, option=orjson.OPT_SORT_KEYS))

    def to_dict(self) -> dict[str, Any]:
        return _answer(None, State.DRAFT, self)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened. `number` counts change sets; `revisions` maps layers to the revisions they got."""

    change_set_id: UUID
    number: int
    state: str
    preview: Preview
    revisions: Mapping[str, int]

    @property
    def affected(self) -> Sequence[Affected]:
        return self.preview.affected

    @property
    def unaffected(self) -> Sequence[Unaffected]:
        return self.preview.unaffected

    @property
    def warnings(self) -> Sequence[Caution]:
        return self.preview.warnings

    @property
    def preview_digest(self) -> str:
        return self.preview.preview_digest

    def to_dict(self) -> dict[str, Any]:
        return _answer(self.change_set_id, self.state, self.preview)


@dataclass(frozen=True, slots=True)
class Drafted:
    """A stored intent and what publishing it would do. `touched`: what others changed at its paths since."""

    change_set_id: UUID
    number: int
    state: str
    preview: Preview
    touched: Sequence[Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        shown = _answer(self.change_set_id, self.state, self.preview)
        return {**shown, "touched": [dict(one) for one in self.touched]} if self.touched else shown


def _answer(change_set_id: UUID | None, state: str, preview: Preview) -> dict[str, Any]:
    return {
        "id": None if change_set_id is None else str(change_set_id),
        "state": str(state),
        "preview_digest": preview.preview_digest,
        "affected": [one.to_dict() for one in preview.affected],
        "unaffected": [one.to_dict() for one in preview.unaffected],
        "warnings": [one.to_dict() for one in preview.warnings],
    }


def difference(before: Mapping[str, str], now: Mapping[str, str]) -> list[dict[str, Any]]:
    """The edges whose fate differs between two previews. Shape: [{edge_id, before, now}], null = absent."""
    names = sorted(set(before) | set(now))
    return [
        {"edge_id": name, "before": _fate(before.get(name)), "now": _fate(now.get(name))}
        for name in names
        if before.get(name) != now.get(name)
    ]


def _fate(text: str | None) -> dict[str, Any] | None:
    if text is None:
        return None
    if "->" not in text:
        return {"why": text}
    versions, _, content = text.partition(":")
    from_version, _, version = versions.partition("->")
    return {"from_version": int(from_version), "version": int(version), "digest": content}
