"""docs/reference.md, made from the code itself: settings, calls, problem codes, semantic rules."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from drf_spectacular.generators import SchemaGenerator

from configs import refusals
from doors import problems
from edge_protocol import errors as protocol_errors
from edges import errors as edge_errors
from ems.env import REPOSITORY, SETTINGS

HEAD = """# Reference

Made from the code by `manage.py reference > docs/reference.md`; a test fails when it is out of date.
Bodies and answers are in the OpenAPI document (`/api/openapi.json`, readable at `/api/docs`).
"""
OTHER_CALLS = (
    ("WebSocket /ws/edges/{edge_id}/notify", "Notices to one edge; its heartbeats"),
    ("WebSocket /live", "Hints to people's pages and programs that something changed: docs/live.md"),
    ("GET /health", "200 as long as the process answers; asks nothing of anything else"),
    ("GET /health/ready", "200 when the database answers and has every migration, else 503"),
    ("GET /metrics", "Prometheus text"),
    ("GET /api/openapi.json", "This interface as OpenAPI 3.1"),
    ("GET /api/docs", "The same, to read and try"),
)
# Where a door refuses with a code of its own, it names it in a call of one of these.
REFUSERS = {"Refused", "problem"}
DOORS = ("doors", "sync_api", "console")


def text() -> str:
    """The whole page."""
    parts = [HEAD, "## Settings of the cloud\n", *_settings()]
    parts += ["\n## Calls\n", *_calls(), "\n## Problem and report codes\n", *_codes()]
    return "\n".join(parts) + "\n"


def _settings() -> Iterator[str]:
    yield "| variable | default | meaning |\n|---|---|---|"
    for setting in SETTINGS:
        also = f" (or `{setting.name}_FILE`)" if setting.secret else ""
        default = f"`{setting.default}`" if setting.default else ""
        yield f"| `{setting.name}`{also} | {default} | {setting.meaning} |"


def calls() -> Iterator[tuple[str, str, str]]:
    """(path, METHOD, summary) of every machine and operator call, from the OpenAPI document."""
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    for path, methods in paths.items():
        for method, described in methods.items():
            yield path, method.upper(), described.get("summary", "")


def _calls() -> Iterator[str]:
    yield "| call | what it is |\n|---|---|"
    for path, method, summary in sorted(calls()):
        yield f"| `{method} {path}` | {summary} |"
    for call, summary in OTHER_CALLS:
        yield f"| `{call}` | {summary} |"


def _codes() -> Iterator[str]:
    yield ", ".join(f"`{code}`" for code in sorted(codes()))


def codes() -> set[str]:
    """Every stable code that a problem or a report of ours can carry."""
    found = set(problems.CODES.values())
    for tree in (protocol_errors, edge_errors, refusals):
        given = (getattr(value, "code", None) for value in vars(tree).values() if inspect.isclass(value))
        found |= {code for code in given if isinstance(code, str)}
    for folder in DOORS:
        for path in (REPOSITORY / folder).rglob("*.py"):
            found |= _named_codes(path)
    return found


def _named_codes(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) in REFUSERS
        ):
            found |= {
                argument.value
                for argument in node.args[:2]
                if isinstance(argument, ast.Constant)
                and isinstance(argument.value, str)
                and re.fullmatch(r"[a-z_]+", argument.value)
            }
    return found
