"""Where every leaf of a merged document came from, kept while the layers are folded."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.layout import list_key
from edge_protocol.pointers import MISSING, Path, join


@dataclass(frozen=True, slots=True)
class Mark:
    """Who last wrote at one pointer of a layer: a revision and the change set that made it."""

    revision: int
    change_set: str | None
    author: str
    at: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer in one revision.

    Shape: `scope` organization | site | edge; `target` the code or edge_id; `body` the partial document;
    `at` a wire instant. `marks` (pointer -> Mark) attributes single paths; what no mark stands at or
    above of is attributed to the layer's own revision.
    """

    scope: str
    target: str
    revision: int
    change_set: str | None
    author: str
    at: str
    body: JsonObject
    marks: Mapping[str, Mark] = field(default_factory=dict)

    @property
    def address(self) -> dict[str, str]:
        return {"scope": self.scope, "target": self.target}

    def mark(self, path: Path) -> Mark:
        """The newest mark at or above a path."""
        own = Mark(self.revision, self.change_set, self.author, self.at)
        if not self.marks:
            return own
        above = (self.marks.get(join(path[:depth])) for depth in range(len(path) + 1))
        found = [mark for mark in above if mark is not None]
        return max(found, key=lambda mark: mark.revision, default=own)


REGISTRY = Layer("registry", "profiles", 0, None, "", "", {})


@dataclass(frozen=True, slots=True)
class Hidden:
    scope: str
    target: str
    value: JsonValue


@dataclass(frozen=True, slots=True)
class Origin:
    """The layer, revision, change set, author and time of a leaf; `hides` the values below, nearest first."""

    scope: str
    target: str
    revision: int
    change_set: str | None
    author: str
    at: str
    hides: tuple[Hidden, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Shape: as in the answer of `GET /edges/{edge_id}/effective`."""
        return {
            "scope": self.scope,
            "target": self.target,
            "revision": self.revision,
            "change_set": self.change_set,
            "author": self.author,
            "at": self.at,
            "hides": [{"scope": one.scope, "target": one.target, "value": one.value} for one in self.hides],
        }


@dataclass(frozen=True, slots=True)
class MergeWarning:
    """`rule` is `removes_nothing`: a removal of what is not inherited."""

    rule: str
    path: str
    detail: str
    scope: str
    target: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "rule": self.rule,
            "path": self.path,
            "detail": self.detail,
            "layer": {"scope": self.scope, "target": self.target},
        }


def leaves(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, JsonValue]]:
    """Every leaf of a value: scalars, plain lists as a whole, empty containers."""
    key = list_key(path) if isinstance(value, list) else None
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from leaves(member, (*path, name))
    elif key is not None and value:
        for item in value:
            yield from leaves(item, (*path, item[key]))
    else:
        yield path, value


class Recorder:
    """Follows one fold; `layer` is the layer being folded in."""

    def __init__(self) -> None:
        self.layer = REGISTRY
        self.origins: dict[str, Origin] = {}
        self.warnings: list[MergeWarning] = []

    def placed(self, path: Path, new: JsonValue, old: JsonValue) -> None:
        """`new` now stands where `old` stood (MISSING: nothing)."""
        hidden = self._forget(path, old)
        for leaf, _ in leaves(new, path):
            self._write(leaf, hidden.get(join(leaf), ()))

    def removed(self, path: Path, old: JsonValue) -> None:
        self._forget(path, old)

    def removed_nothing(self, path: Path) -> None:
        layer = self.layer
        detail = "removes what no layer above has"
        self.warnings.append(MergeWarning("removes_nothing", join(path), detail, layer.scope, layer.target))

    def settled(self, path: Path, before: JsonValue, after: JsonValue) -> None:
        """A container has been folded: an empty one is a leaf, one with members is not."""
        if not path:
            return
        if after:
            if not before:
                self.origins.pop(join(path), None)
        elif before or join(path) not in self.origins:
            self._write(path, ())

    def _forget(self, path: Path, old: JsonValue) -> dict[str, tuple[Hidden, ...]]:
        """Drop the origins of a value's leaves; what each held is returned as hidden."""
        hidden: dict[str, tuple[Hidden, ...]] = {}
        if old is MISSING:
            return hidden
        for leaf, value in leaves(old, path):
            pointer = join(leaf)
            origin = self.origins.pop(pointer)
            hidden[pointer] = (Hidden(origin.scope, origin.target, value), *origin.hides)
        return hidden

    def _write(self, path: Path, hides: tuple[Hidden, ...]) -> None:
        layer, mark = self.layer, self.layer.mark(path)
        self.origins[join(path)] = Origin(
            layer.scope, layer.target, mark.revision, mark.change_set, mark.author, mark.at, hides
        )
