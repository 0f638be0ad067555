"""Rollouts keep to their organization; revisions that exist know what they build on."""

from django.db import migrations

from edges.row_security import composite_key, tenant

COMPOSITE = (
    ("revision", "parent_id", "configs_revision"),
    ("rollout", "change_set_id", "configs_changeset"),
    ("rolloutlayer", "rollout_id", "configs_rollout"),
    ("rolloutlayer", "layer_id", "configs_layer"),
    ("rolloutlayer", "candidate_id", "configs_revision"),
    ("rolloutwave", "rollout_id", "configs_rollout"),
    ("rollouttarget", "rollout_id", "configs_rollout"),
    ("rollouttarget", "edge_id", "edges_edge"),
    ("rolloutentry", "rollout_id", "configs_rollout"),
)
# The owner is subject to the policy as well, unless it says otherwise for as long as this takes.
PARENTS = """
ALTER TABLE configs_revision NO FORCE ROW LEVEL SECURITY;
UPDATE configs_revision r SET parent_id = p.id
  FROM configs_revision p
 WHERE p.organization_id = r.organization_id AND p.layer_id = r.layer_id AND p.number = r.number - 1;
ALTER TABLE configs_revision FORCE ROW LEVEL SECURITY;
"""


class Migration(migrations.Migration):
    dependencies = [("configs", "0003_rollouts"), ("edges", "0002_row_security")]
    operations = [
        migrations.RunSQL(PARENTS, migrations.RunSQL.noop),
        tenant("configs_rollout"),
        *[tenant(f"configs_rollout{name}", key=None) for name in ("layer", "wave", "target", "entry")],
        tenant("configs_job", key=None),
        *[composite_key(f"configs_{table}", column, parent) for table, column, parent in COMPOSITE],
        # A target changes with everything that its edge reports.
        migrations.RunSQL(
            "ALTER TABLE configs_rollouttarget SET (fillfactor = 70)",
            "ALTER TABLE configs_rollouttarget RESET (fillfactor)",
        ),
    ]
