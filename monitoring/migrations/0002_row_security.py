"""Alerts, recipients, deliveries and samples keep to their organization."""

from django.db import migrations

from edges.row_security import composite_key, tenant

COMPOSITE = (
    ("alert", "change_set_id", "configs_changeset"),
    ("alert", "rollout_id", "configs_rollout"),
    ("alertedge", "alert_id", "monitoring_alert"),
    ("alertedge", "edge_id", "edges_edge"),
    ("alertentry", "alert_id", "monitoring_alert"),
    ("recipient", "site_id", "edges_site"),
    ("delivery", "recipient_id", "monitoring_recipient"),
    ("delivery", "alert_id", "monitoring_alert"),
)


class Migration(migrations.Migration):
    dependencies = [
        ("monitoring", "0001_initial"),
        ("configs", "0004_rollouts_in_org"),
        ("edges", "0002_row_security"),
    ]
    operations = [
        *[tenant(f"monitoring_{name}") for name in ("alert", "recipient")],
        *[tenant(f"monitoring_{name}", key=None) for name in ("alertedge", "alertentry", "delivery", "levelsample")],
        *[composite_key(f"monitoring_{table}", column, parent) for table, column, parent in COMPOSITE],
        # What an alarm last said, of one edge, without reading its other events.
        migrations.RunSQL(
            "CREATE INDEX monitoring_alarm_events ON edges_edgeevent (edge_id, id DESC) WHERE type = 'alarm'",
            "DROP INDEX monitoring_alarm_events",
        ),
    ]
