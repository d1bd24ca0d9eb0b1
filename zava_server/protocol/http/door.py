"""Lets in who brings a good token, and tells the others what is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastmcp.server.auth import AccessToken, AuthProvider
from fastmcp.server.dependencies import get_access_token
from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend
from mcp.server.auth.routes import create_protected_resource_routes
from pydantic import AnyHttpUrl, InstanceOf
from starlette.authentication import AuthenticationError
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.responses import JSONResponse

from zava_server.data.tokens import SCOPES, Admission
from zava_server.infrastructure.errors import AuthorizationError, ZavaError
from zava_server.protocol.http.bearers import effective

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import HTTPConnection
    from starlette.responses import Response
    from starlette.routing import Route

    from zava_server.data.identity import Identity
    from zava_server.protocol.http.bearers import Bearers

_RETRY_AFTER_SECONDS = 2


class Pass(AccessToken):
    """A token that was found good, with whom it speaks for."""

    admission: InstanceOf[Admission]


class _Unanswered(AuthenticationError):
    """Whether the token is good cannot be found out now."""

    def __init__(self, error: ZavaError) -> None:
        super().__init__(error.message)
        self.error = error


class Door(AuthProvider):
    """Asks each kind of bearers in turn.

    With an `issuer` the metadata of RFC 9728 say where a client gets a token for `base_url`.
    """

    def __init__(self, bearers: Sequence[Bearers], *, base_url: str, issuer: str | None) -> None:
        super().__init__(base_url=base_url)
        self._bearers = bearers
        self._issuer = issuer

    @property
    def scopes_supported(self) -> list[str]:
        """What a token may open."""
        return list(SCOPES)

    async def verify_token(self, token: str) -> Pass | None:
        """Whom it speaks for now."""
        try:
            for bearers in self._bearers:
                if (found := await bearers.find(token)) is not None:
                    admission = effective(found)
                    return Pass(
                        token=token,
                        client_id=admission.identity.handle,
                        scopes=sorted(admission.scopes),
                        subject=admission.identity.handle,
                        admission=admission,
                    )
        except ZavaError as error:
            raise _Unanswered(error) from error
        return None

    def get_middleware(self) -> list[Middleware]:
        """As usual, but a database that is away is no fault of the token's."""
        return [
            Middleware(
                AuthenticationMiddleware, backend=BearerAuthBackend(self), on_error=_unavailable
            ),
            Middleware(AuthContextMiddleware),
        ]

    def get_routes(self, mcp_path: str | None = None) -> list[Route]:
        """The metadata, where there is a provider to name."""
        self.set_mcp_path(mcp_path)
        resource = self._get_resource_url(mcp_path)
        if self._issuer is None or resource is None:
            return []
        return create_protected_resource_routes(
            resource_url=resource,
            authorization_servers=[AnyHttpUrl(self._issuer)],
            scopes_supported=self.scopes_supported,
            resource_name="Zava",
        )


class TokenCallers:
    """The caller of a request is who its token speaks for, and nobody else."""

    @property
    def identity(self) -> Identity:
        """Raises AuthorizationError without a token."""
        return _admission().identity

    @property
    def scopes(self) -> frozenset[str]:
        """Likewise."""
        return _admission().scopes


def _admission() -> Admission:
    token = get_access_token()
    if not isinstance(token, Pass):
        raise AuthorizationError("A token is wanted.", "Send it as: Authorization: Bearer TOKEN")
    return token.admission


def _unavailable(_: HTTPConnection, error: AuthenticationError) -> Response:
    cause = error.error if isinstance(error, _Unanswered) else ZavaError("Something went wrong.")
    told = {"code": cause.code, "message": cause.message, "hint": cause.hint}
    return JSONResponse(
        {"error": told}, status_code=503, headers={"Retry-After": str(_RETRY_AFTER_SECONDS)}
    )
