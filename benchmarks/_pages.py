"""The desk's pages by kind: what a link leads to, as the pattern that serves it."""

import re

from django.urls import Resolver404, resolve

NO_PAGE = re.compile(r"admin/(logout/|jsi18n/|transfer/<)|(?!admin/)")


def kind(path: str) -> str:
    """A page's pattern as a file's name, with the name of the act on it; empty where there is no page."""
    try:
        found = resolve(path)
    except Resolver404:
        return ""
    if NO_PAGE.match(found.route):
        return ""
    text = found.route.removeprefix("admin/")
    for act in ("name", "deed", "verb"):
        text = text.replace(f"<str:{act}>", str(found.kwargs.get(act)))
    text = re.sub(r"\(\?P.*", "application", re.sub(r"<[^>]*>/$", "one", text))
    return re.sub(r"\W+", "-", re.sub(r"<[^>]*>", "", text)).strip("-") or "home"
