"""Whether resolved documents may be published: each distinct document is judged once."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import orjson

from configs.resolving import Problem, Resolved, Section
from configs.shapes import DEVICES, NAMING_HOSTS
from edge_protocol import semantics
from edge_protocol.canonical import JsonObject, JsonValue
from edge_protocol.layout import REQUIRED

Sections = Mapping[str, str]
Subject = tuple[Sections, int]  # what to judge, under which revision of the profile registry
DocumentKey = tuple[str, tuple[tuple[str, str], ...], int]
Loader = Callable[[Collection[str]], Mapping[str, bytes]]
Shapes = Callable[[Collection[str]], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Judgement:
    """`problems` stop a document, `cautions` are told."""

    problems: tuple[Problem, ...]
    cautions: tuple[Problem, ...]

    @property
    def names_hosts(self) -> bool:
        return any(one.rule in NAMING_HOSTS for one in (*self.problems, *self.cautions))


class Judge:
    """`load` fetches blobs and `shapes` their shapes, by digest; `registries` are those that pins name."""

    def __init__(
        self,
        registries: Mapping[int, Mapping[str, JsonObject]],
        *,
        load: Loader,
        shapes: Shapes,
        production: bool,
    ) -> None:
        self.registries = registries
        self._load = load
        self._load_shapes = shapes
        self._production = production
        self._values: dict[str, JsonValue] = {}
        self._shapes: dict[str, str] = {}
        self._judgements: dict[DocumentKey, Judgement] = {}

    def know(self, sections: Collection[Section]) -> None:
        """What was just computed need not be loaded."""
        for section in sections:
            if section.digest is not None and section.digest not in self._values:
                self._values[section.digest] = section.value
                self._shapes[section.digest] = section.shape

    def fetch(self, digests: Collection[str]) -> None:
        """Load what is not known of these blobs, in one query."""
        missing = [digest for digest in set(digests) if digest not in self._values]
        if missing:
            loaded = self._load(missing)
            self._values.update({digest: orjson.loads(body) for digest, body in loaded.items()})

    def value(self, digest: str) -> JsonValue:
        return self._values[digest]

    def judge_all(self, subjects: Sequence[Subject]) -> list[Judgement]:
        """The cross-section rules, once for all documents that no rule tells apart. Three queries at most."""
        self._fetch_shapes({sections[DEVICES] for sections, _ in subjects if DEVICES in sections})
        alike = [self._alike(subject) for subject in subjects]
        self._judge(dict(zip(reversed(alike), reversed(subjects), strict=True)))
        keys = [
            _exact(subject) if self._judgements[key].names_hosts else key
            for key, subject in zip(alike, subjects, strict=True)
        ]
        self._judge(dict(zip(keys, subjects, strict=True)))
        return [self._judgements[key] for key in keys]

    def _fetch_shapes(self, digests: Collection[str]) -> None:
        missing = [digest for digest in digests if digest not in self._shapes]
        if missing:
            self._shapes.update(self._load_shapes(missing))

    def _alike(self, subject: Subject) -> DocumentKey:
        """Equal for documents that rules do not tell apart; never equal to an `_exact` key."""
        sections, registry = subject
        named = {name: self._shapes.get(digest, digest) for name, digest in sections.items()}
        return ("alike", tuple(sorted(named.items())), registry)

    def _judge(self, subjects: Mapping[DocumentKey, Subject]) -> None:
        new = {key: subject for key, subject in subjects.items() if key not in self._judgements}
        self.fetch({digest for sections, _ in new.values() for digest in sections.values()})
        for key, (sections, registry) in new.items():
            document = {name: self._values[digest] for name, digest in sections.items()}
            self._judgements[key] = self._check(document, registry)

    def _check(self, document: JsonObject, registry: int) -> Judgement:
        found = semantics.check(document, profiles=self.registries[registry], production=self._production)
        problems = [Problem(one.rule, one.path, one.detail) for one in found if one.severity == "error"]
        cautions = [Problem(one.rule, one.path, one.detail) for one in found if one.severity != "error"]
        return Judgement(tuple(problems), tuple(cautions))


def _exact(subject: Subject) -> DocumentKey:
    sections, registry = subject
    return ("exact", tuple(sorted(sections.items())), registry)


def shape_problems(resolved: Resolved) -> list[Problem]:
    """What is wrong before meaning can be asked for: sections missing, unmergeable, against schema."""
    problems = resolved.problems
    for name in REQUIRED:
        if name not in resolved.sections:
            problems.append(Problem("schema/required", "", f"{name!r} is a required property"))
    return problems
