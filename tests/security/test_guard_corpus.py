from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.security.corpus_files import CorpusStatement, read_corpus
from zava_server.data.guard import RETAIL_POLICY, SqlGuard
from zava_server.infrastructure.errors import QueryRejected

if TYPE_CHECKING:
    from collections.abc import Sequence

HOSTILE = read_corpus("hostile")
HONEST = read_corpus("honest")
GUARD = SqlGuard(RETAIL_POLICY)


def rejections(statements: Sequence[CorpusStatement]) -> list[CorpusStatement]:
    return [statement for statement in statements if statement.allowed is False]


@pytest.mark.parametrize("statement", rejections(HOSTILE), ids=str)
def test_a_hostile_statement_is_rejected_in_words(statement: CorpusStatement) -> None:
    with pytest.raises(QueryRejected) as rejected:
        GUARD.check(statement.sql)
    assert rejected.value.message.endswith(".")
    assert len(rejected.value.message) < 400
    assert rejected.value.message.isprintable()


@pytest.mark.parametrize("statement", [s for s in HOSTILE if s.allowed], ids=str)
def test_what_the_database_contains_is_left_to_it(statement: CorpusStatement) -> None:
    assert GUARD.check(statement.sql).sql


@pytest.mark.parametrize("statement", HONEST, ids=str)
def test_an_honest_statement_passes_unchanged(statement: CorpusStatement) -> None:
    assert GUARD.check(statement.sql).sql == statement.sql.rstrip(";")


def test_the_corpus_is_broad() -> None:
    assert len(rejections(HOSTILE)) >= 250
    assert len({statement.kind for statement in rejections(HOSTILE)}) >= 40
    assert len(HONEST) >= 120


def test_no_statement_stands_in_the_corpus_twice() -> None:
    texts = [statement.sql for statement in (*HOSTILE, *HONEST)]
    assert sorted(texts) == sorted(set(texts))


@pytest.mark.parametrize("statement", HONEST, ids=str)
def test_an_honest_statement_cannot_hide_a_hostile_one(statement: CorpusStatement) -> None:
    for hostile in (
        f"{statement.sql.rstrip(';')}\n; SELECT pg_sleep(1)",
        f"SELECT pg_sleep(1) FROM (\n{statement.sql.rstrip(';')}\n) AS honest",
        f"SELECT 1 FROM pg_class, LATERAL (\n{statement.sql.rstrip(';')}\n) AS honest",
    ):
        with pytest.raises(QueryRejected):
            GUARD.check(hostile)
