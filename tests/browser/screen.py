"""A browser's window that tells what is wrong with a page: for people who cannot see it well, for narrow
windows, in its console, and with what it asks of other hosts."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import BrowserContext, ConsoleMessage, Locator, Page, Request, WebSocket, expect

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
LOOPBACK = {"127.0.0.1", "localhost", ""}
MOST_STOPS = 400  # of the Tab key on one page
GRAVE = {"serious", "critical"}
AXE = "() => axe.run({resultTypes: ['violations']}).then(found => [found.passes.length, found.violations])"
THEME = "theme => { const root = Alpine.$data(document.documentElement); root.switchTheme(theme); }"
# What sticks out to the right of the window, outside everything that scrolls by itself.
STICKS_OUT = """() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return [];
  return [...document.querySelectorAll('body *')]
    .filter(one => one.getBoundingClientRect().right > most + 1)
    .slice(0, 5).map(one => one.outerHTML.slice(0, 120));
}"""


@dataclass
class Screen:
    """`problems` collects while pages are used; a test ends with `assert screen.problems == []`."""

    page: Page
    base_url: str
    shots: Path
    problems: list[str] = field(default_factory=list)

    @classmethod
    def open(cls, context: BrowserContext, base_url: str, shots: Path) -> "Screen":
        screen = cls(context.new_page(), base_url, shots)
        context.route(_is_elsewhere, lambda route: route.abort())
        context.on("request", screen._request)
        screen.page.on("websocket", screen._socket)
        screen.page.on("console", screen._console)
        screen.page.on("pageerror", lambda error: screen.problems.append(f"{screen.path}: {error}"))
        return screen

    @property
    def path(self) -> str:
        return urlsplit(self.page.url).path

    def go(self, path: str) -> int:
        """The status of the answer."""
        answer = self.page.goto(self.base_url + path)
        self.settle()
        return answer.status if answer else 0

    def settle(self) -> None:
        """Until what the page asks for itself has come."""
        expect(self.page.locator("[data-later]")).to_have_count(0)

    def reach(self, target: Locator) -> None:
        """Go there by the keyboard alone, onwards from where the focus is."""
        expect(target).to_be_visible()
        wanted = target.element_handle()
        for _ in range(MOST_STOPS):
            if self.page.evaluate("one => document.activeElement === one", wanted):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{self.path}: the Tab key does not lead to {target}")

    def look(self, name: str) -> None:
        """The page as it stands: light and dark, wide and as on a phone; a picture of each."""
        for size, viewport in (("wide", WIDE), ("phone", PHONE)):
            self.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            for theme in ("light", "dark"):
                self.page.evaluate(THEME, theme)
                self.page.wait_for_function(
                    "theme => document.documentElement.matches('.' + theme)", arg=theme
                )
                self.page.screenshot(path=self.shots / f"{name}-{size}-{theme}.png", full_page=True)
                if size == "wide" or theme == "light":
                    self._axe(f"{name}, {size}, {theme}")
            out = self.page.evaluate(STICKS_OUT)
            self.problems += [f"{name}, {size}: wider than the window: {one}" for one in out]
        self.page.set_viewport_size(WIDE)  # type: ignore[arg-type]
        self.page.evaluate(THEME, "light")

    def _axe(self, where: str) -> None:
        self.page.evaluate(AXE_SCRIPT)
        passes, violations = self.page.evaluate(AXE)
        assert passes, "axe-core looked at nothing"
        for violation in violations:
            if violation["impact"] in GRAVE:
                self.problems += [f"{where}: {_told(violation, node)}" for node in violation["nodes"][:3]]

    def _request(self, request: Request) -> None:
        if _is_elsewhere(request.url):
            self.problems.append(f"{self.path}: asks {request.url}")

    def _socket(self, socket: WebSocket) -> None:
        if _is_elsewhere(socket.url):
            self.problems.append(f"{self.path}: opens {socket.url}")

    def _console(self, message: ConsoleMessage) -> None:
        # The answers of refused forms are pages of their own; the browser notes their status as an error.
        is_status = message.text.startswith("Failed to load resource") and "422" in message.text
        if message.type in ("error", "warning") and not is_status:
            self.problems.append(f"{self.path}: {message.type}: {message.text}")


def _is_elsewhere(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme not in ("data", "blob", "about") and (parts.hostname or "") not in LOOPBACK


def _told(violation: dict[str, Any], node: dict[str, Any]) -> str:
    data = next((one["data"] for one in node["any"] if one.get("data")), None)
    return f"{violation['id']} {node['target']} {node['html'][:140]} {json.dumps(data) if data else ''}"
