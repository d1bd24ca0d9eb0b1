"""The tokenizer gives what the reference gives.

`wordpiece_cases.json` holds texts and the ids that HuggingFace `tokenizers` 0.23.3 makes of them
with the tokenizer of all-MiniLM-L6-v2 (special tokens in a text taken as text).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from zava_server.infrastructure.embedders.wordpiece import bert_uncased

CASES = json.loads(Path(__file__).with_name("wordpiece_cases.json").read_text("utf-8"))
NO_LIMIT = sys.maxsize
CLS, SEP, UNKNOWN = 101, 102, 100


@pytest.mark.parametrize("case", CASES, ids=lambda case: ascii(case["text"])[:40])
def test_ids_are_those_of_the_reference(case: dict[str, object]) -> None:
    assert bert_uncased().encode(str(case["text"]), NO_LIMIT) == case["ids"]


def test_a_long_text_is_cut_to_the_limit_and_still_ends_properly() -> None:
    ids = bert_uncased().encode("tape " * 1000, 256)
    assert len(ids) == 256
    assert (ids[0], ids[-1]) == (CLS, SEP)


def test_a_text_that_just_fits_is_not_cut() -> None:
    assert len(bert_uncased().encode("tape " * 254, 256)) == 256
    assert bert_uncased().encode("tape " * 254, 256) == bert_uncased().encode("tape " * 255, 256)


def test_a_lone_surrogate_is_dropped() -> None:
    assert bert_uncased().encode("ta\ud800pe", NO_LIMIT) == bert_uncased().encode("tape", NO_LIMIT)


def test_one_unknown_character_makes_its_whole_word_unknown() -> None:
    assert bert_uncased().encode("pipe\u0e51", NO_LIMIT) == [CLS, UNKNOWN, SEP]


def test_it_tells_words_of_the_vocabulary_from_others() -> None:
    assert bert_uncased().knows("hammer")
    assert not bert_uncased().knows("hamner")
