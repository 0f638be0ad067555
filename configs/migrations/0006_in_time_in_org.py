"""What waits, who approved it and how far it is keep to their organization."""

from django.db import migrations

from edges.row_security import composite_key, tenant


class Migration(migrations.Migration):
    dependencies = [("configs", "0005_in_time"), ("edges", "0002_row_security")]
    operations = [
        tenant("configs_timing", key="change_set_id"),
        tenant("configs_progress", key="change_set_id"),
        tenant("configs_approvalrule", key=None),
        tenant("configs_approval"),
        tenant("configs_changesetentry", key=None),
        *[
            composite_key(f"configs_{table}", "change_set_id", "configs_changeset")
            for table in ("timing", "progress", "approval", "changesetentry")
        ],
    ]
