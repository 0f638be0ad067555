"""The documents say what the code says."""

import re
from pathlib import Path

from ems import env, reference

ROOT = Path(__file__).resolve().parents[2]


def test_the_reference_is_what_the_code_says() -> None:
    assert (ROOT / "docs" / "reference.md").read_text() == reference.text()


def test_the_example_environment_names_every_setting() -> None:
    assert (ROOT / ".env.example").read_text() == env.example()


def test_every_call_says_what_it_is() -> None:
    silent = [(path, method) for path, method, summary in reference.calls() if not summary]
    assert silent == []


def test_every_decision_that_code_or_documents_name_exists() -> None:
    sources = [*ROOT.glob("*/**/*.py"), *ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    ours = (path for path in sources if not {".venv", "var"} & set(path.parts))
    named = {name for path in ours for name in re.findall(r"adr/(\d{4}[\w-]+\.md)", path.read_text())}
    assert named
    assert {name for name in named if not (ROOT / "docs" / "adr" / name).exists()} == set()
