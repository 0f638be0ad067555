"""A bucket remembers its own terms, so that one statement leases many; without an index on what every
lease writes.
"""

from django.db import migrations, models


def number(default: float = 0) -> "models.FloatField[float, float]":
    return models.FloatField(default=default)


class Migration(migrations.Migration):
    dependencies = [("doors", "0001_initial")]
    operations = [
        migrations.RunSQL(
            "DROP FUNCTION lease_tokens(text[], float8[], float8[], int[], timestamptz)", migrations.RunSQL.noop
        ),
        migrations.RunSQL("DELETE FROM doors_bucket", migrations.RunSQL.noop),
        migrations.AlterField("bucket", "refilled_at", models.DateTimeField()),
        migrations.AddField("bucket", "granted", number()),
        migrations.AddField("bucket", "capacity", number()),
        migrations.AddField("bucket", "per_second", number()),
        migrations.AddField("bucket", "block", number()),
        # Leases rewrite the same rows: room beside them keeps the updates out of the index.
        migrations.RunSQL("ALTER TABLE doors_bucket SET (fillfactor = 50)", migrations.RunSQL.noop),
    ]
