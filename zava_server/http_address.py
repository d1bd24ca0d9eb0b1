"""Where the server listens, and whether it may: beyond this machine only with tokens."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from zava_server.infrastructure.errors import ValidationError
from zava_server.protocol.http.reach import Reach

if TYPE_CHECKING:
    from zava_server.infrastructure.settings import Settings

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HttpOptions:
    """What the command line says about the server, beside the settings."""

    ssl_certfile: Path | None = None
    ssl_keyfile: Path | None = None
    allowed_hosts: tuple[str, ...] = field(default=())
    allowed_origins: tuple[str, ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Plain values, for a worker."""
        return {
            "ssl_certfile": str(self.ssl_certfile) if self.ssl_certfile else None,
            "ssl_keyfile": str(self.ssl_keyfile) if self.ssl_keyfile else None,
            "allowed_hosts": list(self.allowed_hosts),
            "allowed_origins": list(self.allowed_origins),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> HttpOptions:
        """The same again."""
        certificate, key = values["ssl_certfile"], values["ssl_keyfile"]
        return cls(
            Path(certificate) if certificate else None,
            Path(key) if key else None,
            tuple(values["allowed_hosts"]),
            tuple(values["allowed_origins"]),
        )

    def check(self) -> None:
        """Raises ValidationError for TLS files that cannot be used."""
        if self.ssl_certfile is None:
            if self.ssl_keyfile is not None:
                raise ValidationError("--ssl-keyfile is given without --ssl-certfile.")
            return
        try:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(self.ssl_certfile, self.ssl_keyfile)
        except (OSError, ssl.SSLError) as error:
            raise ValidationError(
                f"The TLS files cannot be used: {error.strerror or error}.",
                "Give a certificate chain and its key as PEM files.",
            ) from None


def bind(host: str, port: int) -> socket.socket:
    """A socket on this address that worker processes can inherit; it does not listen yet.

    Raises ValidationError when the address is not this machine's or is taken.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError):
        raise ValidationError(
            f"There is no address {host}.", "Choose another with --host, such as 127.0.0.1."
        ) from None
    family, kind, protocol, _, address = found[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ValidationError(
            f"{_written(host)}:{port} cannot be listened on: {error.strerror}.",
            "Choose another with --port, or end the program that has it.",
        ) from None
    return listener


def is_loopback(listener: socket.socket) -> bool:
    """Whether only this machine can reach it."""
    return ipaddress.ip_address(listener.getsockname()[0].partition("%")[0]).is_loopback


def own_url(listener: socket.socket, options: HttpOptions) -> str:
    """The address that is listened on, without a path."""
    host, port = listener.getsockname()[:2]
    return f"{'https' if options.ssl_certfile else 'http'}://{_written(host)}:{port}"


def reach(listener: socket.socket, settings: Settings, options: HttpOptions) -> Reach:
    """Under which names it may be called: its own, the public one, and those that were allowed."""
    hosts, origins = list(options.allowed_hosts), list(options.allowed_origins)
    if settings.http_public_url is not None:
        public = urlsplit(settings.http_public_url)
        hosts.append(public.hostname or "")
        origins.append(f"{public.scheme}://{public.netloc}")
    url = settings.http_public_url or own_url(listener, options)
    return Reach(url.rstrip("/"), hosts, origins)


def refuse_open_door(listener: socket.socket, settings: Settings, options: HttpOptions) -> None:
    """Raises ValidationError where nobody could come in, or anybody might."""
    local = is_loopback(listener)
    if settings.user is not None and not local:
        raise ValidationError(
            "--user, or ZAVA_USER, gives a token for this machine only.",
            "Leave it out, and issue one with: zava-server token issue --user HANDLE",
        )
    if settings.user is None and settings.auth_jwks_url is None and not settings.token_key.exists():
        here = "Pass --user HANDLE for a token that is good while the server runs, or issue one"
        raise ValidationError(
            "No token has been issued, so that nobody could be served."
            if local
            else "The server does not listen beyond this machine without tokens.",
            f"{here if local else 'Issue one'} with: zava-server token issue --user HANDLE. "
            "Or name an identity provider in ZAVA_AUTH_JWKS_URL.",
        )
    behind_tls = (settings.http_public_url or "").startswith("https:")
    if not local and options.ssl_certfile is None and not behind_tls:
        _log.warning(
            "TOKENS AND DATA TRAVEL UNENCRYPTED: give --ssl-certfile and --ssl-keyfile, or put a "
            "proxy with TLS in front and name its address in ZAVA_HTTP_PUBLIC_URL"
        )


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
