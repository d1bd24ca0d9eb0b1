"""How the server does, as tools and health checks tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zava_server.business.operations import OPS

if TYPE_CHECKING:
    from zava_server.business.health import ServerHealth
    from zava_server.infrastructure.health import PartHealth
    from zava_server.protocol.session import Session


def live_word() -> str:
    """What `/health/live` answers while the process answers at all."""
    return "live"


def ready_word(is_ready: bool) -> str:
    """What `/health/ready` answers."""
    return "ready" if is_ready else "unready"


async def server_health_view(session: Session) -> dict[str, Any]:
    """What `get_server_health` and `/health` answer: figures and versions only with `ops`."""
    health = await session.services.health.look()
    return health_content(health, whole=OPS in session.identity.permissions)


def health_content(health: ServerHealth, *, whole: bool) -> dict[str, Any]:
    """The same of a health that is known."""
    content: dict[str, Any] = {
        "status": health.status.word,
        "reason": health.reason,
        "ready": health.is_ready,
        "started": health.started.isoformat(timespec="seconds"),
        "uptime_seconds": round(health.uptime_seconds, 1),
        "parts": [_part(part, whole=whole) for part in health.parts],
    }
    if whole:
        content["versions"] = dict(health.versions)
    return content


def _part(part: PartHealth, *, whole: bool) -> dict[str, Any]:
    content: dict[str, Any] = {
        "name": part.name,
        "status": part.finding.status.word,
        "reason": part.finding.reason,
        "since": part.since.isoformat(timespec="seconds"),
    }
    if whole:
        content["details"] = dict(part.finding.details)
    return content
