"""Whether resolved documents may be published: each distinct document is judged once."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import orjson

from configs.leaps import leaps
from configs.resolving import Problem, Resolved, Section
from edge_protocol import semantics
from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.layout import REQUIRED

DocumentKey = tuple[tuple[tuple[str, str], ...], int]
Loader = Callable[[Collection[str]], Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`problems` stop a document, `cautions` are told."""

    problems: tuple[Problem, ...]
    cautions: tuple[Problem, ...]


class Judge:
    """`load` fetches blobs by digest; `registries` are those that pins name."""

    def __init__(
        self, registries: Mapping[int, Mapping[str, JsonObject]], *, load: Loader, production: bool
    ) -> None:
        self.registries = registries
        self._load = load
        self._production = production
        self._values: dict[str, JsonValue] = {}
        self._judgements: dict[DocumentKey, Judgement] = {}
        self._compared: dict[tuple[str, str], list[Problem]] = {}

    def know(self, sections: Collection[Section]) -> None:
        """Values that were just computed need not be loaded."""
        for section in sections:
            if section.digest is not None:
                self._values.setdefault(section.digest, section.value)

    def fetch(self, digests: Collection[str]) -> None:
        """Load what is not known of these blobs, in one query."""
        missing = [digest for digest in set(digests) if digest not in self._values]
        if missing:
            loaded = self._load(missing)
            self._values.update({digest: orjson.loads(body) for digest, body in loaded.items()})

    def value(self, digest: str) -> JsonValue:
        return self._values[digest]

    def judge(self, sections: Mapping[str, str], registry: int) -> Judgement:
        """The cross-section rules on a document whose sections are all known."""
        key: DocumentKey = (tuple(sorted(sections.items())), registry)
        found = self._judgements.get(key)
        if found is None:
            document = {name: self._values[digest] for name, digest in key[0]}
            found = self._judgements[key] = self._check(document, registry)
        return found

    def compared(self, name: str, before: str, after: str) -> list[Problem]:
        """The leaps between two states of a section, both known."""
        key = (before, after)
        if key not in self._compared:
            self._compared[key] = leaps(name, self._values[before], self._values[after])
        return self._compared[key]

    def _check(self, document: JsonObject, registry: int) -> Judgement:
        found = semantics.check(document, profiles=self.registries[registry], production=self._production)
        problems = [Problem(one.rule, one.path, one.detail) for one in found if one.severity == "error"]
        cautions = [Problem(one.rule, one.path, one.detail) for one in found if one.severity != "error"]
        return Judgement(tuple(problems), tuple(cautions))


def shape_problems(resolved: Resolved) -> list[Problem]:
    """What is wrong before meaning can be asked for: sections missing, unmergeable, against schema."""
    problems = resolved.problems
    for name in REQUIRED:
        if name not in resolved.sections:
            problems.append(Problem("schema/required", "", f"{name!r} is a required property"))
    return problems
