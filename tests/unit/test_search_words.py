"""What a search makes of a shopper's words before it looks anywhere."""

from __future__ import annotations

import pytest

from zava_server.business.search.bars import bars_for
from zava_server.business.search.naming import is_called
from zava_server.business.search.query_text import (
    cleaned,
    code_start,
    codes_in,
    looks_foreign,
    words_of,
)
from zava_server.business.search.spelling import corrected, corrections, misspelt, slips


class TestCleaning:
    def test_white_space_becomes_one_space(self) -> None:
        assert cleaned("  cordless \n\t drill ") == "cordless drill"

    def test_what_no_database_takes_is_left_out(self) -> None:
        assert cleaned("tap\x00washer\ud800") == "tap washer"

    def test_words_are_small_and_each_once(self) -> None:
        assert words_of("Painter's tape, TAPE 2x4!") == ["painter's", "tape", "2x4"]

    def test_signs_and_emoji_are_no_words(self) -> None:
        assert words_of("😀 ?!") == []


class TestCodes:
    @pytest.mark.parametrize("query", ["PL-SEA-001", "pl sea 001", "plsea001", "PL.SEA/001"])
    def test_a_sku_is_known_in_any_writing(self, query: str) -> None:
        assert codes_in(query)[0] == "PLSEA001"

    def test_a_sku_inside_a_sentence_is_found(self) -> None:
        assert "PLSEA001" in codes_in("is PL-SEA-001 still sold?")

    @pytest.mark.parametrize(("query", "key"), [("K3", "K3"), ("7", "7"), ("a-1", "A1")])
    def test_a_whole_query_may_be_a_short_sku(self, query: str, key: str) -> None:
        assert codes_in(query) == [key]

    def test_words_and_sizes_are_no_codes(self) -> None:
        assert codes_in("drill 3/8 in, 20V") == ["DRILL38IN20V"]

    @pytest.mark.parametrize(("query", "start"), [("PT-BAT", "PTBAT"), ("pt-b1", "PTB1")])
    def test_one_word_with_a_dash_or_digit_may_begin_a_sku(self, query: str, start: str) -> None:
        assert code_start(query) == start

    @pytest.mark.parametrize("query", ["hammer", "2x4", "a sku PT-BAT"])
    def test_other_queries_begin_no_sku(self, query: str) -> None:
        assert code_start(query) is None


class TestLanguage:
    @pytest.mark.parametrize(
        "query",
        [
            "mein Wasserhahn tropft und ich suche Dichtungen",
            "une lampe pour le jardin",
            "algo para el fregadero",
            "qualcosa per il lavandino che perde",
            "iets voor een lekkende kraan",
            "シンクの水漏れ",
            "протекает кран",
        ],
    )
    def test_other_languages_are_noticed(self, query: str) -> None:
        assert looks_foreign(query)

    @pytest.mark.parametrize(
        "query",
        [
            "something to stop water leaking under the sink",
            "drill",
            "2 in PVC",
            "café table",
            "non-slip tape",
            "pour concrete",
            "van shelf",
            "den lamp",
            "price per yard",
            "paint has come off",
            "???",
        ],
    )
    def test_english_is_english(self, query: str) -> None:
        assert not looks_foreign(query)


class TestSpelling:
    @pytest.mark.parametrize(
        ("one", "other", "expected"),
        [
            ("tape", "tape", 0),
            ("dril", "drill", 1),
            ("wrensh", "wrench", 1),
            ("screwdrvier", "screwdriver", 1),
            ("", "saw", 3),
        ],
    )
    def test_slips_are_missing_wrong_and_swapped_letters(
        self, one: str, other: str, expected: int
    ) -> None:
        assert slips(one, other) == slips(other, one) == expected

    def test_known_short_and_numbered_words_are_left_alone(self) -> None:
        words = ["hamer", "wood", "saw", "m8x40", "fawcet"]
        assert misspelt(words, {"wood"}.__contains__) == ["hamer", "fawcet"]

    def test_a_short_word_may_have_one_slip_and_a_long_one_two(self) -> None:
        candidates = {"hamer": ["hammer"], "hmer": ["hammer"], "insulatin": ["insulation"]}
        near = {**candidates, "polyurthene": ["polyurethane"]}
        assert corrections(near) == {
            "hamer": "hammer",
            "insulatin": "insulation",
            "polyurthene": "polyurethane",
        }

    def test_the_nearest_candidate_wins_and_then_the_first(self) -> None:
        assert corrections({"sandin": ["standing", "sanding", "sandinx"]}) == {"sandin": "sanding"}

    def test_a_word_that_may_be_half_written_stays(self) -> None:
        candidates = {"plun": ["plug", "plunger"]}
        assert corrections(candidates) == {"plun": "plug"}
        assert corrections(candidates, typing="plun") == {}

    def test_a_word_without_candidates_stays(self) -> None:
        assert corrections({"qwertyui": []}) == {}

    def test_only_whole_words_are_replaced(self) -> None:
        assert corrected("Dril, drills and a DRIL", {"dril": "drill"}) == (
            "drill, drills and a drill"
        )


class TestNames:
    @pytest.mark.parametrize(
        ("label", "name", "product_type"),
        [
            ("claw hammer", "16 oz Curved Claw Hammer, Fiberglass Handle", "Hammers"),
            ("rubber mallet", "Rubber Mallet Black 24oz", "Hammers"),
            ("cordless drill", "20V Cordless Drill/Driver Kit, 1/2 in", "Drills & Drivers"),
            ("primers", "All-Purpose Latex Primer, 1 gal", "Primers"),
            ("pipe wrench", "Pipe Wrench 14-inch", "Wrenches"),
            ("sleeping bag", "Sleeping Bag 20F Mummy", "Camping"),
            ("circular saw", "7-1/4 in Circular Saw, 15 Amp", "Cutting"),
            ("sandpaper", "Sandpaper Sheets 9 x 11 in, 20-Pack", "Abrasives"),
        ],
    )
    def test_a_product_is_what_its_name_or_type_ends_in(
        self, label: str, name: str, product_type: str
    ) -> None:
        assert is_called(label.split(), name, product_type, similarity=0.6)

    @pytest.mark.parametrize(
        ("label", "name", "product_type"),
        [
            ("washing machine", "Washing Machine Hoses, 5 ft", "Valves & Supply Lines"),
            ("kitchen sink", "Kitchen Sink Basket Strainer, Stainless", "Traps & Drains"),
            ("ceiling fan", "4 in Octagon Ceiling Box with Bracket", "Connectors & Boxes"),
            ("snow blower", "20V Cordless Leaf Blower, 450 CFM", "Mowers & Blowers"),
        ],
    )
    def test_what_belongs_to_a_thing_is_not_the_thing(
        self, label: str, name: str, product_type: str
    ) -> None:
        assert not is_called(label.split(), name, product_type, similarity=0.6)

    def test_a_very_similar_product_may_have_the_label_at_the_start_of_its_name(self) -> None:
        corkscrew = ("Corkscrew Waiter Style", "Utensils")
        assert is_called(["corkscrew"], *corkscrew, similarity=0.8)
        assert not is_called(["corkscrew"], *corkscrew, similarity=0.79)

    def test_a_very_similar_product_may_lack_a_word_but_not_the_last(self) -> None:
        bulbs = ("100 W Equal A21 LED, Daylight", "LED Bulbs")
        assert is_called(["led", "light", "bulbs"], *bulbs, similarity=0.75)
        assert not is_called(["led", "bulb", "holder"], *bulbs, similarity=0.75)


class TestBars:
    @pytest.mark.parametrize("embedder", ["local", "openai"])
    def test_short_queries_have_the_higher_bars(self, embedder: str) -> None:
        few, many = bars_for(embedder, 2), bars_for(embedder, 8)
        assert few.noise > many.noise
        assert few.near > many.near

    @pytest.mark.parametrize("embedder", ["local", "openai"])
    @pytest.mark.parametrize("words", [1, 10])
    def test_what_is_shown_without_a_caveat_is_more_similar_than_what_is_shown(
        self, embedder: str, words: int
    ) -> None:
        bars = bars_for(embedder, words)
        assert 0 < bars.noise < bars.near < 1
