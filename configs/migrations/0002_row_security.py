"""Every tenant table keeps to its organization, whatever the application forgets."""

from django.db import migrations

from edges.row_security import composite_key, tenant

WITH_KEY = ("layer", "revision", "changeset", "hold")
WITHOUT_KEY = ("ledger", "sectionblob", "operation", "preview", "version", "quarantine")
PINS = ("organization_revision_id", "site_revision_id", "edge_revision_id")
COMPOSITE = (
    ("layer", "site_id", "edges_site"),
    ("layer", "edge_id", "edges_edge"),
    ("layer", "baseline_id", "configs_revision"),
    ("revision", "layer_id", "configs_layer"),
    ("revision", "change_set_id", "configs_changeset"),
    ("edgepins", "edge_id", "edges_edge"),
    ("hold", "edge_id", "edges_edge"),
    ("changeset", "reverts_id", "configs_changeset"),
    ("operation", "change_set_id", "configs_changeset"),
    ("operation", "layer_id", "configs_layer"),
    ("version", "edge_id", "edges_edge"),
    ("version", "change_set_id", "configs_changeset"),
    ("quarantine", "edge_id", "edges_edge"),
    *[(table, pin, "configs_revision") for table in ("edgepins", "version") for pin in PINS],
)


class Migration(migrations.Migration):
    dependencies = [("configs", "0001_initial"), ("edges", "0002_row_security")]
    operations = [
        *[tenant(f"configs_{table}") for table in WITH_KEY],
        *[tenant(f"configs_{table}", key=None) for table in WITHOUT_KEY],
        tenant("configs_edgepins", key="edge_id"),
        *[composite_key(f"configs_{table}", column, parent) for table, column, parent in COMPOSITE],
        # A manifest is base64 of a signature and hashes: trying to compress it only costs time.
        migrations.RunSQL(
            "ALTER TABLE configs_version ALTER COLUMN envelope SET STORAGE EXTERNAL, SET (toast_tuple_target = 8160)",
            "ALTER TABLE configs_version ALTER COLUMN envelope SET STORAGE EXTENDED, RESET (toast_tuple_target)",
        ),
        # Pins change with every publish: room beside a row keeps its update out of the indexes.
        migrations.RunSQL(
            "ALTER TABLE configs_edgepins SET (fillfactor = 70)", "ALTER TABLE configs_edgepins RESET (fillfactor)"
        ),
    ]
