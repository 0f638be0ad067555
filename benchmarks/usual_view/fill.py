"""Fills the usual project's database: `python -m benchmarks.usual_view.fill FLEET.json`.

Reads {"organization", "sites": [...], "edges": [[edge_id, site index, layer]]}; prints {edge_id: key}.
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "benchmarks.usual_view.settings")
BATCH = 2000


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    from benchmarks.usual_view.models import Edge, EdgeKey, Organization, Site

    call_command("migrate", run_syncdb=True, interactive=False, verbosity=0)
    fleet = json.loads(Path(sys.argv[1]).read_text())
    organization = Organization.objects.create(code="acme", config=fleet["organization"])
    sites = Site.objects.bulk_create(
        [
            Site(organization=organization, code=f"s{number}", config=config)
            for number, config in enumerate(fleet["sites"])
        ]
    )
    edges = Edge.objects.bulk_create(
        [Edge(edge_id=edge_id, site=sites[site], config=config) for edge_id, site, config in fleet["edges"]],
        batch_size=BATCH,
    )
    made, texts = [], {}
    for edge in edges:
        key = EdgeKey(edge=edge, name=edge.edge_id)
        texts[edge.edge_id] = EdgeKey.objects.assign_key(key)
        made.append(key)
    EdgeKey.objects.bulk_create(made, batch_size=BATCH)
    print(json.dumps(texts))


if __name__ == "__main__":
    main()
