"""Tools about the caller, the stores and the date."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastmcp import FastMCP

    from zava_server.protocol.session import Session

_READ_ONLY = {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False}


def add_store_tools(server: FastMCP, session: Session) -> None:
    """Adds `get_current_utc_date`, `whoami` and `list_stores`."""

    @server.tool(title="Current date", annotations=_READ_ONLY)
    async def get_current_utc_date() -> dict[str, str]:
        """Give the current date and time in UTC, for questions about today or last week."""
        return {"utc": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}

    @server.tool(title="Who am I", annotations=_READ_ONLY)
    async def whoami() -> dict[str, Any]:
        """Give the user you act for: role, permissions, and the stores whose data you see."""
        me = session.identity
        return {
            "user": me.handle,
            "display_name": me.display_name,
            "role": me.role,
            "permissions": sorted(me.permissions),
            "stores": [
                {"store_id": str(store_id), "name": name}
                for store_id, name in zip(me.store_ids, me.store_names, strict=True)
            ],
        }

    @server.tool(title="List stores", annotations=_READ_ONLY)
    async def list_stores() -> dict[str, Any]:
        """List the chain's stores and which of them are yours."""
        return await stores_view(session)


async def stores_view(session: Session) -> dict[str, Any]:
    """What `list_stores` answers."""
    stores = await session.services.stores.all(session.identity)
    return {
        "stores": [
            {
                "store_id": str(store.store_id),
                "name": store.name,
                "location": store.location,
                "is_online": store.is_online,
                "time_zone": store.time_zone,
                "mine": store.store_id in session.identity.store_ids,
            }
            for store in stores
        ]
    }
