"""Settings from flags, the environment, `.env` or `zava.toml` in the working directory."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import platformdirs
import pydantic
from pydantic import AliasChoices, Field, NonNegativeInt, PositiveFloat, PositiveInt, SecretStr
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from zava_server.infrastructure.errors import ValidationError
from zava_server.infrastructure.setting_errors import unusable_setting

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "ZAVA_"
MAX_ROWS_CAP = 50_000
"""No call returns more rows than this, whatever it asks for."""


def default_data_dir() -> Path:
    """The platform's place for a user's data; `/var/lib/zava` for root."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/zava")
    return Path(platformdirs.user_data_dir("zava", appauthor=False))


class Settings(BaseSettings):
    """All settings. Flags win over the environment, that over `.env`, that over `zava.toml`."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=".env",
        env_ignore_empty=True,
        toml_file="zava.toml",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )

    database_url: SecretStr | None = None
    """Where zava_app logs in; unset: the embedded PostgreSQL."""
    read_database_url: SecretStr | None = None
    """Where streaming replicas are, for reads that may be a little old; unset: none."""
    read_max_lag_seconds: PositiveFloat = 10.0
    """How far a replica may be behind."""
    admin_database_url: SecretStr | None = None
    """Where the owner logs in, for `db` commands on your own PostgreSQL."""
    data_dir: Path = Field(default_factory=default_data_dir)
    user: str | None = None
    identity_key_file: Path | None = None

    embedder: Literal["local", "openai"] = "local"
    embedding_model: str | None = None
    embedding_dimensions: PositiveInt | None = None
    embedding_model_path: Path | None = None
    openai_api_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_API_KEY", "openai_api_key")
    )
    openai_base_url: str | None = Field(
        default=None, validation_alias=AliasChoices("OPENAI_BASE_URL", "openai_base_url")
    )

    pool_min_size: PositiveInt = 2
    pool_max_size: PositiveInt = 10
    pool_acquire_seconds: PositiveFloat = 5.0
    # An identity is believed for an hour at most and signed for as long as a statement may take.
    statement_timeout_seconds: float = Field(default=30.0, gt=0, le=3000)
    slow_query_seconds: PositiveFloat = 1.0
    max_rows: int = Field(default=1000, ge=1, le=MAX_ROWS_CAP)
    max_result_bytes: PositiveInt = 8 * 1024 * 1024
    cache_seconds: float = Field(default=300.0, ge=0, le=86_400)
    """The longest an answer is kept; 0 keeps none."""
    redis_url: SecretStr | None = None
    """Where several servers keep answers; unset: in memory."""
    max_concurrent_statements: NonNegativeInt | None = None
    """Per identity; 0 means no limit. Unset: the transport's default, which is 0 on stdio."""
    calls_per_minute: NonNegativeInt | None = None
    """Likewise."""
    time_zone: str = "America/Los_Angeles"

    http_host: str = "127.0.0.1"
    http_port: int = Field(default=8000, ge=0, le=65_535)
    """0 takes any free port."""
    http_public_url: str | None = None
    """Where clients find the server behind a proxy."""
    token_key_file: Path | None = None
    auth_jwks_url: str | None = None
    """Where an identity provider publishes its keys; its tokens are taken then."""
    auth_issuer: str | None = None
    auth_audience: str | None = None
    auth_algorithm: Literal["RS256", "PS256", "ES256", "EdDSA"] = "RS256"
    auth_user_claim: str = "sub"
    """The claim that holds the user's handle."""
    auth_scope_claim: str | None = None
    """Unset: `scope`, else `scp`."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_file: Path | None = None

    @pydantic.field_validator("time_zone")
    @classmethod
    def _known_time_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{name!r} is no IANA time zone such as America/Los_Angeles") from None
        return name

    @pydantic.field_validator("redis_url")
    @classmethod
    def _of_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None:
            _check_redis_url(url.get_secret_value())
        return url

    @pydantic.field_validator("http_public_url", "auth_jwks_url", "auth_issuer")
    @classmethod
    def _of_http(cls, url: str | None) -> str | None:
        if url is not None:
            _check_http_url(url)
        return url

    @pydantic.field_validator(
        "data_dir",
        "log_file",
        "identity_key_file",
        "token_key_file",
        "embedding_model_path",
    )
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().absolute() if path else None

    @pydantic.model_validator(mode="after")
    def _pool_sizes_in_order(self) -> Self:
        if self.pool_min_size > self.pool_max_size:
            raise ValueError("ZAVA_POOL_MIN_SIZE is above ZAVA_POOL_MAX_SIZE")
        return self

    @pydantic.model_validator(mode="after")
    def _replicas_have_a_primary(self) -> Self:
        if self.read_database_url is not None and self.database_url is None:
            raise ValueError("ZAVA_DATABASE_URL must be given as well")
        return self

    @pydantic.model_validator(mode="after")
    def _provider_is_whole(self) -> Self:
        parts = {
            "ZAVA_AUTH_JWKS_URL": self.auth_jwks_url,
            "ZAVA_AUTH_ISSUER": self.auth_issuer,
            "ZAVA_AUTH_AUDIENCE": self.auth_audience,
        }
        missing = [name for name, value in parts.items() if not value]
        if missing and len(missing) < len(parts):
            raise ValueError(f"{' and '.join(missing)} must be given as well")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Adds `zava.toml` as the last resort."""
        toml = TomlConfigSettingsSource(settings_cls)
        return init_settings, env_settings, dotenv_settings, toml

    @property
    def key_file(self) -> Path:
        """Where the key that signs identities lies."""
        return self.identity_key_file or self.data_dir / "identity.key"

    @property
    def token_key(self) -> Path:
        """Where the key that signs tokens lies."""
        return self.token_key_file or self.key_file.with_name("token.key")

    @property
    def log_path(self) -> Path:
        """Where the server's log goes."""
        return self.log_file or self.data_dir / "logs" / "zava-server.log"


def load_settings(**flags: Any) -> Settings:
    """The settings in force; flags that are None count as not given.

    Raises ValidationError for an unknown name, with the nearest known one, or for a bad value.
    """
    try:
        _refuse_unknown_names()
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        name = name if name.startswith("OPENAI") else PREFIX + name
        raise unusable_setting(name, first, Settings) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValidationError(f"zava.toml or .env cannot be read: {error}.") from None


def _check_http_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("it should be like https://host/path")
    # Whoever can change what travels there could put keys or tokens of their own in.
    if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError("beyond this machine it must be https")


def _check_redis_url(url: str) -> None:
    form = "it should be like redis://:password@host:6379/0, rediss://… or unix:///path"
    try:
        parts = urlsplit(url)
        # Reading the port checks it.
        usable = bool(parts.path) if parts.scheme == "unix" else parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError(form)


def _refuse_unknown_names() -> None:
    known = {
        PREFIX + name.upper() for name in Settings.model_fields if not name.startswith("openai")
    }
    dotenv = DotEnvSettingsSource(Settings, case_sensitive=True)
    toml = TomlConfigSettingsSource(Settings)
    names: Iterable[str] = (
        *(name for name in os.environ if name.startswith(PREFIX)),
        *(name for name in dotenv.env_vars if name.startswith(PREFIX)),
        *(PREFIX + name.upper() for name in toml.toml_data if not name.startswith("openai")),
    )
    for name in sorted(names):
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ValidationError(
                f"There is no setting {name}.",
                f"Did you mean {near[0]}?" if near else "See the settings in the README.",
            )
