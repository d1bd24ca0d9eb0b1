"""What is kept of what a user writes, for whom; and what is suggested while they write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.geometry import Offset

from tests.ui.query_screen import editor_of, querying
from tests.ui.scripted import until, until_gone, until_shown
from zava_tui.sql_words import suggestions, within_quotes
from zava_tui.starter_queries import STARTERS
from zava_tui.workspace import ALL_REMEMBERED, LONGEST_REMEMBERED, Draft, Tabs, Workspace

TABLES = {"orders": ("order_id", "order_date", "total_amount"), "products": ("name", "sku")}
A, B, C = Draft("a", "SELECT 1"), Draft("b", "SELECT '½ \ud800'"), Draft("c", "")
USER = "tacoma"

pytestmark = pytest.mark.usefixtures("_files_of_its_own")


class TestWorkspace:
    def test_everyone_has_files_of_their_own(self, tmp_path: Path) -> None:
        mine, yours = Workspace("seattle", tmp_path), Workspace("../tacoma", tmp_path)
        mine.remember("SELECT 1")
        mine.save(Draft("secret", "SELECT 2"))
        yours.open_tabs()
        assert yours.history() == []
        assert "secret" not in {query.name for query in yours.saved()}
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert all(tmp_path / "queries" in path.parents for path in files)
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        assert {path.parent.stat().st_mode & 0o777 for path in files} == {0o700}

    @pytest.mark.parametrize(
        "text",
        ["", "{", "[1, null]", '[{"name": 5, "sql": []}]', "null", '{"tabs": 3}', "[" * 100_000],
    )
    def test_a_broken_file_is_as_good_as_none(self, tmp_path: Path, text: str) -> None:
        workspace = Workspace(USER, tmp_path)
        place = tmp_path / "queries" / USER
        place.mkdir(parents=True)
        for name in ("tabs-1", "history", "saved"):
            (place / f"{name}.json").write_text(text)
        assert workspace.open_tabs() == Tabs((Draft("query 1", STARTERS[0].sql),))
        assert workspace.history() == []
        assert len(workspace.saved()) == len(STARTERS)

    def test_tabs_are_as_they_were_left(self, tmp_path: Path) -> None:
        first = Workspace(USER, tmp_path)
        first.open_tabs()
        first.keep_tabs(Tabs((A, B, C), 1))
        first.close()
        assert Workspace(USER, tmp_path).open_tabs() == Tabs((A, B, C), 1)

    def test_windows_that_are_open_at_once_do_not_write_over_each_other(
        self, tmp_path: Path
    ) -> None:
        first, second = Workspace(USER, tmp_path), Workspace(USER, tmp_path)
        first.open_tabs()
        second.open_tabs()
        first.keep_tabs(Tabs((A,)))
        second.keep_tabs(Tabs((B,)))
        first.close()
        second.close()
        assert Workspace(USER, tmp_path).open_tabs().drafts == (A, B)
        assert len(list(tmp_path.rglob("tabs-*.json"))) == 1

    def test_after_it_was_closed_nothing_is_written(self, tmp_path: Path) -> None:
        workspace = Workspace(USER, tmp_path)
        workspace.open_tabs()
        workspace.close()
        workspace.keep_tabs(Tabs((A,)))
        assert A not in Workspace(USER, tmp_path).open_tabs().drafts

    def test_tabs_outlive_a_kill(self, tmp_path: Path) -> None:
        script = (
            "import sys, time; from pathlib import Path\n"
            "from zava_tui.workspace import Draft, Tabs, Workspace\n"
            f"w = Workspace({USER!r}, Path(sys.argv[1])); w.open_tabs()\n"
            "w.keep_tabs(Tabs((Draft('mine', 'SELECT 1'),)))\n"
            "print('kept', flush=True); time.sleep(60)\n"
        )
        with subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            child.stdout.readline()
            assert Workspace(USER, tmp_path).open_tabs().drafts != (Draft("mine", "SELECT 1"),)
            os.kill(child.pid, signal.SIGKILL)
        drafts = Workspace(USER, tmp_path).open_tabs().drafts
        assert Draft("mine", "SELECT 1") in drafts

    def test_the_history_has_each_statement_once_the_latest_first(self, tmp_path: Path) -> None:
        workspace = Workspace(USER, tmp_path)
        for sql in ("a", "b", "a"):
            workspace.remember(sql)
        assert workspace.history() == ["a", "b"]

    def test_the_history_is_bounded(self, tmp_path: Path) -> None:
        workspace = Workspace(USER, tmp_path)
        for letter in "abcdefghijklmnopqrstuvwxyz":
            workspace.remember(letter * LONGEST_REMEMBERED)
        workspace.remember("x" * (LONGEST_REMEMBERED + 1))
        assert sum(map(len, workspace.history())) == ALL_REMEMBERED
        assert workspace.history()[0][0] == "z"

    def test_ones_own_query_hides_a_starter_of_its_name_until_it_is_forgotten(
        self, tmp_path: Path
    ) -> None:
        workspace = Workspace(USER, tmp_path)
        name = STARTERS[0].name
        workspace.save(Draft(name, "SELECT 1"))
        assert [q.sql for q in workspace.saved() if q.name == name] == ["SELECT 1"]
        assert workspace.forget(name)
        assert [q.sql for q in workspace.saved() if q.name == name] == [STARTERS[0].sql]
        assert not workspace.forget(name)


class TestSuggestions:
    @pytest.mark.parametrize(
        ("before", "first"),
        [
            ("SELECT o.tot", "total_amount"),
            ("SELECT ord", "order_id"),
            ("FROM retail.pro", "products"),
            ("SELECT 1 FROM ord", "retail.orders"),
            ("SELECT coal", "coalesce("),
            ("GROUP", "GROUP BY"),
            ("SELECT 'it''s', ord", "order_id"),
        ],
    )
    def test_the_likeliest_word_comes_first(self, before: str, first: str) -> None:
        found = suggestions(before, f"{before} FROM retail.orders o", TABLES)
        assert found[0].text == first

    @pytest.mark.parametrize("before", ["SELECT 'ord", "-- ord", "/* a\nord", 'SELECT "ord', ""])
    def test_texts_and_comments_get_none(self, before: str) -> None:
        assert suggestions(before, f"{before} FROM retail.orders", TABLES) == []

    def test_nothing_is_suggested_for_no_word_unless_it_is_wanted(self) -> None:
        assert suggestions("SELECT 1 FROM ", "", TABLES) == []
        found = suggestions("SELECT 1 FROM ", "", TABLES, wanted=True)
        assert [each.text for each in found] == ["retail.orders", "retail.products"]

    @settings(deadline=None)
    @given(st.text("'\"-*/ab\n", max_size=40), st.text(max_size=60))
    def test_any_text_gets_suggestions_or_none(self, before: str, whole: str) -> None:
        for found in suggestions(before, whole, TABLES, wanted=True):
            assert found.typed <= len(before)
        assert within_quotes(f"{before}") in {True, False}

    async def test_tab_takes_the_marked_one(self) -> None:
        async with querying(rows=True) as (pilot, _):
            await pilot.press("e")
            editor_of(pilot).load_text("SELECT  FROM retail.orders o")
            editor_of(pilot).move_cursor((0, 7))
            await pilot.press("o", "full_stop", "o")
            await until_shown(pilot, "tab takes it", "order_id")
            await pilot.press("ctrl+down", "tab")
            assert editor_of(pilot).text == "SELECT o.order_date FROM retail.orders o"
            await pilot.press("tab")
            await until(pilot, lambda: not editor_of(pilot).has_focus)

    async def test_escape_takes_none_and_only_then_leaves_the_editor(self) -> None:
        async with querying() as (pilot, _):
            await pilot.press("ctrl+t", *"sel")
            await until_shown(pilot, "SELECT keyword")
            await pilot.press("escape")
            await until_gone(pilot, "tab takes it")
            assert editor_of(pilot).has_focus
            await pilot.press("escape")
            assert not editor_of(pilot).has_focus

    async def test_ctrl_space_asks_and_a_click_takes(self) -> None:
        async with querying() as (pilot, _):
            await pilot.press("ctrl+t", *"FROM ")
            await pilot.press("ctrl+@")
            await until_shown(pilot, "retail.orders table")
            await pilot.click("#suggestions", offset=Offset(16, 0))
            await until(pilot, lambda: editor_of(pilot).text == "FROM retail.orders")
