"""A fleet that polls, twice over: in our database, published and with keys, and in the usual project's."""

import json
import os
import secrets
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import publish
from benchmarks._servers import REPOSITORY

SITES = 100


@dataclass(frozen=True)
class Asker:
    """One edge, as both servers know it."""

    edge_id: str
    key: str
    usual_key: str
    etag: str
    issued_at: str


def document() -> dict[str, Any]:
    """A small plant: three devices, three controllers, an alarm. About 1.5 KB, as the specification's
    example.
    """
    whole = publish.document()
    return {**whole, "modbus_devices": whole["modbus_devices"][:3], "alarms": whole["alarms"][:1]}


def make(edges: int, var: Path) -> tuple[list[Asker], dict[str, str]]:
    """Both fleets, and the environment of the usual project."""
    fleet = publish.Fleet("alike", edges, SITES)
    fleet.set("", document())
    # A second version, so that there is a delta from the first.
    fleet.set("/scheduler/controllers/ctrlPeakShaving0/parameters/threshold_watts", 40_000)
    keys = make_keys(fleet)
    environment = {
        "USUAL_DATABASE": json.dumps(usual_database()),
        "DJANGO_SETTINGS_MODULE": "benchmarks.usual_view.settings",
    }
    usual_keys = fill_usual(edges, var, environment)
    return [asker(head, keys, usual_keys) for head in heads(fleet)], environment


def heads(fleet: publish.Fleet) -> list[Any]:
    from edges import tenancy
    from edges.models import EdgeHead

    with tenancy.scope([fleet.organization_id]):
        return list(EdgeHead.objects.select_related("edge").order_by("edge__edge_id"))


def asker(head: Any, keys: dict[str, str], usual_keys: dict[str, str]) -> Asker:
    from edge_protocol.instants import format_instant

    edge_id = head.edge.edge_id
    return Asker(edge_id, keys[edge_id], usual_keys[edge_id], head.etag, format_instant(head.issued_at))


def make_keys(fleet: publish.Fleet) -> dict[str, str]:
    """A confirmed key for each edge; its text by the edge's id."""
    from edge_protocol.keys import EDGE_KEY, new_credential
    from edges import credentials, tenancy
    from edges.models import Edge, EdgeKey

    pepper, texts, rows = credentials.newest_pepper(), {}, []
    used_at = fleet.now - timedelta(minutes=10)
    with tenancy.scope([fleet.organization_id]):
        for edge in Edge.objects.all():
            fresh = new_credential(EDGE_KEY, secrets.token_bytes)
            texts[edge.edge_id] = fresh.text
            rows.append(
                EdgeKey(
                    organization_id=fleet.organization_id,
                    edge=edge,
                    key_id=fresh.key_id,
                    mac=credentials.mac(pepper, fresh.text),
                    pepper=pepper,
                    created_at=used_at,
                    first_used_at=used_at,
                    last_used_at=used_at,
                )
            )
        EdgeKey.objects.bulk_create(rows, batch_size=2000)
    return texts


def usual_database() -> dict[str, Any]:
    """A database of its own in the same PostgreSQL; its role owns it, as is usual."""
    import psycopg
    from django.conf import settings

    from ems import database

    place = database.cluster(settings.EMS_VAR)
    with psycopg.connect(place.url(database.SUPERUSER, "postgres"), autocommit=True) as admin:
        admin.execute("CREATE DATABASE usual")
    return {"NAME": "usual", "USER": database.SUPERUSER, "HOST": str(place.socket)}


def fill_usual(edges: int, var: Path, environment: dict[str, str]) -> dict[str, str]:
    layers = {
        "organization": document(),
        "sites": [publish.site_layer(number) for number in range(SITES)],
        "edges": [
            [f"alike-{number}", number % SITES, publish.edge_layer("alike", number) or {}]
            for number in range(edges)
        ],
    }
    source = var / "usual.json"
    source.write_text(json.dumps(layers))
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.usual_view.fill", str(source)],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        check=True,
        capture_output=True,
        text=True,
    )
    texts: dict[str, str] = json.loads(done.stdout)
    return texts
