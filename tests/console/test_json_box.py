"""A refusal points at the line that a person typed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.admin.json_box import lines_by_pointer, nearest_line

LAYER = """{
  "core_cycle": {
    "period_ms": 1000
  },
  "scheduler": {
    "controllers": [
      {
        "id": "ctrlBalancing0",
        "parameters": {"deadband_watts":
          50}
      }
    ]
  },
  "alarms": [],
  "extensions": {"a/b": ["one",
    "two"]}
}"""


@pytest.mark.parametrize(
    ("pointer", "line"),
    [
        ("", 1),
        ("/core_cycle", 2),
        ("/core_cycle/period_ms", 3),
        ("/scheduler/controllers/ctrlBalancing0", 7),
        ("/scheduler/controllers/ctrlBalancing0/parameters/deadband_watts", 10),
        ("/alarms", 14),
        ("/extensions/a~1b/1", 16),
    ],
)
def test_a_pointer_has_the_line_on_which_its_value_begins(pointer: str, line: int) -> None:
    assert lines_by_pointer(LAYER)[pointer] == line


def test_what_is_absent_points_at_what_would_contain_it() -> None:
    lines = lines_by_pointer(LAYER)
    assert nearest_line(lines, "/core_cycle/supervisor/auto_recovery") == 2
    assert nearest_line(lines, "/nowhere") == 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_every_valid_text_is_walked_to_its_end(value: object) -> None:
    assert lines_by_pointer(json.dumps(value))[""] == 1
    assert lines_by_pointer(json.dumps(value, indent=2, ensure_ascii=False))[""] == 1
