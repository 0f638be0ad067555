"""What a person does on the desk: by the keyboard alone, and by the words that stand there, not by styles."""

import json
import re
from collections.abc import Mapping
from typing import Any

from playwright.sync_api import Locator, expect

from ems.demo.operator import wait_until
from tests.browser.screen import Screen

SECONDS = 60


def follow(screen: Screen, name: str | re.Pattern[str], within: Locator | None = None) -> None:
    """The link of this name."""
    _use(screen, (within or screen.page).get_by_role("link", name=name, exact=True).first)


def press(screen: Screen, name: str | re.Pattern[str]) -> None:
    """The button of this name, which leads to another page."""
    _use(screen, screen.page.get_by_role("button", name=name, exact=True))


def _use(screen: Screen, target: Locator) -> None:
    screen.reach(target)
    with screen.page.expect_navigation():
        screen.page.keyboard.press("Enter")


def fill(screen: Screen, label: str, text: str) -> None:
    screen.reach(screen.page.get_by_label(label))
    screen.page.keyboard.press("Control+a")
    screen.page.keyboard.insert_text(text)


def sees(screen: Screen, text: str | re.Pattern[str]) -> None:
    expect(screen.page.get_by_role("main").get_by_text(text).first).to_be_visible()


def wait_to_see(screen: Screen, text: str | re.Pattern[str]) -> None:
    """Until the page says so; it is asked for anew meanwhile."""

    def is_said() -> bool:
        screen.page.reload()
        return screen.page.get_by_role("main").get_by_text(text).count() > 0

    wait_until(f"the page says {text}", is_said, SECONDS)


def sign_in(screen: Screen, login: Mapping[str, str]) -> None:
    screen.go("/admin/")
    fill(screen, "Username", login["username"])
    fill(screen, "Password", login["password"])
    press(screen, "Log in")
    expect(screen.page.get_by_role("link", name="Fleet")).to_be_visible()


def open_page(screen: Screen, name: str) -> None:
    """From the navigation."""
    follow(screen, re.compile(rf"{name}$"), screen.page.get_by_role("navigation"))


def open_site_layer(screen: Screen, site: str) -> None:
    open_page(screen, "Sites")
    row = screen.page.get_by_role("row").filter(has=screen.page.get_by_role("link", name=site, exact=True))
    follow(screen, "Edit the layer", row)


def preview(screen: Screen, layer: Mapping[str, Any], reason: str) -> None:
    """What this layer would do; the page then says it."""
    fill(screen, "The layer, as JSON", json.dumps(layer, indent=2))
    fill(screen, "Why do you change this?", reason)
    press(screen, "Preview")


def previewed_edges(screen: Screen) -> set[str]:
    """The edges that the preview names."""
    text = screen.page.get_by_role("region", name="Preview").inner_text()
    return set(re.findall(r"[a-z]+-[a-z]+-\d+", text))


def act(screen: Screen, name: str, reason: str) -> None:
    """An act of the page, with its reach said first."""
    follow(screen, name)
    fill(screen, "Why?", reason)
    press(screen, name)


def told_waves(screen: Screen) -> list[list[str]]:
    """The cells of the rollout's waves."""
    rows = screen.page.get_by_role("region", name="Waves").get_by_role("row")
    return [row.get_by_role("cell").all_inner_texts() for row in rows.all()][1:]


def told_history(screen: Screen) -> list[str]:
    """What happened to the rollout, oldest first."""
    rows = screen.page.get_by_role("region", name="Who did what").get_by_role("row")
    return [row.get_by_role("cell").nth(1).inner_text() for row in rows.all()[1:]]
