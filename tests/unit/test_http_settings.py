"""Settings of the HTTP server that cannot be meant are refused."""

from __future__ import annotations

import pytest

from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.settings import load_settings

WHOLE = {
    "auth_jwks_url": "https://login.example/keys",
    "auth_issuer": "https://login.example",
    "auth_audience": "zava",
}


def test_an_identity_provider_is_taken_whole() -> None:
    assert load_settings(**WHOLE).auth_algorithm == "RS256"


@pytest.mark.parametrize("missing", WHOLE)
def test_an_identity_provider_that_is_not_whole_is_refused(missing: str) -> None:
    rest = {name: value for name, value in WHOLE.items() if name != missing}
    with pytest.raises(ValidationError, match=f"ZAVA_{missing.upper()} must be given as well"):
        load_settings(**rest)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("auth_jwks_url", "http://login.example/keys", "it must be https"),
        ("auth_jwks_url", "login.example/keys", "it should be like https://"),
        ("http_public_url", "http://zava.example", "it must be https"),
        ("http_public_url", "https://", "it should be like https://"),
        ("auth_algorithm", "HS256", "is none of its values"),
        ("auth_algorithm", "none", "is none of its values"),
        ("http_port", 65_536, "is too large"),
    ],
)
def test_what_cannot_be_meant_is_refused(name: str, value: object, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        load_settings(**{**WHOLE, name: value})
