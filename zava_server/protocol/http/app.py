"""The ASGI application: MCP at `/mcp`, and the routes beside it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from fastmcp.server.auth.providers.jwt import JWTVerifier
from starlette.middleware import Middleware

from zava_server.protocol.http.bearers import IssuedTokens, ProviderTokens, TemporaryTokens
from zava_server.protocol.http.door import Door
from zava_server.protocol.http.limits import BodyLimits, HeadLimit
from zava_server.protocol.http.routes import health_routes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from fastmcp import FastMCP
    from starlette.applications import Starlette

    from zava_server.data.directory import Directory
    from zava_server.data.token_keys import TokenKey, TokenKeyFile
    from zava_server.infrastructure.settings import Settings
    from zava_server.protocol.http.bearers import Bearers
    from zava_server.protocol.http.reach import Reach
    from zava_server.protocol.session import Session

PATH = "/mcp"


def make_door(
    settings: Settings,
    directory: Callable[[], Directory],
    *,
    issued: TokenKeyFile,
    temporary: TokenKey | None,
    base_url: str,
) -> Door:
    """Who may come in by the settings, and by the temporary token if there is one."""
    bearers: list[Bearers] = [IssuedTokens(issued, directory)]
    if temporary is not None:
        bearers.append(TemporaryTokens(temporary, directory))
    if settings.auth_jwks_url is not None:
        verifier = JWTVerifier(
            jwks_uri=settings.auth_jwks_url,
            issuer=settings.auth_issuer,
            audience=settings.auth_audience,
            algorithm=settings.auth_algorithm,
        )
        bearers.append(
            ProviderTokens(
                verifier,
                directory,
                user_claim=settings.auth_user_claim,
                scope_claim=settings.auth_scope_claim,
            )
        )
    return Door(bearers, base_url=base_url, issuer=settings.auth_issuer)


def http_app(
    server: FastMCP, session: Session, is_ready: Callable[[], Awaitable[bool]], reach: Reach
) -> Starlette:
    """The whole of what is answered.

    Nothing is kept of a client between requests, so that any worker answers any of them. Answers
    are streams of events: with plain JSON a client that goes would not be noticed. Called in a
    thread of its own.
    """
    app = server.http_app(
        path=PATH,
        stateless_http=True,
        json_response=False,
        host_origin_protection=True,
        allowed_hosts=list(reach.hosts),
        allowed_origins=list(reach.origins),
        middleware=[Middleware(BodyLimits)],
    )
    server._mcp_server.get_tool_input_schema = asyncio.run(_input_schemas(server)).get
    app.add_middleware(HeadLimit)
    app.router.routes.extend(health_routes(session, is_ready))
    return app


async def _input_schemas(server: FastMCP) -> Mapping[str, Mapping[str, Any]]:
    """By tool: the SDK looks there for arguments that come as headers too.

    Otherwise it lists all tools for each call, which takes half of the time of a short one.
    """
    return {tool.name: tool.parameters for tool in await server.local_provider.list_tools()}
