"""Lists as `{"items": [...], "next": cursor|null}`: the cursor is the last row's place, so pages never
shift.
"""

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import FieldError, ValidationError
from django.db.models import Model, Q, QuerySet

from doors.problems import Refused

DEFAULT_LIMIT = 100
MAX_LIMIT = 500


def page(
    rows: QuerySet[Any],
    query: Mapping[str, str],
    *,
    order: tuple[str, ...],
    item: Callable[[Any], Any],
) -> dict[str, Any]:
    """One page of `rows`, as `?limit=` and `?cursor=` in `query` ask.

    `order` names fields, `-` for descending; the last must be unique, so that the order is total. One query.
    Raises: Refused 400 `bad_cursor`, `bad_limit`.
    """
    limit = limit_of(query.get("limit"))
    ordered = rows.order_by(*order)
    if cursor := query.get("cursor"):
        ordered = _after(ordered, order, decode(cursor, len(order)))
    found = list(ordered[: limit + 1])
    more = len(found) > limit
    return {
        "items": [item(row) for row in found[:limit]],
        "next": encode(_place(found[limit - 1], order)) if more else None,
    }


def limit_of(text: str | None) -> int:
    """How many items a page is to have. Raises: Refused 400 `bad_limit`."""
    if text is None:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 1 <= int(text) <= MAX_LIMIT):
        raise Refused(400, "bad_limit", f"limit is a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def _after(rows: QuerySet[Any], order: tuple[str, ...], place: list[Any]) -> QuerySet[Any]:
    """Rows behind `place`: (a > x) or (a = x and b > y) or ..."""
    condition, equal = Q(), Q()
    for field, value in zip(order, place, strict=True):
        name = field.removeprefix("-")
        condition |= equal & Q(**{f"{name}__{'lt' if field.startswith('-') else 'gt'}": value})
        equal &= Q(**{name: value})
    try:
        return rows.filter(condition)
    except (ValidationError, ValueError, TypeError, FieldError) as broken:
        raise _bad_cursor() from broken


def _place(row: Model, order: Iterable[str]) -> list[Any]:
    place = []
    for field in order:
        value: Any = row
        for step in field.removeprefix("-").split("__"):
            value = getattr(value, step)
        place.append(value if isinstance(value, int | str) else _text(value))
    return place


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def encode(place: list[Any]) -> str:
    """A row's place as a cursor."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def decode(cursor: str, length: int) -> list[Any]:
    """The place that a cursor stands for. Raises: Refused 400 `bad_cursor`."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError) as broken:
        raise _bad_cursor() from broken
    if not isinstance(place, list) or len(place) != length:
        raise _bad_cursor()
    if not all(_harmless(value) for value in place):
        raise _bad_cursor()
    return place


def _harmless(value: Any) -> bool:
    if isinstance(value, str):
        return "\0" not in value and value.isprintable()
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _bad_cursor() -> Refused:
    return Refused(400, "bad_cursor", "The cursor is none that this list gave out.")
