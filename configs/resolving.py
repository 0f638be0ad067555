"""From pins to sections: every distinct combination of layer sections is merged, written and digested once.

Pure. A section of an edge's document is a function of that section in at most three layer bodies, so equal
inputs are recognised by small numbers (tokens) and never computed twice, whatever the number of edges.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import orjson

from configs.fleet import Pins
from configs.shapes import DEVICES, shape
from edge_protocol import schema
from edge_protocol.canonical import JsonObject, JsonValue, canonical, digest
from edge_protocol.errors import MergeError
from edge_protocol.layout import LAYERED, LOCK, LOCK_EXCEPT
from edge_protocol.merge import merge_section
from edge_protocol.pointers import MISSING
from edge_protocol.registry import named_profiles

PROFILES = "profiles"

Inputs = tuple[int, int, int]
Found = TypeVar("Found")
Compare = Callable[[str, JsonValue, JsonValue], list[Found]]


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule that a section or a document breaks."""

    rule: str
    path: str
    detail: str


@dataclass(frozen=True, slots=True)
class Section:
    """One resolved section; `digest` is None where merging failed, then `problems` say why."""

    name: str
    value: JsonValue
    body: bytes
    digest: str | None
    shape: str
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """What pins lead to. `fresh` holds the sections that had to be computed, by name."""

    sections: Mapping[str, str | None]
    fresh: Mapping[str, Section]

    @property
    def problems(self) -> list[Problem]:
        return [problem for section in self.fresh.values() for problem in section.problems]


class Resolver:
    """`bodies` maps revisions to layer bodies; a revision that is not in it contributes nothing asked for."""

    def __init__(
        self, bodies: Mapping[UUID, JsonObject], registries: Mapping[int, Mapping[str, JsonObject]]
    ) -> None:
        self._bodies = dict(bodies)
        self._registries = registries
        self._tokens: dict[tuple[str, bytes], int] = {}
        self._values: list[JsonValue] = [MISSING]  # by token; 0 = the layer says nothing
        self._of_revision: dict[UUID | None, dict[str, int]] = {None: {}}
        self._merged: dict[tuple[str, Inputs], JsonValue | MergeError] = {}
        self._sections: dict[tuple[str, Inputs], Section | None] = {}
        self._compared: dict[tuple[Any, str, Inputs, Inputs], list[Any]] = {}
        self._profiles: dict[tuple[Inputs | str, int], Section | None] = {}

    def add(self, bodies: Mapping[UUID, JsonObject]) -> None:
        """More bodies, of revisions that were not known before."""
        self._bodies.update(bodies)
        for revision in bodies:
            self._of_revision.pop(revision, None)

    def tokens(self, revision: UUID | None) -> Mapping[str, int]:
        """The revision's sections as tokens: equal tokens, equal content."""
        found = self._of_revision.get(revision)
        if found is None:
            body = self._bodies.get(revision, {}) if revision is not None else {}
            found = {name: self._token(name, value) for name, value in body.items() if name in LAYERED}
            self._of_revision[revision] = found
        return found

    def _token(self, name: str, value: JsonValue) -> int:
        key = (name, orjson.dumps(value, option=orjson.OPT_SORT_KEYS))
        token = self._tokens.get(key)
        if token is None:
            token = self._tokens[key] = len(self._values)
            self._values.append(value)
        return token

    def differing(self, old: Pins, new: Pins) -> set[str]:
        """The sections whose inputs differ between two pins (their results may still be equal)."""
        names: set[str] = set()
        for before, after in zip(old.layers, new.layers, strict=True):
            if before != after:
                one, other = self.tokens(before), self.tokens(after)
                names.update(name for name in LAYERED if one.get(name) != other.get(name))
        if old.registry != new.registry or DEVICES in names:
            names.add(PROFILES)
        return names

    def inputs(self, name: str, pins: Pins) -> Inputs:
        organization, site, edge = (self.tokens(revision).get(name, 0) for revision in pins.layers)
        return (organization, site, edge)

    def section(self, name: str, pins: Pins) -> Section | None:
        """The section that the pins lead to, or None where no layer has it."""
        if name == PROFILES:
            return self._profile_section(pins)
        key = (name, self.inputs(name, pins))
        if key not in self._sections:
            self._sections[key] = _checked(name, self._merge(*key))
        return self._sections[key]

    def _merge(self, name: str, inputs: Inputs) -> JsonValue | MergeError:
        key = (name, inputs)
        if key not in self._merged:
            self._merged[key] = self._fold(name, inputs)
        return self._merged[key]

    def _fold(self, name: str, inputs: Inputs) -> JsonValue | MergeError:
        """The deepest layer onto what those above it lead to, which many edges share."""
        depth = max((depth for depth, token in enumerate(inputs) if token), default=0)
        values = [self._values[inputs[depth]]]
        if any(inputs[:depth]):
            above = self._merge(name, (inputs[0], inputs[1] if depth == 2 else 0, 0))
            if isinstance(above, MergeError):
                return above
            values.insert(0, above)
        try:
            return merge_section(name, [{name: value} for value in values if value is not MISSING])
        except MergeError as error:
            return error

    def inherited(self, name: str, pins: Pins) -> JsonObject:
        """{name: value} of an incomplete document, unchecked; {} where nothing is."""
        value = self._merge(name, self.inputs(name, pins))
        return {} if value is MISSING or isinstance(value, MergeError) else {name: value}

    def compared(self, name: str, before: Pins, after: Pins, compare: Compare[Found]) -> list[Found]:
        """`compare` on a section before and after, once per distinct pair; [] where it is new or gone."""
        key = (compare, name, self.inputs(name, before), self.inputs(name, after))
        if key not in self._compared:
            old, new = self.inherited(name, before), self.inherited(name, after)
            self._compared[key] = compare(name, old[name], new[name]) if old and new else []
        return self._compared[key]

    def body(self, revision: UUID | None) -> JsonObject:
        """A layer's body as far as it was asked for; {} where the layer is absent or has no part in it."""
        return {} if revision is None else self._bodies.get(revision, {})

    def _profile_section(self, pins: Pins) -> Section | None:
        key = (self.inputs(DEVICES, pins), pins.registry)
        if key not in self._profiles:
            devices = self.section(DEVICES, pins)
            self._profiles[key] = self._derive(devices, pins.registry)
        return self._profiles[key]

    def _derive(self, devices: Section | None, registry: int) -> Section | None:
        if devices is None or devices.digest is None or devices.problems:
            return None
        derived = named_profiles({DEVICES: devices.value}, self._registries[registry])
        return _written(PROFILES, derived, ()) if derived else None

    def resolve(self, pins: Pins, *, published: Pins | None, sections: Mapping[str, str]) -> Resolved:
        """The document of `pins`; inputs equal to `published` keep the digest in `sections`."""
        names: Iterable[str] = (*LAYERED, PROFILES)
        result: dict[str, str | None] = {}
        if published is not None:
            names = self.differing(published, pins)
            result = {name: found for name, found in sections.items() if name not in names}
        fresh: dict[str, Section] = {}
        for name in names:
            section = self.section(name, pins)
            if section is not None:
                fresh[name] = section
                result[name] = section.digest
        return Resolved(result, fresh)


def _checked(name: str, value: JsonValue | MergeError) -> Section | None:
    if isinstance(value, MergeError):
        return Section(name, None, b"", None, "", (Problem(value.rule, value.path, value.detail),))
    if value is MISSING:
        return None
    problems = tuple(
        Problem(found.rule, found.path, found.detail) for found in schema.check_section(name, value)
    )
    return _written(name, value, problems)


def _written(name: str, value: JsonValue, problems: tuple[Problem, ...]) -> Section:
    body = canonical(value)
    own = digest(body)
    return Section(name, value, body, own, own if problems else shape(name, value, own), problems)


def members(body: JsonObject) -> list[str]:
    """A layer body's top-level names, by which it is found when only some sections matter."""
    return sorted(name for name in body if name in LAYERED or name in {LOCK, LOCK_EXCEPT})
