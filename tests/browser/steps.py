"""What a person does on the desk: by the keyboard alone, and by the words that stand there, not by styles."""

import base64
import hmac
import re
import struct
import time
from collections.abc import Mapping

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
    screen.settle()


def fill(screen: Screen, label: str, text: str) -> None:
    screen.reach(screen.page.get_by_label(label).first)
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


def code_of_app(key: str, periods_ago: int = 0) -> str:
    """What an authenticator app shows (RFC 6238: SHA-1, 30 seconds, six digits)."""
    counter = int(time.time()) // 30 - periods_ago
    mac = hmac.digest(base64.b32decode(key), struct.pack(">Q", counter), "sha1")
    place = mac[-1] & 15
    return f"{(int.from_bytes(mac[place : place + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


def set_up_second_factor(screen: Screen) -> tuple[str, list[str]]:
    """The key in the app, and the recovery codes, which are shown this once."""
    screen.go("/admin/second-factor/")
    key = screen.page.get_by_role("main").locator("code").first.inner_text()
    # Codes count once: the one before leaves the present one for signing in.
    fill(screen, "2. Enter the code that the app shows now", code_of_app(key, periods_ago=1))
    press(screen, "Switch it on")
    return key, screen.page.get_by_role("main").locator("code").first.inner_text().split()


def sign_in_with_code(screen: Screen, login: Mapping[str, str], code: str) -> None:
    screen.page.context.clear_cookies()
    screen.go("/admin/")
    fill(screen, "Username", login["username"])
    fill(screen, "Password", login["password"])
    press(screen, "Log in")
    fill(screen, "The code that your authenticator app shows now, or one of your recovery codes", code)
    press(screen, "Sign in")
    expect(screen.page.get_by_role("link", name="Fleet")).to_be_visible()


def end_second_factor(screen: Screen, recovery_code: str) -> None:
    screen.go("/admin/second-factor/")
    form = screen.page.get_by_role("region", name="End it")
    screen.reach(form.get_by_label("A code of the app, or a recovery code"))
    screen.page.keyboard.insert_text(recovery_code)
    press(screen, "End the second factor")


def open_page(screen: Screen, name: str) -> None:
    """From the navigation."""
    follow(screen, re.compile(rf"{name}$"), screen.page.get_by_role("navigation"))


def follow_first(screen: Screen, within: Locator) -> None:
    _use(screen, within.get_by_role("link").first)


def choose(screen: Screen, label: str) -> None:
    """The radio button whose words begin so: one stop of the Tab key, then arrows."""
    wanted = screen.page.get_by_role("radio", name=re.compile(f"^{re.escape(label)}"))
    group = screen.page.get_by_role("radio")
    checked = next(one for one in group.all() if one.is_checked())
    screen.reach(checked)
    for _ in range(group.count()):
        if wanted.is_checked():
            return
        screen.page.keyboard.press("ArrowDown")
    raise AssertionError(f"{screen.path}: the arrow keys do not lead to {label}")


def own_waves(screen: Screen, *shares: str, bake_minutes: int) -> None:
    preset = screen.page.get_by_label("Preset")
    screen.reach(preset)
    screen.page.keyboard.type("my")  # a list chooses by its first letters
    expect(preset).to_have_value("own")
    screen.reach(screen.page.get_by_text("My own waves", exact=True))
    screen.page.keyboard.press("Enter")
    for number, share in enumerate(shares, 1):
        fill(screen, f"Wave {number}", share)
    fill(screen, "Watch each wave for (minutes)", str(bake_minutes))


def named_edges(screen: Screen, region: str) -> set[str]:
    """The edges that a part of the page names."""
    text = screen.page.get_by_role("region", name=region).inner_text()
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
