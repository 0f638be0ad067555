"""The device profile registry: revisions that edges are pinned to, the same for every organization."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import orjson
from django.db import connection, transaction

from configs.models import DeviceProfile, RegistryRevision
from edge_protocol.canonical import JsonObject, canonical
from edge_protocol.registry import builtin_profiles

Profiles = Mapping[str, JsonObject]

_LOCK_NAME = "configs.registry"


def load(numbers: Collection[int]) -> dict[int, dict[str, JsonObject]]:
    """Profiles by revision number. One query."""
    if not numbers:
        return {}
    rows = RegistryRevision.objects.filter(number__in=numbers).values_list("number", "profiles")
    return {number: orjson.loads(text) for number, text in rows}


@dataclass(frozen=True, slots=True)
class Differences:
    """What one revision has that another has not, by profile id, sorted."""

    added: tuple[str, ...]
    changed: tuple[str, ...]
    removed: tuple[str, ...]


def between(before: Profiles, after: Profiles) -> Differences:
    """What leads from one state of the registry to another. Pure."""
    both = before.keys() & after.keys()
    return Differences(
        added=tuple(sorted(after.keys() - before.keys())),
        changed=tuple(sorted(name for name in both if before[name] != after[name])),
        removed=tuple(sorted(before.keys() - after.keys())),
    )


def current(*, now: datetime) -> int:
    """The newest revision's number; the shipped profiles become the first where there is none yet."""
    newest = _newest()
    return newest if newest is not None else ship(now=now)


def ship(*, now: datetime) -> int:
    """What this software ships becomes the newest revision where it differs. Safe to repeat, and in parallel.

    Every set-up calls it, so an upgraded server offers its new profiles. No edge moves by it.
    """
    return revise(builtin_profiles(), note="shipped profiles", now=now)


def revise(profiles: Profiles, *, note: str, now: datetime) -> int:
    """Make these profiles the newest revision, unless they are already. Edges keep their pins.

    Shape: profiles by `profile_id`, all of them. Errors: DocumentError for one that is no profile.
    """
    text = canonical(dict(profiles)).decode()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [_LOCK_NAME])
        newest = RegistryRevision.objects.order_by("-number").first()
        if newest is not None and newest.profiles == text:
            return newest.number
        number = 1 if newest is None else newest.number + 1
        RegistryRevision.objects.create(number=number, profiles=text, created_at=now, note=note)
        _record(profiles)
    return number


def _newest() -> int | None:
    return RegistryRevision.objects.order_by("-number").values_list("number", flat=True).first()


def _record(profiles: Profiles) -> None:
    """The newest state of each profile, with history, for those who read one at a time."""
    known = {row.name: row for row in DeviceProfile.objects.all()}
    for name, body in profiles.items():
        row = known.get(name) or DeviceProfile(name=name)
        if row.pk is None or row.body != body:
            row.version, row.body = str(body.get("version", "")), body
            row.save()
    DeviceProfile.objects.exclude(name__in=list(profiles)).delete()
