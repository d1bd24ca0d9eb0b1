"""Completes the arguments of prompts and of resource templates, with what the caller may see."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from mcp_types import Completion

from zava_server.data.tokens import METRICS, QUERY, SEARCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastmcp import FastMCP
    from fastmcp.server.completions import CompletionReference
    from mcp_types import CompletionArgument, CompletionContext

    from zava_server.protocol.rates import Admitting
    from zava_server.protocol.session import Session

# As many as the protocol lets through at once.
_MOST = 100
# Nobody who types waits for a database that is being prepared.
_SECONDS = 2.0

_log = structlog.get_logger(__name__)


def add_completions(server: FastMCP, session: Session, rates: Admitting) -> None:
    """Completes `table`, `store` and `category`: by their beginnings, else by any part.

    Whoever is over their rate is offered nothing.
    """

    @server.completion
    async def complete(
        _ref: CompletionReference, argument: CompletionArgument, _context: CompletionContext | None
    ) -> Completion:
        try:
            async with asyncio.timeout(_SECONDS):
                await session.ready()
                async with rates.admitted(session.identity.user_id, statement=False):
                    known = await _known(session, argument.name)
        except Exception as error:  # noqa: BLE001 - the outermost edge: no middleware is around it
            _log.info("nothing to complete with", reason=type(error).__name__)
            known = ()
        return _fitting(known, argument.value)


async def _known(session: Session, argument: str) -> Sequence[str]:
    scopes = session.scopes
    match argument:
        case "table" if QUERY in scopes:
            return await session.services.schemas.names(session.identity)
        case "store":
            return session.identity.store_names
        case "category" if SEARCH in scopes or METRICS in scopes:
            return await session.services.catalogue_search.categories(session.identity)
    return ()


def _fitting(known: Sequence[str], typed: str) -> Completion:
    wanted = typed.strip().casefold()
    begin = [name for name in known if name.casefold().startswith(wanted)]
    found = begin or [name for name in known if wanted in name.casefold()]
    return Completion(values=found[:_MOST], total=len(found), has_more=len(found) > _MOST)
