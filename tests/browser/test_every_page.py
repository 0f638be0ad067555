"""Every page that links lead to: readable for everybody, light and dark, wide and on a phone."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from benchmarks._pages import kind
from tests.browser.screen import Screen

LINKS = "() => [...document.querySelectorAll('a[href]')].map(one => one.href)"


def test_the_page_to_sign_in(stranger: Screen) -> None:
    stranger.go("/admin/")
    stranger.look("sign-in")
    assert stranger.problems == []


def test_every_page_that_a_link_leads_to(screen: Screen) -> None:
    seen = []
    for name in _walk(screen):
        screen.look(name)
        seen.append(name)
    assert screen.problems == [], "\n".join(screen.problems)


def _walk(screen: Screen) -> Iterator[str]:
    """One page of each kind stands in the window, in the order in which links lead to them."""
    waiting = {"home": "/admin/"}
    known = set(waiting)
    while waiting:
        name = next(iter(waiting))
        path = waiting.pop(name)
        assert screen.go(path) == 200, path
        links = screen.page.evaluate(LINKS)
        yield name
        for link in links:
            found = kind(urlsplit(link).path)
            if found and found not in known:
                known.add(found)
                waiting[found] = urlsplit(link).path
