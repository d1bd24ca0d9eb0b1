"""What is shown of a statement has no literals and no comments in it."""

from __future__ import annotations

import pytest

from zava_server.data.statement_text import fingerprint_of, without_literals


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT 'secret', 5", "SELECT $1, $2"),
        ("SELECT 1 -- secret\n, 2", "SELECT $1 \n, $2"),
        ("SELECT /* secret /* in secret */ */ 'é' AS n", "SELECT  $1 AS n"),
        ("SELECT $$-- secret$$", "SELECT $1"),
        ("SELECT x - -1, $1", "SELECT x - $2, $1"),
        ("SELECT 'é' -- secret", "SELECT $1"),
    ],
)
def test_literals_and_comments_are_left_out(sql: str, shown: str) -> None:
    assert without_literals(sql) == shown


def test_statements_that_differ_in_literals_and_comments_share_a_fingerprint() -> None:
    one = fingerprint_of("SELECT name FROM stores WHERE name IN ('a', 'b') LIMIT 5")
    assert one == fingerprint_of("select name from stores\nwhere name in ($1, $2) limit $3 -- x")
    assert one != fingerprint_of("SELECT location FROM stores WHERE name IN ('a') LIMIT 5")
