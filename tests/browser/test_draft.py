"""A value is changed where it is seen, by the keyboard alone: into the draft, previewed, discarded."""

import re

from tests.browser import steps
from tests.browser.screen import Screen
from tests.browser.stage import NORTH, THRESHOLD


def test_a_value_goes_into_the_draft_and_is_previewed(screen: Screen) -> None:
    steps.open_page(screen, "Fleet")
    steps.follow(screen, NORTH[0])
    steps.follow(screen, "Change")
    steps.follow(screen, f"Change {THRESHOLD}")
    screen.look("draft-1-value")
    steps.press(screen, "Put it in the draft and preview")
    steps.sees(screen, "No edge changes now, but the layers do.")
    screen.look("draft-2-preview")
    steps.press(screen, "Discard the draft")
    steps.sees(screen, re.compile("cancelled by .*: discarded"))
    assert screen.problems == [], "\n".join(screen.problems)
