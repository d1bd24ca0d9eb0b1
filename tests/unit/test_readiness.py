"""The bar that a client sees while the database is prepared."""

from __future__ import annotations

import pytest

from zava_server.infrastructure.progress import Progress
from zava_server.protocol.readiness import overall


@pytest.mark.parametrize(
    ("progress", "share"),
    [
        (Progress("database", 0.0), 0.0),
        (Progress("database", 1.0), 0.18),
        (Progress("schema", 0.5), 0.20),
        (Progress("demo data", 0.0), 0.22),
        (Progress("demo data", 1.0), 1.0),
    ],
)
def test_the_bar_is_full_when_calls_are_served(progress: Progress, share: float) -> None:
    assert overall(progress) == pytest.approx(share)


def test_the_search_index_takes_nothing_of_the_bar() -> None:
    """Nothing waits for it."""
    assert overall(Progress("search index", 0.0)) == 1.0
