"""A PostgreSQL URL from a setting: checked before it is used, and shown without what is secret."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

from zava_server.infrastructure.errors import ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SCHEMES = frozenset({"postgres", "postgresql"})
# One host, perhaps an IPv6 address in brackets, perhaps with a port.
_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.%]+\]|[^\[\]:,]*)(?::(?P<port>[0-9]+))?")
# Python's parser takes brackets for an IPv6 address, and drops line ends and tabs.
_NOT_IN_LOGIN = re.compile(r"[\[\]\x00-\x1f]")
_HIGHEST_PORT = 65_535
_USUAL_PORT = 5432


def check_database_url(url: str, setting: str) -> None:
    """Makes sure that the driver reads the URL as its author meant it.

    A password with a character of the URL's own grammar moves the border to the host: part of the
    password would become the host, and be named in messages.

    Raises ValidationError, in which nothing of the URL is repeated.
    """
    scheme, _, rest = url.strip().partition("://")
    authority = re.split("[/?#]", rest, maxsplit=1)[0]
    if scheme not in _SCHEMES:
        raise _no_url(setting)
    login, _, hosts = authority.rpartition("@")
    if rest.count("@") > 1 or "@" in rest[len(authority) :] or _NOT_IN_LOGIN.search(login):
        raise _must_be_encoded(setting, rest)
    try:
        query = urlsplit(url).query
    except ValueError:
        # Such as a letter that Unicode takes for a slash.
        raise (_must_be_encoded(setting, rest) if "@" in rest else _no_url(setting)) from None
    several = hosts.split(",")
    if not all(map(_is_host, several)) or (len(several) > 1 and "" in several):
        raise _no_url(setting)
    try:
        options = parse_qs(query, strict_parsing=True) if query else {}
        [int(port) for ports in options.get("port", []) for port in ports.split(",")]
    except ValueError:
        raise ValidationError(
            f"The part of {setting} after the question mark cannot be read.",
            "Write it like ?sslmode=require&connect_timeout=5.",
        ) from None


def place_of(url: str) -> str:
    """Hosts, ports and database of a checked URL, for messages."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2] or 'localhost'}{parts.path}"


def hosts_of(url: str) -> Sequence[tuple[str, int]]:
    """Names and ports of a checked URL's hosts where there are several; otherwise none."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    listed = parts.netloc.rpartition("@")[2] or options.get("host", [""])[-1]
    ports = options.get("port", [str(_USUAL_PORT)])[-1].split(",")
    names = listed.split(",")
    if len(names) == 1 or len(ports) not in (1, len(names)):
        return []
    if len(ports) == 1:
        ports *= len(names)
    return [_split(*pair) for pair in zip(names, ports, strict=True)]


def session_wanted(url: str) -> str:
    """What a checked URL says of `target_session_attrs`; empty for nothing."""
    return parse_qs(urlsplit(url).query).get("target_session_attrs", [""])[-1]


def _split(host: str, port: str) -> tuple[str, int]:
    found = None if host.startswith("/") else _HOST.fullmatch(host)
    if found is None:
        return host, int(port)
    return unquote(found["name"].strip("[]")), int(found["port"] or port)


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    port = found["port"] if found else None
    return found is not None and (port is None or 0 < int(port) <= _HIGHEST_PORT)


def _no_url(setting: str) -> ValidationError:
    return ValidationError(
        f"{setting} is no PostgreSQL URL.",
        "Write it like postgresql://zava_app:password@host:5432/zava.",
    )


def _must_be_encoded(setting: str, rest: str) -> ValidationError:
    what = "password" if ":" in rest.rpartition("@")[0] else "user name"
    return ValidationError(
        f"The {what} in {setting} has a character that must be percent-encoded.",
        "Write / as %2F, @ as %40, # as %23, ? as %3F, [ as %5B, ] as %5D and % as %25.",
    )
