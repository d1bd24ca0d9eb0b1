"""The key that signs tokens: what it makes and what it takes."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from zava_server.data.token_keys import TokenKey, TokenKeyFile
from zava_server.infrastructure.errors import ValidationError

LATER = datetime.now(UTC) + timedelta(hours=1)


def test_a_token_says_what_was_put_into_it() -> None:
    key, token_id = TokenKey.generate(), uuid4()
    claims = key.verify(key.issue(token_id, "seattle", ["query", "search"], LATER))
    assert claims is not None
    assert (claims.token_id, claims.handle) == (token_id, "seattle")
    assert claims.scopes == {"query", "search"}
    assert claims.expires == int(LATER.timestamp())


def test_every_changed_letter_breaks_it() -> None:
    key = TokenKey.generate()
    token = key.issue(uuid4(), "seattle", ["query"], LATER)
    # The last letter of a part may hold bits that mean nothing.
    ends = {position - 1 for position, letter in enumerate(token) if letter == "."}
    for position, letter in enumerate(token[:-1]):
        if position in ends:
            continue
        other = "A" if letter != "A" else "B"
        assert key.verify(token[:position] + other + token[position + 1 :]) is None, position


def test_a_key_is_kept_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    key = TokenKey.generate()
    key.write(tmp_path / "token.key")
    assert TokenKey.read(tmp_path / "token.key") == key
    assert stat.S_IMODE((tmp_path / "token.key").stat().st_mode) == 0o600
    assert key.secret.hex() not in repr(key)


@pytest.mark.parametrize("text", ["", "a", ":", "a:zz", "a:00", "a:" + "0" * 62])
def test_a_damaged_key_is_said_to_be_that(text: str, tmp_path: Path) -> None:
    (tmp_path / "token.key").write_text(text)
    with pytest.raises(ValidationError, match="is damaged"):
        TokenKey.read(tmp_path / "token.key")


def test_a_key_that_is_made_or_taken_away_counts_at_once(tmp_path: Path) -> None:
    file, key = tmp_path / "token.key", TokenKey.generate()
    token = key.issue(uuid4(), "seattle", ["query"], LATER)
    running = TokenKeyFile(file)
    assert running.verify(token) is None
    key.write(file)
    assert running.verify(token) is not None
    TokenKey.generate().write(file)
    assert running.verify(token) is None
    key.write(file)
    assert running.verify(token) is not None
    file.unlink()
    assert running.verify(token) is None
