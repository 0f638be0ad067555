"""The Tab key leads to everything that can be used, shows where it is, and leaves again."""

import pytest

from tests.browser import steps
from tests.browser.screen import MOST_STOPS, Screen
from tests.browser.stage import FAILED

PAGES = {
    "home": "/admin/",
    "fleet": "/admin/fleet/",
    "rollouts": "/admin/rollouts/",
    "a list": "/admin/edges/edge/",
    "a form": "/admin/edges/edge/add/",
    "a layer": "/admin/layers/acme/organization/acme/",
}
# Everything that can be used and stands somewhere, numbered.
NUMBER_ALL = """() => {
  const wanted = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]';
  const usable = [...document.querySelectorAll(wanted)].filter(one => !one.disabled && one.tabIndex >= 0 &&
    one.checkVisibility({checkVisibilityCSS: true}) && one.getClientRects().length);
  usable.forEach((one, index) => { one.dataset.stop = index; });
  return usable.map(one => one.outerHTML.slice(0, 160));
}"""
# Where the focus is, and whether it looks different from when it is elsewhere.
LOOK = """() => {
  const one = document.activeElement;
  const looks = () => {
    const parts = [one, one.parentElement].map(part => getComputedStyle(part));
    return parts.map(s => [s.outlineStyle, s.outlineWidth, s.outlineColor, s.boxShadow, s.borderColor,
      s.backgroundColor, s.color, s.left].join()).join();
  };
  if (!one.dataset.stop) return [-1, true];
  const focused = looks();
  one.blur();
  const plain = looks();
  one.focus({focusVisible: true});
  return [Number(one.dataset.stop), focused !== plain];
}"""


def stops(screen: Screen) -> tuple[set[int], set[int]]:
    """What the Tab key reached until it came round, and where nobody would see it."""
    reached: set[int] = set()
    unseen: set[int] = set()
    for _ in range(MOST_STOPS):
        screen.page.keyboard.press("Tab")
        stop, is_seen = screen.page.evaluate(LOOK)
        if stop in reached:
            return reached, unseen
        if stop >= 0:
            reached.add(stop)
            unseen |= set() if is_seen else {stop}
    raise AssertionError(f"{screen.path}: the Tab key does not come round in {MOST_STOPS} stops")


@pytest.mark.parametrize("name", PAGES)
def test_the_tab_key_reaches_everything_and_is_seen(screen: Screen, name: str) -> None:
    screen.go(PAGES[name])
    usable = screen.page.evaluate(NUMBER_ALL)
    reached, unseen = stops(screen)
    assert len(reached) > 5
    assert [usable[stop] for stop in set(range(len(usable))) - reached] == []
    assert [usable[stop] for stop in unseen] == []


def test_the_first_stop_leads_past_the_navigation(screen: Screen) -> None:
    screen.go(PAGES["fleet"])
    screen.page.keyboard.press("Tab")
    assert screen.page.evaluate("document.activeElement.textContent") == "Skip to the content"
    screen.page.keyboard.press("Enter")
    screen.page.keyboard.press("Tab")
    assert screen.page.evaluate("document.getElementById('content').contains(document.activeElement)")


def test_what_unfolds_is_opened_by_the_keyboard(screen: Screen) -> None:
    steps.open_page(screen, "Edges")
    steps.follow(screen, FAILED)
    screen.reach(screen.page.get_by_text("The end of its log"))
    screen.page.keyboard.press("Enter")
    steps.sees(screen, "watchdog: going back")
