"""Users, their stores and who manages which into the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zava_server.data.importing.keys import identifiers
from zava_server.data.importing.links import listed_codes
from zava_server.data.importing.staging import stage_records
from zava_server.data.importing.table_writing import code_texts, uuids
from zava_server.data.importing.tables import texts_of
from zava_server.data.importing.upserts import Written
from zava_server.data.importing.values import ROLES

if TYPE_CHECKING:
    import asyncpg
    import numpy as np
    from numpy.typing import NDArray

    from zava_server.data.importing.links import Links
    from zava_server.data.importing.tables import Table

_WITH_STORES = {"store_manager", "regional_manager"}

# Whatever changes what a user may see raises their version, by which others tell.
_LET_GO = """
CREATE TEMPORARY TABLE changed_users (user_id uuid, is_new boolean) ON COMMIT DROP;
DELETE FROM retail.store_managers AS m USING identity.users AS u, staged_users AS s
WHERE m.user_id = u.user_id AND u.handle = s.handle
    AND NOT EXISTS (
        SELECT FROM staged_user_stores AS own
        WHERE own.handle = s.handle AND own.store_id = m.store_id AND s.role = 'store_manager'
    );
WITH gone AS (
    DELETE FROM identity.user_stores AS us USING identity.users AS u, staged_users AS s
    WHERE us.user_id = u.user_id AND u.handle = s.handle
        AND NOT EXISTS (
            SELECT FROM staged_user_stores AS own
            WHERE own.handle = s.handle AND own.store_id = us.store_id
        )
    RETURNING us.user_id
)
INSERT INTO changed_users SELECT DISTINCT user_id, false FROM gone;
"""
_USERS = """
WITH written AS (
    INSERT INTO identity.users AS kept (user_id, handle, display_name, role, permissions)
    SELECT s.user_id, s.handle, coalesce(s.display_name, u.display_name, s.handle), s.role,
        coalesce(s.permissions, u.permissions, '{}')
    FROM staged_users AS s LEFT JOIN identity.users AS u USING (handle)
    ON CONFLICT (handle) DO UPDATE SET
        display_name = excluded.display_name,
        role = excluded.role,
        permissions = excluded.permissions
    WHERE (kept.display_name, kept.role, kept.permissions)
        IS DISTINCT FROM (excluded.display_name, excluded.role, excluded.permissions)
    RETURNING kept.user_id, kept.xmax = 0 AS is_new
)
INSERT INTO changed_users SELECT user_id, is_new FROM written;
"""
_GIVE = """
WITH added AS (
    INSERT INTO identity.user_stores (user_id, store_id)
    SELECT u.user_id, own.store_id
    FROM staged_user_stores AS own JOIN identity.users AS u USING (handle)
    ON CONFLICT DO NOTHING
    RETURNING user_id
)
INSERT INTO changed_users SELECT DISTINCT user_id, false FROM added;
INSERT INTO retail.store_managers (user_id, store_id)
SELECT u.user_id, own.store_id
FROM staged_user_stores AS own JOIN identity.users AS u USING (handle)
WHERE u.role = 'store_manager'
ON CONFLICT DO NOTHING;
"""
_COUNT = """
WITH changed AS (
    SELECT user_id, bool_or(is_new) AS is_new FROM changed_users GROUP BY user_id
), raised AS (
    UPDATE identity.users AS u SET version = u.version + 1
    FROM changed AS c WHERE c.user_id = u.user_id AND NOT c.is_new
)
SELECT count(*) FILTER (WHERE is_new) AS new, count(*) FILTER (WHERE NOT is_new) AS changed
FROM changed
"""


async def write_users(
    owner: asyncpg.Connection, users: Table, links: Links, rows: NDArray[np.int64]
) -> Written:
    """New users, and what has changed of others. A column that lacks leaves theirs as it was."""
    handles = code_texts(users, "handle", rows)
    roles = [ROLES[role] for role in users.numbers["role"][rows].tolist()]
    permissions = listed_codes(users, "permissions")
    await stage_records(
        owner,
        "staged_users",
        {
            "user_id": "uuid",
            "handle": "text",
            "display_name": "text",
            "role": "text",
            "permissions": "text[]",
        },
        zip(
            uuids(identifiers("user", [(handle,) for handle in handles])),
            handles,
            (
                (name or handle) if "display_name" in users.present else None
                for name, handle in zip(texts_of(users, "display_name", rows), handles, strict=True)
            ),
            roles,
            (
                sorted(permissions[row]) if "permissions" in users.present else None
                for row in rows.tolist()
            ),
            strict=True,
        ),
    )
    await stage_records(
        owner,
        "staged_user_stores",
        {"handle": "text", "store_id": "uuid"},
        (
            (handle, store_id)
            for handle, role, row in zip(handles, roles, rows.tolist(), strict=True)
            if role in _WITH_STORES
            for store_id in uuids(links.stores.ids[links.users_stores[row]])
        ),
    )
    for statement in (_LET_GO, _USERS, _GIVE):
        await owner.execute(statement)
    counts = await owner.fetchrow(_COUNT)
    return Written(counts["new"], counts["changed"]) if counts else Written()
