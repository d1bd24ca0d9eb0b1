"""Which vectors may be compared with each other."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from zava_server.infrastructure.errors import AIUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

_OTHER_MODEL = "ZV001"


@dataclass(frozen=True, slots=True)
class Space:
    """What vectors have in common that may be compared: a model and a length."""

    model: str
    dimensions: int

    def __str__(self) -> str:
        return f"{self.model} ({self.dimensions:,} dimensions)"


class OtherModel(AIUnavailable):
    """The catalogue's vectors are of another model than the caller's."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message,
            "Set the server to the catalogue's embedder, or embed the catalogue with the server's: "
            "zava-server db embed",
        )


@contextmanager
def one_model() -> Iterator[None]:
    """Around calls of `retail.search_products_by_description` that name the query's model.

    Raises OtherModel where the catalogue's vectors are of another; nothing was compared then.
    """
    try:
        yield
    except asyncpg.PostgresError as error:
        if error.sqlstate != _OTHER_MODEL:
            raise
        raise OtherModel(error.args[0]) from None
