"""Rights that the server's role and the callers' roles must not have, as SQL that finds them."""

from __future__ import annotations

_ATTRIBUTES = """
SELECT format('the role %s is a superuser', rolname) AS problem,
    format('ALTER ROLE %I NOSUPERUSER', rolname) AS fix
FROM ours WHERE rolsuper
UNION ALL
SELECT format('the role %s bypasses row security', rolname),
    format('ALTER ROLE %I NOBYPASSRLS', rolname)
FROM ours WHERE rolbypassrls
UNION ALL
SELECT format('the role %s may create roles or databases or replicate', rolname),
    format('ALTER ROLE %I NOCREATEROLE NOCREATEDB NOREPLICATION', rolname)
FROM ours WHERE rolcreaterole OR rolcreatedb OR rolreplication
"""

# zava_app can become the four roles and nothing else, and has none of their rights before it does.
_MEMBERSHIPS = """
SELECT format('the role %s is a member of %s', member.rolname, role.rolname),
    format('REVOKE %I FROM %I GRANTED BY %I', role.rolname, member.rolname, grantor.rolname)
FROM pg_auth_members AS m
JOIN pg_roles AS role ON role.oid = m.roleid
JOIN pg_roles AS member ON member.oid = m.member
JOIN pg_roles AS grantor ON grantor.oid = m.grantor
WHERE m.member IN (SELECT oid FROM ours)
    AND NOT (
        member.rolname = current_user
        AND role.rolname IN ('store_managers', 'regional_managers', 'head_office', 'viewers')
    )
UNION ALL
SELECT format('the role %s may grant %s to others', member.rolname, role.rolname),
    format('REVOKE ADMIN OPTION FOR %I FROM %I GRANTED BY %I',
        role.rolname, member.rolname, grantor.rolname)
FROM pg_auth_members AS m
JOIN pg_roles AS role ON role.oid = m.roleid
JOIN pg_roles AS member ON member.oid = m.member
JOIN pg_roles AS grantor ON grantor.oid = m.grantor
WHERE m.member IN (SELECT oid FROM ours) AND m.admin_option
UNION ALL
SELECT format('the role %s has the rights of %s without taking its role', member.rolname,
        role.rolname),
    format('ALTER ROLE %1$I NOINHERIT; REVOKE %2$I FROM %1$I GRANTED BY %3$I; GRANT %2$I TO %1$I',
        member.rolname, role.rolname, grantor.rolname)
FROM pg_auth_members AS m
JOIN pg_roles AS role ON role.oid = m.roleid
JOIN pg_roles AS member ON member.oid = m.member
JOIN pg_roles AS grantor ON grantor.oid = m.grantor
WHERE member.rolname = current_user AND pg_has_role(m.member, m.roleid, 'USAGE')
    AND role.rolname IN ('store_managers', 'regional_managers', 'head_office', 'viewers')
"""

# Whatever it is, the catalog of shared dependencies knows who owns it.
_OWNERSHIP = """
SELECT format('the role %s owns the %s', o.rolname,
        pg_describe_object(d.classid, d.objid, d.objsubid)),
    format('REASSIGN OWNED BY %I TO %s', o.rolname, (SELECT name FROM the_owner))
FROM pg_shdepend AS d JOIN ours AS o ON o.oid = d.refobjid
WHERE d.refclassid = 'pg_authid'::regclass AND d.deptype = 'o'
    AND d.dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
"""

# pg_settings can be written to by everybody, which does what set_config does.
_TABLES = """
SELECT format('%s may %s on %s', g.name, a.privilege_type, r.name),
    format('REVOKE %s ON %s FROM %s', a.privilege_type, r.name, g.name)
FROM relations AS r
CROSS JOIN LATERAL aclexplode(r.relacl) AS a
JOIN grantees AS g ON g.oid = a.grantee
WHERE r.relkind <> 'S' AND (a.privilege_type <> 'SELECT' OR r.is_secret)
    AND NOT (r.name = 'pg_catalog.pg_settings' AND a.grantee = 0)
UNION ALL
SELECT format('%s may %s columns of %s', g.name, a.privilege_type, r.name),
    format('REVOKE %s (%I) ON %s FROM %s', a.privilege_type, c.attname, r.name, g.name)
FROM relations AS r
JOIN pg_attribute AS c ON c.attrelid = r.oid
CROSS JOIN LATERAL aclexplode(c.attacl) AS a
JOIN grantees AS g ON g.oid = a.grantee
WHERE a.privilege_type <> 'SELECT' OR r.is_secret
UNION ALL
SELECT format('%s may use the sequence %s', g.name, r.name),
    format('REVOKE ALL ON SEQUENCE %s FROM %s', r.name, g.name)
FROM relations AS r
CROSS JOIN LATERAL aclexplode(r.relacl) AS a
JOIN grantees AS g ON g.oid = a.grantee
WHERE r.relkind = 'S' AND a.privilege_type <> 'SELECT'
"""

# What PostgreSQL itself keeps from PUBLIC: reading files, reloading, resetting, logging memory.
_KEPT_FUNCTIONS = """
SELECT format('%s may call %s', g.name, p.oid::regprocedure),
    format('REVOKE ALL ON FUNCTION %s FROM %s', p.oid::regprocedure, g.name)
FROM pg_init_privs AS i
JOIN pg_proc AS p ON p.oid = i.objoid
CROSS JOIN LATERAL aclexplode(p.proacl) AS a
JOIN grantees AS g ON g.oid = a.grantee
WHERE i.classoid = 'pg_proc'::regclass AND i.privtype = 'i'
    AND NOT EXISTS (SELECT FROM aclexplode(i.initprivs) AS kept WHERE kept.grantee = 0)
"""

_LARGE_OBJECTS = """
SELECT format('%s may use the large object %s', g.name, l.oid),
    format('REVOKE ALL ON LARGE OBJECT %s FROM %s', l.oid, g.name)
FROM pg_largeobject_metadata AS l
CROSS JOIN LATERAL aclexplode(l.lomacl) AS a
JOIN grantees AS g ON g.oid = a.grantee
"""

_PLACES = """
SELECT format('%s may create in the schema %I', g.name, n.nspname),
    format('REVOKE CREATE ON SCHEMA %I FROM %s', n.nspname, g.name)
FROM pg_namespace AS n
CROSS JOIN LATERAL aclexplode(n.nspacl) AS a
JOIN grantees AS g ON g.oid = a.grantee
WHERE a.privilege_type = 'CREATE'
UNION ALL
SELECT format('%s may create schemas or temporary tables in the database', g.name),
    format('REVOKE CREATE, TEMPORARY ON DATABASE %I FROM %s', d.datname, g.name)
FROM pg_database AS d
CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) AS a
JOIN grantees AS g ON g.oid = a.grantee
WHERE d.datname = current_database() AND a.privilege_type IN ('CREATE', 'TEMPORARY')
UNION ALL
SELECT format('%s may %s the parameter %s', g.name, a.privilege_type, p.parname),
    format('REVOKE ALL ON PARAMETER %s FROM %s', p.parname, g.name)
FROM pg_parameter_acl AS p
CROSS JOIN LATERAL aclexplode(p.paracl) AS a
JOIN grantees AS g ON g.oid = a.grantee
"""

_SETTINGS = """
SELECT format('%s is %s', name, current_setting(name)),
    format('ALTER ROLE %I IN DATABASE %I SET %s = %s', current_user, current_database(), name, good)
FROM (VALUES ('standard_conforming_strings', 'on'), ('default_transaction_read_only', 'on'))
    AS wanted (name, good)
WHERE current_setting(name) <> good
UNION ALL
-- These bind the whole server: the one outlives its caller, the other opens all large objects.
SELECT format('%s is %s', name, current_setting(name)),
    format('ALTER SYSTEM SET %s = %s%s', name, good, rest)
FROM (VALUES
    ('max_prepared_transactions', '0', ' /* and restart PostgreSQL */'),
    ('lo_compat_privileges', 'off', '; SELECT pg_reload_conf()')
) AS wanted (name, good, rest)
WHERE current_setting(name) <> good
"""

UNSAFE_RIGHTS = (
    _ATTRIBUTES,
    _MEMBERSHIPS,
    _OWNERSHIP,
    _TABLES,
    _KEPT_FUNCTIONS,
    _LARGE_OBJECTS,
    _PLACES,
    _SETTINGS,
)
"""Each gives rows of (problem, fix) over the relations that `self_check` defines."""
