from django.db import migrations, models

LEASE_TOKENS = """
CREATE FUNCTION lease_tokens(
  keys text[], capacities float8[], rates float8[], blocks int[], moment timestamptz DEFAULT clock_timestamp()
) RETURNS TABLE (bucket text, granted int, wait_seconds float8)
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  position int;
  level float8;
BEGIN
  -- Always in one order, so that two processes asking for the same buckets cannot lock each other out.
  FOR position IN SELECT i FROM generate_subscripts(keys, 1) AS i ORDER BY keys[i] LOOP
    INSERT INTO doors_bucket AS b (key, tokens, refilled_at)
      VALUES (keys[position], capacities[position], moment)
      ON CONFLICT (key) DO UPDATE SET
        tokens = least(capacities[position],
          b.tokens + rates[position] * greatest(0, extract(epoch FROM moment - b.refilled_at))),
        refilled_at = greatest(b.refilled_at, moment)
      RETURNING b.tokens INTO level;
    bucket := keys[position];
    granted := floor(least(blocks[position], level));
    wait_seconds := CASE WHEN granted >= 1 THEN 0 ELSE (1 - level) / rates[position] END;
    IF granted >= 1 THEN
      UPDATE doors_bucket b SET tokens = level - granted WHERE b.key = keys[position];
    END IF;
    RETURN NEXT;
  END LOOP;
END $$
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []

    operations = [
        migrations.CreateModel(
            name="Bucket",
            fields=[
                ("key", models.TextField(primary_key=True, serialize=False)),
                ("tokens", models.FloatField()),
                ("refilled_at", models.DateTimeField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="IdempotencyRecord",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("principal", models.TextField()),
                ("key", models.TextField()),
                ("body_digest", models.TextField()),
                ("status", models.PositiveSmallIntegerField(default=0)),
                ("headers", models.JSONField(default=dict)),
                ("body", models.BinaryField(null=True)),
                ("created_at", models.DateTimeField(db_index=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("principal", "key"), name="doors_idempotency_once"),
                ],
            },
        ),
        # What a crash forgets is how much was asked lately; for that a lease is written without waiting for
        # the disk.
        migrations.RunSQL("ALTER TABLE doors_bucket SET UNLOGGED", migrations.RunSQL.noop),
        migrations.RunSQL(
            LEASE_TOKENS, "DROP FUNCTION lease_tokens(text[], float8[], float8[], int[], timestamptz)"
        ),
    ]
