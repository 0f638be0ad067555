"""Both JSON Schema engines say the same, place by place and rule by rule, over one corpus.

The corpus: a document that uses every field, with every value in turn replaced, left out or joined by
a stranger; and texts on which regular expressions and formats are known to differ.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest

from edge_protocol import schema
from edge_protocol.engines import Engine, fast_engine, oracle_engine
from edge_protocol.layer_shape import layer_schema
from edge_protocol.layout import SECTIONS
from edge_protocol.refusals import worded
from tests.edge_protocol import full

STRANGE: list[Any] = [
    None, True, False, 0, 1, -1, 2, 255, 256, 65536, 2**53 - 1, -(2**53) + 1, 0.5, -0.1, 1e300, 5e-324,
    "", "a", "A", "a\n", "\n", "Soc", "soc_low", "x" * 64, "x" * 254, "ä", "\U0001f600", "٣", "a b", "a/B",
    "99:99", "07:00", "07:00\n", "mon", "UTC", "Europe/Berlin", "../etc", "1.2.3", "sunspec_meter@1",
    "192.168.1.1", "192.168.1.256", "192.168.01.1", "1.2.3", "0x7f000001", "127.1", "::1", "::ffff:1.2.3.4",
    "fe80::1%eth0", "1::2::3", "[::1]", "host", "host.", "-host", "host-", "a..b", "xn--nxasmq6b", "ho_st",
    "a" * 63 + ".b", "a" * 64 + ".b", "http://x", "host:502", "2026-02-15T10:30:00Z", "2026-02-30T10:30:00Z",
    [], [1], ["Soc"], ["Soc", "Soc"], [None], [1, True], [1, 1.0], [{}], ["email", "email"], ["mon", "mon"],
    {}, {"id": "a"}, {"a": 1}, {"secret": 1}, {"$remove": True}, {"x" * 129: 1},
]  # fmt: skip


def places(value: Any) -> list[tuple[str | int, ...]]:
    """Every place, but of a list's items only the first that has it."""
    found: dict[tuple[str | int, ...], tuple[str | int, ...]] = {}
    for path in every_place(value):
        found.setdefault(tuple("*" if isinstance(step, int) else step for step in path), path)
    return list(found.values())


def every_place(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield path
    if isinstance(value, dict):
        for name, member in value.items():
            yield from every_place(member, (*path, name))
    if isinstance(value, list):
        for position, item in enumerate(value):
            yield from every_place(item, (*path, position))


def variations(value: Any) -> Iterator[Any]:
    yield value
    for place in places(value):
        alone, path = narrowed(value, place)
        for strange in STRANGE:
            yield changed(alone, path, lambda _, strange=strange: strange)
        yield changed(alone, path, joined)
        if path:
            yield without(alone, path)


def narrowed(value: Any, path: tuple[str | int, ...]) -> tuple[Any, tuple[str | int, ...]]:
    """The value with only the path's own item in each list on the way, and the path in it."""
    if not path:
        return value, ()
    step, rest = path[0], path[1:]
    inner, rest = narrowed(value[step], rest)
    return ([inner], (0, *rest)) if isinstance(value, list) else ({**value, step: inner}, (step, *rest))


def changed(value: Any, path: tuple[str | int, ...], change: Any) -> Any:
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], change)  # type: ignore[index,call-overload]
    return copy


def joined(value: Any) -> Any:
    if isinstance(value, dict):
        return {**value, "stranger": 1, "Token": 2}
    return [*value, *value] if isinstance(value, list) else [value]


def without(value: Any, path: tuple[str | int, ...]) -> Any:
    def drop(container: Any) -> Any:
        if isinstance(container, dict):
            return {name: member for name, member in container.items() if name != path[-1]}
        return [item for position, item in enumerate(container) if position != path[-1]]

    return changed(value, path[:-1], drop)


def verdict(engine: Engine, name: str, value: Any) -> set[tuple[str, str, str]]:
    return set(worded(engine.refusals(value), value, (name,)))


def sample(name: str) -> Any:
    section = full.document()[name]
    if name == "profiles":  # one profile of few points: every field is there
        entry = deepcopy(section["sunspec_storage@1"])
        entry["base_address"] = 40000
        entry["points"] = (
            entry["points"][3:5] + [point for point in entry["points"] if "write_fc" in point][:1]
        )
        entry["points"].append(
            {**entry["points"][0], "name": "Own", "address": 5, "scale": 0.1, "invert": True}
        )
        del entry["points"][-1]["sunspec"]
        return {"sunspec_storage@1": entry}
    return section


@pytest.mark.parametrize("kind", ["document", "layer"])
@pytest.mark.parametrize("name", SECTIONS)
def test_both_engines_refuse_the_same_places_by_the_same_rules(name: str, kind: str) -> None:
    section = schema.schemas()[name]
    section = section if kind == "document" else layer_schema(section)
    fast, oracle = fast_engine(section), oracle_engine(section)
    assert fast is not None
    for value in variations(sample(name)):
        found = verdict(fast, name, value)
        assert found == verdict(oracle, name, value)
        assert fast.accepts(value) is (not found)


def test_both_engines_accept_and_refuse_an_empty_name_alike() -> None:
    # The fast engine leaves an empty step out of its paths, so only the verdicts are compared.
    for name, section in schema.schemas().items():
        for value in ({"": 1}, {"a": {"": 1}}, [{"": 1}]):
            fast, oracle = fast_engine(section), oracle_engine(section)
            assert fast is not None
            assert fast.accepts(value) is oracle.accepts(value), name
