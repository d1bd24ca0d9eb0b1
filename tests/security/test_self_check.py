"""The server refuses a weakened database, names the SQL that mends it, and starts after it."""

from __future__ import annotations

import asyncpg
import pytest

from zava_server.data.self_check import refuse_unsafe_role
from zava_server.infrastructure.errors import DatabaseUnavailable
from zava_server.startup import Database

COPY = "CREATE TABLE public.copy AS SELECT * FROM retail.orders;"
DEFINER = "LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM retail.orders'"

WEAKENINGS = {
    "bypasses row security": "ALTER ROLE viewers BYPASSRLS",
    "may create roles": "ALTER ROLE zava_app CREATEROLE",
    "may create databases": "ALTER ROLE head_office CREATEDB",
    "may replicate": "ALTER ROLE zava_app REPLICATION",
    "a caller's role is a superuser": "ALTER ROLE head_office SUPERUSER",
    "reads all data": "GRANT pg_read_all_data TO zava_app",
    "reads server files": "GRANT pg_read_server_files TO store_managers",
    "is told of all activity": "GRANT pg_monitor TO zava_app",
    "may become the owner": "GRANT zava_owner TO zava_app",
    "may become another role": "CREATE ROLE other; GRANT other TO viewers",
    "one caller's role is within another": "GRANT head_office TO store_managers",
    "may pass on its roles": "GRANT head_office TO zava_app WITH ADMIN OPTION",
    "has its roles' rights without taking them": "GRANT store_managers TO zava_app "
    "WITH INHERIT TRUE",
    "owns a table": "ALTER TABLE retail.inventory OWNER TO zava_app",
    "owns a schema": "ALTER SCHEMA retail OWNER TO store_managers",
    "owns a function": "ALTER FUNCTION retail.is_head_office() OWNER TO zava_app",
    "owns the database": "ALTER DATABASE zava OWNER TO zava_app",
    "owns a large object": "SELECT lo_create(4711); ALTER LARGE OBJECT 4711 OWNER TO zava_app",
    "may insert": "GRANT INSERT ON retail.orders TO store_managers",
    "may update a column": "GRANT UPDATE (name) ON retail.stores TO viewers",
    "everybody may delete": "GRANT DELETE ON retail.order_items TO PUBLIC",
    "may truncate": "GRANT TRUNCATE ON retail.daily_sales TO zava_app",
    "may lock and vacuum": "GRANT MAINTAIN ON retail.orders TO zava_app",
    "may point foreign keys": "GRANT REFERENCES ON retail.customers TO viewers",
    "may add triggers": "GRANT TRIGGER ON retail.customers TO viewers",
    "may write migrations": "GRANT UPDATE ON zava.migrations TO zava_app",
    "may write the catalog": "GRANT UPDATE ON pg_catalog.pg_class TO zava_app",
    "reads the signing keys": "GRANT SELECT ON identity.signing_keys TO zava_app",
    "reads a column of the signing keys": "GRANT SELECT (inner_block) ON identity.signing_keys "
    "TO store_managers",
    "reads passwords": "GRANT SELECT ON pg_authid TO zava_app",
    "reads a column of passwords": "GRANT SELECT (rolpassword) ON pg_authid TO viewers",
    "everybody reads files": "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC",
    "lists directories": "GRANT EXECUTE ON FUNCTION pg_ls_logdir() TO store_managers",
    "reads statistics": "GRANT SELECT ON pg_statistic TO PUBLIC",
    "may use a sequence": "CREATE SEQUENCE retail.numbers; "
    "GRANT USAGE ON SEQUENCE retail.numbers TO viewers",
    "may write a large object": "SELECT lo_create(4712); "
    "GRANT UPDATE ON LARGE OBJECT 4712 TO PUBLIC",
    "may create in a schema": "GRANT CREATE ON SCHEMA public TO PUBLIC",
    "may create schemas": "GRANT CREATE ON DATABASE zava TO zava_app",
    "may create temporary tables": "GRANT TEMPORARY ON DATABASE zava TO PUBLIC",
    "may set a superuser's parameter": "GRANT SET ON PARAMETER session_replication_role TO viewers",
    "row security is not forced": "ALTER TABLE retail.orders NO FORCE ROW LEVEL SECURITY",
    "row security is off": "ALTER TABLE retail.product_costs DISABLE ROW LEVEL SECURITY",
    "a new table of a store's data": "CREATE TABLE retail.leak (store_id uuid)",
    "a readable table without row security": "CREATE TABLE retail.payments (card text); "
    "GRANT SELECT ON retail.payments TO store_managers",
    "a readable copy elsewhere": f"{COPY} GRANT SELECT ON public.copy TO PUBLIC",
    "one readable column of a copy": f"{COPY} "
    "GRANT SELECT (total_amount) ON public.copy TO viewers",
    "a partition beside its parent": "CREATE TABLE retail.part (store_id uuid) "
    "PARTITION BY LIST (store_id); CREATE TABLE retail.part_1 PARTITION OF retail.part DEFAULT; "
    "ALTER TABLE retail.part ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
    "a policy for everybody": "CREATE POLICY all_see ON retail.orders USING (true)",
    "a policy for a caller's role": "CREATE POLICY more ON retail.orders FOR SELECT "
    "TO store_managers USING (status = 'completed')",
    "a policy that trusts a setting": "CREATE POLICY by_setting ON retail.orders FOR SELECT "
    "TO zava_app USING (store_id::text = current_setting('my.store'))",
    "a policy of ours that says more": "ALTER POLICY store_manager_reads ON retail.orders "
    "USING (store_id = (SELECT retail.get_current_user_store()) OR true)",
    "a policy of ours for more roles": "ALTER POLICY head_office_reads ON retail.orders "
    "TO head_office, viewers",
    "a policy of ours for everybody": "ALTER POLICY managers_read ON retail.product_costs "
    "TO PUBLIC",
    "a policy under a name of ours": "CREATE POLICY managers_read ON retail.orders FOR SELECT "
    "TO store_managers USING ((SELECT retail.may_see_costs()))",
    "a view that reads as its owner": "CREATE VIEW retail.leak AS SELECT * FROM retail.orders",
    "such a view elsewhere": "CREATE VIEW public.leak AS SELECT * FROM retail.orders; "
    "GRANT SELECT ON public.leak TO zava_app",
    "a materialized view": "CREATE MATERIALIZED VIEW retail.leak AS SELECT * FROM retail.orders; "
    "GRANT SELECT ON retail.leak TO PUBLIC",
    "a function with its owner's rights": f"CREATE FUNCTION retail.leak() RETURNS bigint {DEFINER}",
    "such a procedure elsewhere": "CREATE PROCEDURE public.leak() LANGUAGE sql SECURITY DEFINER "
    "AS 'DELETE FROM retail.orders'",
    "one of ours for more": "GRANT EXECUTE ON FUNCTION retail.rebuild_rollups(uuid[]) TO viewers",
    "describes all users": "ALTER FUNCTION identity.describe_users(text) SECURITY DEFINER; "
    "GRANT EXECUTE ON FUNCTION identity.describe_users(text) TO zava_app",
    "queries of others": "DROP EXTENSION pg_stat_statements; CREATE EXTENSION pg_stat_statements",
    "a way to other servers": "CREATE EXTENSION dblink",
    "a way to server files": "CREATE EXTENSION file_fdw; "
    "CREATE SERVER files FOREIGN DATA WRAPPER file_fdw; "
    "CREATE FOREIGN TABLE retail.passwords (line text) SERVER files "
    "OPTIONS (filename '/etc/passwd'); GRANT SELECT ON retail.passwords TO viewers",
    "a foreign server": "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; "
    "GRANT USAGE ON FOREIGN SERVER s TO zava_app; "
    "GRANT USAGE ON FOREIGN DATA WRAPPER w TO zava_app",
    "several things at once": "ALTER ROLE viewers BYPASSRLS; "
    "GRANT INSERT, UPDATE ON retail.orders TO viewers; "
    "CREATE POLICY all_see ON retail.inventory USING (true)",
}


async def check_as_zava_app(owner: asyncpg.Connection) -> None:
    await owner.execute("SET LOCAL SESSION AUTHORIZATION zava_app")
    await owner.execute(
        "SET LOCAL default_transaction_read_only = on; SET LOCAL search_path = retail, public"
    )
    try:
        await refuse_unsafe_role(owner)
    finally:
        await owner.execute("RESET SESSION AUTHORIZATION")


@pytest.mark.parametrize("weakness", WEAKENINGS)
async def test_a_weakened_database_is_refused_until_it_is_mended_as_told(
    weakness: str, owner: asyncpg.Connection
) -> None:
    await owner.execute(WEAKENINGS[weakness])
    with pytest.raises(DatabaseUnavailable, match="does not start") as refused:
        await check_as_zava_app(owner)
    hint = refused.value.hint or ""
    await owner.execute(hint.removeprefix("Run this as the owner:"))
    await check_as_zava_app(owner)


@pytest.mark.parametrize(
    ("setting", "bad", "fix"),
    [
        (
            "max_prepared_transactions",
            "5",
            "ALTER SYSTEM SET max_prepared_transactions = 0 /* and restart PostgreSQL */;",
        ),
        ("lo_compat_privileges", "on", "ALTER SYSTEM SET lo_compat_privileges = off;"),
    ],
)
async def test_a_setting_of_the_whole_server_is_refused(
    setting: str, bad: str, fix: str, owner: asyncpg.Connection
) -> None:
    """They want a restart or bind everybody, so a function stands in for the bad value."""
    await owner.execute(f"""
        CREATE SCHEMA stand_in;
        GRANT USAGE ON SCHEMA stand_in TO zava_app;
        CREATE FUNCTION stand_in.current_setting(name text) RETURNS text LANGUAGE sql RETURN
            CASE name WHEN '{setting}' THEN '{bad}' ELSE pg_catalog.current_setting(name) END;
        SET LOCAL SESSION AUTHORIZATION zava_app;
        SET LOCAL default_transaction_read_only = on;
        SET LOCAL search_path = stand_in, pg_catalog, retail, public;
    """)
    with pytest.raises(DatabaseUnavailable, match=f"{setting} is {bad}") as refused:
        await refuse_unsafe_role(owner)
    assert fix in (refused.value.hint or "")


async def test_harmless_additions_are_not_refused(owner: asyncpg.Connection) -> None:
    await owner.execute("""
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
        CREATE TABLE retail.notes (note text);
        CREATE VIEW retail.recent WITH (security_invoker) AS SELECT * FROM retail.orders;
        GRANT SELECT ON retail.recent TO store_managers;
        CREATE ROLE bookkeeping;
        CREATE POLICY bookkeeping_reads ON retail.orders FOR SELECT TO bookkeeping USING (true);
        CREATE POLICY only_recent ON retail.orders AS RESTRICTIVE USING (order_date > '2000-01-01');
        CREATE FUNCTION retail.vat(numeric) RETURNS numeric LANGUAGE sql AS 'SELECT $1 * 0.1';
    """)
    await check_as_zava_app(owner)


@pytest.mark.parametrize(
    ("setting", "bad"),
    [("standard_conforming_strings", "off"), ("default_transaction_read_only", "off")],
)
async def test_a_setting_of_the_role_is_refused_until_it_is_mended_as_told(
    setting: str, bad: str, database: Database
) -> None:
    assert database.owner is not None
    owner = await database.owner.connect()
    try:
        await owner.execute(f"ALTER ROLE zava_app IN DATABASE zava SET {setting} = {bad}")
        with pytest.raises(DatabaseUnavailable, match=f"{setting} is {bad}") as refused:
            await check_as_the_server(database)
        await owner.execute((refused.value.hint or "").removeprefix("Run this as the owner:"))
        await check_as_the_server(database)
    finally:
        await owner.execute(f"ALTER ROLE zava_app IN DATABASE zava SET {setting} = on")
        await owner.close()


async def test_a_setting_of_the_server_is_refused_with_what_mends_it(
    owner: asyncpg.Connection,
) -> None:
    await owner.execute("SET LOCAL lo_compat_privileges = on")
    with pytest.raises(DatabaseUnavailable) as refused:
        await check_as_zava_app(owner)
    assert "ALTER SYSTEM SET lo_compat_privileges = off" in (refused.value.hint or "")


async def test_the_prepared_database_is_accepted(database: Database) -> None:
    await check_as_the_server(database)


async def test_a_superuser_is_refused_with_what_to_do(database: Database) -> None:
    assert database.owner is not None
    connection = await database.owner.connect()
    try:
        with pytest.raises(DatabaseUnavailable, match="NOSUPERUSER"):
            await refuse_unsafe_role(connection)
    finally:
        await connection.close()


async def check_as_the_server(database: Database) -> None:
    connection = await database.app.connect()
    try:
        await refuse_unsafe_role(connection)
    finally:
        await connection.close()
