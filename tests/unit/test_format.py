from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from zava_tui import format as fmt


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "$0.00"), (1234.5, "$1,234.50"), (-33.5, "−$33.50"), (1e6, "$1,000,000.00")],
)
def test_money_has_two_decimals_and_separators(value: float, text: str) -> None:
    assert fmt.money(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (156.394, "$156.39"),
        (999.99, "$999.99"),
        (48230.4, "$48,230"),
        (999_999.4, "$999,999"),
        (999_999.5, "$1.00M"),
        (1_240_000, "$1.24M"),
        (2.5e9, "$2.50B"),
        (-48230, "−$48,230"),
    ],
)
def test_a_headline_is_no_longer_than_it_need_be(value: float, text: str) -> None:
    assert fmt.money_headline(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.04, "0.0 ms"),
        (4.2, "4.2 ms"),
        (9.96, "10 ms"),
        (412.4, "412 ms"),
        (999.6, "1.0 s"),
        (1340, "1.3 s"),
        (125_000, "2 min 5 s"),
    ],
)
def test_a_duration_has_the_unit_that_fits(value: float, text: str) -> None:
    assert fmt.milliseconds(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-1, "0 s"), (2.9, "2 s"), (59.9, "59 s"), (60, "1 min"), (7200, "2 h"), (200_000, "2 d")],
)
def test_an_age_is_rounded_down_to_one_unit(seconds: float, text: str) -> None:
    assert fmt.age(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1, "a few seconds left"), (22, "about 20 s left"), (170, "about 3 min left")],
)
def test_the_time_left_is_no_more_exact_than_the_estimate(seconds: float, text: str) -> None:
    assert fmt.time_left(seconds) == text


@pytest.mark.parametrize(
    ("current", "previous", "text", "tone"),
    [
        (112.4, 100, "▲ +12.4 %", "good"),
        (96.9, 100, "▼ −3.1 %", "bad"),
        (100.04, 100, "= 0.0 %", "plain"),
        (5000, 100, "▲ over +999 %", "good"),
        (5, 0, "nothing to compare with", "muted"),
        (None, 100, "nothing to compare with", "muted"),
        (5, None, "nothing to compare with", "muted"),
    ],
)
def test_a_change_has_a_symbol_a_sign_and_a_meaning(
    current: float | None, previous: float | None, text: str, tone: fmt.Tone
) -> None:
    assert fmt.change(current, previous) == fmt.Note(text, tone)


@pytest.mark.parametrize(
    ("current", "previous", "text"), [(41, 36, "▲ +5"), (3, 5, "▼ −2"), (4, 4, "= the same")]
)
def test_a_change_in_a_count_is_a_count(current: int, previous: int, text: str) -> None:
    assert fmt.change_in_count(current, previous).text == text


@pytest.mark.parametrize(
    ("fraction", "text"), [(0, "    "), (1, "████"), (0.5, "██  "), (0.6, "██▍ "), (7, "████")]
)
def test_a_bar_is_exact_to_an_eighth_of_a_cell(fraction: float, text: str) -> None:
    assert fmt.bar(fraction, 4) == text


def test_a_gauge_shows_what_is_free() -> None:
    assert fmt.gauge(0.3, 10) == "███░░░░░░░"


def test_a_sparkline_goes_from_its_lowest_to_its_highest_tick() -> None:
    assert fmt.sparkline([10, 11, 17], 10) == "▁▂█"


def test_a_sparkline_over_a_floor_shows_size() -> None:
    assert fmt.sparkline([7, 7, 7], 10, floor=0) == "███"


def test_a_sparkline_averages_what_does_not_fit() -> None:
    assert fmt.sparkline([0, 2, 8, 10, 4, 6], 3) == "▁█▅"


@pytest.mark.parametrize("values", [[], [0, 0], [5.0]])
def test_a_sparkline_without_a_course_is_flat(values: list[float]) -> None:
    assert set(fmt.sparkline(values, 5)) <= {"▁"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred", "␛[31mred"),
        ("a\nb\tc", "a⏎b⇥c"),
        ("a\r\nb", "a⏎b"),
        ("\x7f\x9b", "␡\ufffd"),
        ("\u202etxt.exe", "\ufffdtxt.exe"),
        ("\ud800", "\ufffd"),
        ("[bold]no markup[/]", "[bold]no markup[/]"),
        ("👩\u200d🔧", "👩\u200d🔧"),
    ],
)
def test_what_would_act_on_the_terminal_is_made_visible(text: str, shown: str) -> None:
    assert fmt.visible(text) == shown


@given(st.text())
def test_visible_text_is_one_line_that_any_terminal_can_print(text: str) -> None:
    shown = fmt.visible(text)
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 for c in shown)
    shown.encode()


@given(st.text(), st.integers(0, 30), st.sampled_from(["left", "right"]))
def test_fitted_text_takes_exactly_its_width(text: str, width: int, align: str) -> None:
    fitted = fmt.fit(fmt.visible(text), width, "right" if align == "right" else "left")
    assert cell_len(fitted) == width


def test_wide_letters_count_twice() -> None:
    assert fmt.fit("漢字", 5) == "漢字 "
    assert fmt.fit("漢字漢字", 5) == "漢字…"
    assert fmt.fit("漢字漢字", 4) == "漢 …"
