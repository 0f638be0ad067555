"""Every page that links lead to: readable for everybody, light and dark, wide and on a phone."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from django.urls import Resolver404, resolve

from tests.browser.screen import Screen

LINKS = "() => [...document.querySelectorAll('a[href]')].map(one => one.href)"
NO_PAGE = re.compile(r"admin/(logout/|jsi18n/|\^)|(?!admin/)")


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
            kind = _kind(urlsplit(link).path)
            if kind and kind not in known:
                known.add(kind)
                waiting[kind] = urlsplit(link).path


def _kind(path: str) -> str:
    """A page's pattern as a file's name, with the name of the act on it; empty where there is no page."""
    try:
        found = resolve(path)
    except Resolver404:
        return ""
    if NO_PAGE.match(found.route):
        return ""
    text = found.route.removeprefix("admin/").replace("<str:name>", str(found.kwargs.get("name")))
    text = re.sub(r"<[^>]*>/$", "one", text)
    return re.sub(r"\W+", "-", re.sub(r"<[^>]*>", "", text)).strip("-") or "home"
