"""What may be read before the tenant is known: a few functions, each with its one question.

They run as ems_door, which may read just these tables and nobody is a member of; ems_app may only execute them.
"""

from django.db import migrations

READ = ("organization", "site", "edge", "edgekey", "enrollmenttoken", "operatortoken", "edgehead", "membership")

POLICIES = "\n".join(
    f"CREATE POLICY door ON edges_{table} FOR SELECT TO ems_door USING (true);\n"
    f"GRANT SELECT ON edges_{table} TO ems_door;"
    for table in READ
)
NO_POLICIES = "\n".join(
    f"REVOKE SELECT ON edges_{table} FROM ems_door;\nDROP POLICY door ON edges_{table};" for table in READ
)

EDGE_POLL = """
CREATE FUNCTION edge_poll(wanted text)
RETURNS TABLE (
    organization_id uuid, edge_uid uuid, edge_id text, stage text, active boolean, rotation_days smallint,
    key_uid uuid, mac bytea, pepper smallint, pending boolean, created_at timestamptz,
    last_used_at timestamptz, expires_at timestamptz, revoked_at timestamptz,
    version bigint, digest text, etag text, epoch integer, envelope text, issued_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER ROWS 1 SET search_path = public, pg_temp
AS $$
    SELECT k.organization_id, e.id, e.edge_id, e.stage, s.is_active AND o.is_active, o.key_rotation_days,
           k.id, k.mac, k.pepper, k.pending, k.created_at,
           k.last_used_at, k.expires_at, k.revoked_at,
           h.version, h.digest, h.etag, h.epoch, h.envelope, h.issued_at
    FROM edges_edgekey k
    JOIN edges_edge e ON e.id = k.edge_id
    JOIN edges_site s ON s.id = e.site_id
    JOIN edges_organization o ON o.id = k.organization_id
    LEFT JOIN edges_edgehead h ON h.edge_id = e.id
    WHERE k.key_id = wanted
$$
"""

CREDENTIAL = """
CREATE FUNCTION credential(kind text, wanted text) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
BEGIN
    IF kind = 'emsn' THEN
        RETURN (
            SELECT jsonb_build_object(
                'id', t.id, 'organization_id', t.organization_id, 'edge_uid', t.edge_id, 'stage', e.stage,
                'active', s.is_active AND o.is_active, 'mac', encode(t.mac, 'hex'), 'pepper', t.pepper)
            FROM edges_enrollmenttoken t
            JOIN edges_edge e ON e.id = t.edge_id
            JOIN edges_site s ON s.id = e.site_id
            JOIN edges_organization o ON o.id = t.organization_id
            WHERE t.token_id = wanted);
    ELSIF kind = 'emso' THEN
        RETURN (
            SELECT jsonb_build_object(
                'id', t.id, 'organization_id', t.organization_id, 'user_id', u.id, 'username', u.username,
                'active', u.is_active AND o.is_active, 'mac', encode(t.mac, 'hex'), 'pepper', t.pepper,
                'role', t.role, 'site_id', t.site_id, 'expires_at', t.expires_at, 'revoked_at', t.revoked_at,
                'last_used_at', t.last_used_at,
                'memberships', coalesce((
                    SELECT jsonb_agg(jsonb_build_object('role', m.role, 'site_id', m.site_id))
                    FROM edges_membership m
                    WHERE m.user_id = t.user_id AND m.organization_id = t.organization_id), '[]'))
            FROM edges_operatortoken t
            JOIN auth_user u ON u.id = t.user_id
            JOIN edges_organization o ON o.id = t.organization_id
            WHERE t.token_id = wanted);
    END IF;
    RETURN NULL;
END
$$
"""

MEMBERSHIPS = """
CREATE FUNCTION memberships(wanted integer)
RETURNS TABLE (organization_id uuid, role text, site_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    SELECT m.organization_id, m.role, m.site_id
    FROM edges_membership m JOIN edges_organization o ON o.id = m.organization_id
    WHERE m.user_id = wanted AND o.is_active
$$
"""

ORG_IDS = """
CREATE FUNCTION org_ids() RETURNS SETOF uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp
AS $$ SELECT id FROM edges_organization WHERE is_active ORDER BY id $$
"""

DOORS = ("edge_poll(text)", "credential(text, text)", "memberships(integer)", "org_ids()")

# A new owner must be able to create in the schema, for as long as it takes.
HAND_OVER = (
    "GRANT CREATE ON SCHEMA public TO ems_door;\n"
    + "\n".join(
        f"REVOKE ALL ON FUNCTION {door} FROM PUBLIC;\nGRANT EXECUTE ON FUNCTION {door} TO ems_app;\n"
        f"ALTER FUNCTION {door} OWNER TO ems_door;"
        for door in DOORS
    )
    + "\nREVOKE CREATE ON SCHEMA public FROM ems_door;"
)
TAKE_BACK = "\n".join(f"DROP FUNCTION {door};" for door in DOORS)


class Migration(migrations.Migration):
    dependencies = [("edges", "0002_row_security"), ("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.RunSQL(POLICIES, NO_POLICIES),
        # The columns that name a person, and not the password.
        migrations.RunSQL(
            "GRANT SELECT (id, username, is_active) ON auth_user TO ems_door",
            "REVOKE SELECT (id, username, is_active) ON auth_user FROM ems_door",
        ),
        migrations.RunSQL([EDGE_POLL, CREDENTIAL, MEMBERSHIPS, ORG_IDS, HAND_OVER], TAKE_BACK),
    ]
