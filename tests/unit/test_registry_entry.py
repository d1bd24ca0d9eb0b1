"""`docs/server.json` is of the form that the MCP registry takes.

The models say what the registry's `server.schema.json` of 2025-12-11 asks of the parts that are
used, and take nothing besides.
"""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

ENTRY = Path(__file__).parents[2] / "docs" / "server.json"

_LOCATION = r"^(https?://[^\s]+|\{[a-zA-Z_][a-zA-Z0-9_]*\}[^\s]*)$"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Input(Strict):
    description: str | None = None
    placeholder: str | None = None
    value: str | None = None
    isRequired: bool = False  # noqa: N815 - the schema's name, as below
    isSecret: bool = False  # noqa: N815


class Header(Input):
    name: str
    variables: dict[str, Input] = {}


class Remote(Strict):
    type: Literal["streamable-http"]
    url: Annotated[str, Field(pattern=_LOCATION)]
    headers: list[Header] = []
    variables: dict[str, Input] = {}


class Entry(Strict):
    schema_: Annotated[
        Literal["https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"],
        Field(alias="$schema"),
    ]
    name: Annotated[
        str, Field(min_length=3, max_length=200, pattern=r"^[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+$")
    ]
    title: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(min_length=1, max_length=100)]
    version: Annotated[str, Field(max_length=255)]
    remotes: list[Remote]


def test_it_has_the_form_of_the_registry() -> None:
    entry = Entry.model_validate_json(ENTRY.read_text())
    (remote,) = entry.remotes
    assert all(f"{{{name}}}" in remote.url for name in remote.variables)
    for header in remote.headers:
        assert all(f"{{{name}}}" in (header.value or "") for name in header.variables)


def test_it_names_the_release() -> None:
    entry = Entry.model_validate_json(ENTRY.read_text())
    assert entry.version == version("zava").partition("+")[0]


def test_another_form_is_refused() -> None:
    with pytest.raises(ValidationError):
        Entry.model_validate_json(ENTRY.read_text().replace("streamable-http", "http"))
