"""Every tenant table keeps to its organization, whatever the application forgets."""

from django.db import migrations

from edges.row_security import composite_key, tenant

WITH_KEY = ("site", "edge", "membership", "edgekey", "enrollmenttoken", "operatortoken", "edgerequest")
WITHOUT_KEY = (
    "edgehead", "edgestatus", "edgeevent", "runningchange",
    "historicalsite", "historicaledge", "historicalmembership",
)
COMPOSITE = (
    ("edge", "site_id", "site"),
    ("membership", "site_id", "site"),
    ("edgekey", "edge_id", "edge"),
    ("edgekey", "replaces_id", "edgekey"),
    ("enrollmenttoken", "edge_id", "edge"),
    ("enrollmenttoken", "issued_key_id", "edgekey"),
    ("operatortoken", "site_id", "site"),
    ("edgehead", "edge_id", "edge"),
    ("edgestatus", "edge_id", "edge"),
    ("edgeevent", "edge_id", "edge"),
    ("runningchange", "edge_id", "edge"),
    ("edgerequest", "edge_id", "edge"),
)


class Migration(migrations.Migration):
    dependencies = [("edges", "0001_initial")]
    operations = [
        tenant("edges_organization", "id", key=None),
        tenant("edges_historicalorganization", "id", key=None),
        *[tenant(f"edges_{table}") for table in WITH_KEY],
        *[tenant(f"edges_{table}", key=None) for table in WITHOUT_KEY],
        *[composite_key(f"edges_{table}", column, f"edges_{parent}") for table, column, parent in COMPOSITE],
        # Heartbeats rewrite one row again and again: room beside it keeps the update out of the index.
        migrations.RunSQL(
            "ALTER TABLE edges_edgestatus SET (fillfactor = 60)", "ALTER TABLE edges_edgestatus RESET (fillfactor)"
        ),
        migrations.RunSQL("INSERT INTO edges_noticecounter (id, seq) VALUES (1, 0)", migrations.RunSQL.noop),
    ]
