"""Under which names the server may be called."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Reach:
    """The address for clients, the names it goes by, and the web pages that may call it."""

    base_url: str
    hosts: Sequence[str]
    origins: Sequence[str]
