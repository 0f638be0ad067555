"""docs/threats.md: fifty rows, each with a proof that exists or a sentence that says why there is none."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
TEXT = (TESTS.parent / "docs" / "threats.md").read_text()
ROW = re.compile(r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
PROOF = re.compile(r"`([\w/]+\.py)::(\w+)`")
REASON = re.compile(r"\*\*(?:Open|Cannot apply)\*\*: \S.{20,}")


@cache
def defined(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_there_are_fifty_rows() -> None:
    assert [int(number) for number, *_ in ROW.findall(TEXT)] == list(range(1, 51))


@pytest.mark.parametrize(("number", "cells"), [(row[0], row[2:]) for row in ROW.findall(TEXT)])
def test_every_row_has_a_proof_or_says_why_there_is_none(number: str, cells: tuple[str, str]) -> None:
    defence, proof = cells
    assert defence.strip()
    assert PROOF.search(proof) or REASON.search(proof)
    rest = PROOF.sub("", proof).strip()
    assert not rest or REASON.match(rest), rest


@pytest.mark.parametrize(("file", "name"), sorted(set(PROOF.findall(TEXT))))
def test_every_test_that_is_named_exists(file: str, name: str) -> None:
    assert name in defined(file)
    assert name.startswith("test_")
