from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from zava_server.data.guard import RETAIL_POLICY, CheckedStatement, SqlGuard
from zava_server.infrastructure.errors import QueryRejected

GUARD = SqlGuard(RETAIL_POLICY)


def check(sql: str) -> CheckedStatement:
    return GUARD.check(sql)


def rejection(sql: str) -> QueryRejected:
    with pytest.raises(QueryRejected) as rejected:
        GUARD.check(sql)
    return rejected.value


class TestACheckedStatement:
    def test_names_the_relations_it_reads(self) -> None:
        checked = check("SELECT 1 FROM orders o, retail.stores WHERE EXISTS (TABLE customers)")
        assert checked.relations == {"retail.orders", "retail.stores", "retail.customers"}

    def test_does_not_count_ctes_as_relations(self) -> None:
        checked = check("WITH orders AS (SELECT 1) SELECT * FROM orders")
        assert checked.relations == frozenset()

    def test_has_a_fingerprint_that_literals_do_not_change(self) -> None:
        one, two = check("SELECT 1 FROM orders LIMIT 5"), check("select 2 from orders  limit 9")
        assert one.fingerprint == two.fingerprint != check("SELECT 1 FROM stores").fingerprint

    def test_of_a_long_statement_only_its_length_is_kept(self) -> None:
        sql = f"SELECT 1 WHERE 1 IN ({', '.join(['12345'] * 4_000)})"
        assert check(sql).normalized == "28,020 characters of SQL"

    def test_is_normalized_without_its_literals(self) -> None:
        checked = check("SELECT * FROM customers WHERE email = 'someone@example.com'")
        assert checked.normalized == "SELECT * FROM customers WHERE email = $1"

    @pytest.mark.parametrize(
        ("sql", "kind"),
        [("SELECT 1", "SELECT"), ("VALUES (1)", "VALUES"), ("TABLE stores", "TABLE")],
    )
    def test_knows_its_kind(self, sql: str, kind: str) -> None:
        assert check(sql).kind == kind

    @pytest.mark.parametrize("sql", ["SELECT 1;", "SELECT 1 ; ", "SELECT 1;;", "SELECT 1; -- x"])
    def test_has_no_semicolon(self, sql: str) -> None:
        assert check(sql).sql.rstrip() == "SELECT 1"

    def test_keeps_its_positions_when_empty_statements_come_first(self) -> None:
        assert check(";\n;SELECT 1").sql == " \n SELECT 1"


class TestARejection:
    @pytest.mark.parametrize(
        ("sql", "advice"),
        [
            ("SELECT to_jsonb(s) @@ '$.name == 1' FROM stores s", "jsonb_path_match"),
            ("SELECT 1 FROM products WHERE 'drill' <% name", "semantic_search_products"),
            ("SELECT hashtext(email) FROM customers", "md5"),
        ],
    )
    def test_says_what_does_the_job_instead(self, sql: str, advice: str) -> None:
        assert advice in (rejection(sql).hint or "")

    def test_gives_line_and_column(self) -> None:
        error = rejection("SELECT 1,\n       pg_sleep(1)\nFROM orders")
        assert error.message == "Function “pg_sleep” is not allowed (line 2, column 8)."

    def test_counts_columns_in_characters(self) -> None:
        assert "(line 1, column 15)" in rejection("SELECT 'né→', foo(1)").message
        assert "(line 1, column 16)" in rejection("SELECT 'né→' , FROM orders").message

    @pytest.mark.parametrize(
        ("sql", "meant"),
        [
            ("SELECT * FROM retail.order_item", "retail.order_items"),
            ("SELECT * FROM prodcts", "retail.products"),
            ("WITH monthly AS (SELECT 1) SELECT * FROM montly", "monthly"),
        ],
    )
    def test_suggests_the_relation_that_was_meant(self, sql: str, meant: str) -> None:
        assert rejection(sql).hint == f"Did you mean {meant}?"

    def test_suggests_the_function_that_was_meant(self) -> None:
        assert rejection("SELECT dat_trunc('month', now())").hint == "Did you mean date_trunc?"

    @pytest.mark.parametrize(
        ("sql", "hint"),
        [
            ("EXPLAIN SELECT 1", "explain_query"),
            ("SELECT current_user", "whoami"),
            ("SELECT to_tsquery('a')", "semantic_search_products"),
            ("SELECT median(1)", "percentile_cont"),
            ("SELECT * FROM pg_class", "order_items"),
            ("SELECT quantity % line_no FROM order_items", "mod(a, b)"),
            ("SELECT repeat('x', quantity) FROM order_items", "least"),
            ("SELECT * FROM orders TABLESAMPLE SYSTEM (1)", "random()"),
            ("SELECT '1'::money", "numeric"),
        ],
    )
    def test_says_what_to_use_instead(self, sql: str, hint: str) -> None:
        assert hint in str(rejection(sql).hint)

    def test_names_operators_as_people_write_them(self) -> None:
        error = rejection("SELECT string_agg(name, ',') ILIKE name FROM stores GROUP BY name")
        assert error.message.startswith("ILIKE works on two values")

    @pytest.mark.parametrize(
        ("sql", "name"),
        [("DROP TABLE orders", "DROP"), ("CREATE TABLE a AS SELECT 1", "CREATE TABLE AS")],
    )
    def test_names_any_kind_of_statement(self, sql: str, name: str) -> None:
        assert rejection(f"  {sql}").message == f"{name} is not allowed (line 1, column 3)."

    def test_shows_a_hostile_name_on_one_short_line(self) -> None:
        message = rejection('SELECT "' + "a\n\x1b[2J" * 12 + '"(1)').message
        assert message.isprintable()
        assert len(message) < 150


class TestCteScope:
    def test_a_later_cte_sees_an_earlier_one(self) -> None:
        check("WITH a AS (SELECT 1 AS x), b AS (SELECT x FROM a) SELECT x FROM b")

    def test_an_earlier_cte_does_not_see_a_later_one(self) -> None:
        rejection("WITH a AS (SELECT x FROM b), b AS (SELECT 1 AS x) SELECT x FROM a")

    def test_under_recursive_it_sees_itself_and_those_before_it(self) -> None:
        check("WITH RECURSIVE a AS (SELECT 1 AS x UNION SELECT x FROM a) SELECT x FROM a")
        error = rejection("WITH RECURSIVE a AS (SELECT x FROM b), b AS (SELECT 1 AS x) SELECT 1")
        assert "“b” is a CTE that comes later" in error.message
        assert error.hint == "Move it before this one."

    def test_a_cte_does_not_see_itself_without_recursive(self) -> None:
        rejection("WITH a AS (SELECT * FROM a) SELECT 1")

    def test_a_sub_query_sees_the_ctes_around_it(self) -> None:
        check("WITH a AS (SELECT 1 AS x) SELECT (SELECT x FROM a), * FROM (SELECT x FROM a) q")

    def test_a_ctes_name_ends_with_its_query(self) -> None:
        rejection("SELECT * FROM (WITH a AS (SELECT 1) SELECT * FROM a) q, a")

    def test_both_halves_of_a_union_see_the_cte_before_it(self) -> None:
        check("WITH a AS (SELECT 1) SELECT * FROM a UNION SELECT * FROM a")

    def test_the_other_half_of_a_union_does_not_see_a_cte_in_parentheses(self) -> None:
        rejection("(WITH a AS (SELECT 1) SELECT * FROM a) UNION SELECT * FROM a")

    def test_a_cte_is_never_meant_by_a_qualified_name(self) -> None:
        rejection("WITH users AS (SELECT 1) SELECT * FROM identity.users")


class TestFunctionsInFrom:
    """`f.name` calls name(f) when the function f has no column of that name."""

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT d.d FROM generate_series(1, 3) AS d",
            "SELECT d.n FROM generate_series(1, 3) AS d(n)",
            "SELECT generate_series.generate_series FROM generate_series(1, 3)",
            "SELECT e.key, e.value FROM jsonb_each('{}') AS e",
            "SELECT x.a FROM json_to_record('{}') AS x(a int)",
            "SELECT w.ordinality FROM unnest(ARRAY[1]) WITH ORDINALITY AS w",
        ],
    )
    def test_their_columns_may_be_named(self, sql: str) -> None:
        check(sql)

    def test_nothing_else_may_be(self) -> None:
        rejection("SELECT f.pg_read_file FROM unnest(ARRAY['/etc/passwd']) AS f")

    def test_an_alias_used_twice_lends_no_columns(self) -> None:
        rejection(
            "SELECT (SELECT f.pg_read_file FROM unnest(ARRAY['x']) f),"
            " (SELECT 1 FROM unnest(ARRAY['x']) f(pg_read_file))"
        )

    def test_other_sources_keep_any_column_name(self) -> None:
        check("SELECT q.version FROM (SELECT 1 AS version) q, generate_series(1, 2) g")

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT q.count, q.int4, q.case FROM (SELECT count(*), 1::int, CASE WHEN true THEN 1 "
            "END FROM orders) q",
            "WITH a (b) AS (SELECT 1) SELECT a.b, z.b FROM a, a AS z",
            "SELECT q.n FROM (SELECT * FROM generate_series(1, 2) AS n) q",
            "SELECT q.o FROM (WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT n FROM r) "
            "SEARCH DEPTH FIRST BY n SET o SELECT * FROM r LIMIT 1) q",
            "SELECT t.a FROM orders AS t (a)",
        ],
    )
    def test_a_query_has_the_columns_it_names(self, sql: str) -> None:
        check(sql)

    @pytest.mark.parametrize(
        "column", ["o.pg_column_size", "q.record_out", "c.hash_record", "o.version", "s.total"]
    )
    def test_no_row_is_passed_to_a_function(self, column: str) -> None:
        error = rejection(
            f"WITH c AS (SELECT 1 AS x) SELECT {column} FROM orders AS o, c, (SELECT 1 AS total) q,"
            " stores AS s"
        )
        assert f"“{column}”" in error.message

    def test_a_misspelt_column_is_put_right(self) -> None:
        assert rejection("SELECT o.order_dat FROM orders o").hint == "Did you mean o.order_date?"


class TestShortValues:
    """Where PostgreSQL's work is the product of two lengths, one must be short."""

    LONG = "(SELECT string_agg(description, '') AS d FROM products) AS t"

    @pytest.mark.parametrize(
        "needle",
        [
            "'saw'",
            "left(d, 15)",
            "substr(d, 1, 15)",
            "d::varchar(12)",
            "'%' || left(d, 9) || '%'",
        ],
    )
    def test_a_long_text_is_searched_for_a_short_one(self, needle: str) -> None:
        check(f"SELECT d LIKE {needle}, strpos(d, {needle}) FROM {self.LONG}")

    @pytest.mark.parametrize(
        "needle",
        [
            "d",
            "d || 'a'",
            "lower(d)",
            "(SELECT d)",
            "left(d, 100000)",
            "left(d, -1)",
            "left(d, length(d))",
            "substring(d, '%', '5')",
            "d::varchar",
            "d::varchar(100000)",
            "concat(left(d, 300), left(d, 300))",
        ],
    )
    def test_but_not_for_another_long_one(self, needle: str) -> None:
        rejection(f"SELECT d LIKE {needle} FROM {self.LONG}")
        rejection(f"SELECT strpos(d, {needle}) FROM {self.LONG}")

    def test_columns_are_short_where_nothing_builds_long_values(self) -> None:
        check("SELECT 1 FROM products p JOIN categories c ON p.name ILIKE '%' || c.name || '%'")

    def test_columns_that_were_doubled_again_and_again_are_not(self) -> None:
        doubled = "SELECT name AS v FROM products"
        for _ in range(5):
            doubled = f"SELECT v || v AS v FROM ({doubled}) AS t"
        check(f"SELECT v LIKE v FROM ({doubled}) AS t")
        rejection(f"SELECT v LIKE v FROM (SELECT v || v || v || v AS v FROM ({doubled}) t) t")

    def test_columns_are_short_though_others_are_not(self) -> None:
        check(
            "SELECT string_agg(p.name, ', ') FROM products p "
            "JOIN categories c ON p.name ILIKE '%' || c.name || '%'"
        )

    @pytest.mark.parametrize(
        "needle",
        [
            "repeat(repeat('a', 1000), 1000)",
            "replace(repeat('a', 900), 'a', repeat('a', 900))",
            "to_json(to_json(to_json(to_json(to_json(to_json(repeat('\"', 99)))))))::text",
            "(SELECT max(d) FROM products)",
            "JSON_ARRAYAGG(name RETURNING text)",
            "ARRAY(SELECT name FROM products)::text",
            "(1e131071::numeric)::text",
            "((10.0 ^ 100000)::text)",
            "upper(format('%s', d))",
        ],
    )
    def test_what_grows_on_the_spot_is_long(self, needle: str) -> None:
        rejection(f"SELECT d LIKE {needle} FROM {self.LONG} GROUP BY d")

    def test_much_work_on_long_values_adds_up(self) -> None:
        check(f"SELECT upper(d), length(d), left(d, 100) FROM {self.LONG}")
        error = rejection(f"SELECT initcap(initcap(initcap(initcap(initcap(d))))) FROM {self.LONG}")
        assert "too much to do with values that may be long" in error.message


class TestGrowth:
    def test_honest_steps_in_ctes_do_not_add_up(self) -> None:
        steps = ["s0 AS (SELECT day, sum(revenue) AS r FROM daily_sales GROUP BY day)"]
        for step in range(1, 30):
            columns = f"day, r, (r - lag(r) OVER (ORDER BY day)) / r AS change_{step}"
            steps.append(f"s{step} AS (SELECT {columns} FROM s{step - 1})")
        check(f"WITH {', '.join(steps)} SELECT * FROM s29")

    def test_aggregates_stop_it(self) -> None:
        query = "SELECT total_amount AS v FROM orders"
        for _ in range(20):
            query = f"SELECT sum(v) + max(v) AS v FROM ({query}) AS t"
        check(query)

    def test_doubling_is_stopped(self) -> None:
        query = "SELECT total_amount AS v FROM orders"
        for _ in range(20):
            query = f"SELECT v + v AS v FROM ({query}) AS t"
        assert "repeat each other's expressions" in rejection(query).message

    @pytest.mark.parametrize("name", ["v", '"?column?"', "coalesce", "w"])
    def test_it_is_found_under_any_name(self, name: str) -> None:
        query = "SELECT total_amount AS v FROM orders"
        column = "v"
        for _ in range(20):
            match name:
                case "w":  # renamed by the alias
                    query = f"SELECT w + w FROM ({query}) AS t(w)"
                case "v":
                    query = f"SELECT v + v AS v FROM ({query}) AS t"
                case "coalesce":
                    query = f"SELECT coalesce({column}, {column}) FROM ({query}) AS t"
                case _:
                    query = f"SELECT {column} + {column} FROM ({query}) AS t"
            column = name
        rejection(query)


class TestCopies:
    """What PostgreSQL copies while it parses and plans, where no time limit reaches it."""

    @pytest.mark.parametrize(
        ("inner", "outer"),
        [
            ("1", "({} BETWEEN 0 AND 1)::int"),
            ("1", "({} NOT BETWEEN SYMMETRIC 0 AND 1)::int"),
            ("quantity", "({} IN (quantity, line_no, 3))::int"),
            ("1", "({} IN (SELECT 1))::int"),
            ("1", "({} = ANY (SELECT 1))::int"),
            ("1", "JSON_ARRAY(SELECT {})"),
            ("'1'", "JSON({})::text"),
            ("'1'", "({} IS JSON)::text"),
            ("'1'", "JSON_OBJECT('a': {} FORMAT JSON RETURNING text)"),
            ("ROW(i)", "ROW(({}).*)"),
        ],
    )
    def test_an_operator_within_itself(self, inner: str, outer: str) -> None:
        def nested(times: int) -> str:
            expression = inner
            for _ in range(times):
                expression = outer.format(expression)
            return f"SELECT {expression} FROM order_items AS i"

        if "*" not in outer:
            check(nested(3))
        assert "expressions too often" in rejection(nested(20)).message

    def test_many_references_to_one_large_expression(self) -> None:
        query = "SELECT quantity AS v FROM order_items"
        for _ in range(12):
            query = f"SELECT v + v AS v FROM ({query}) AS t"
        check(query)
        conditions = " OR ".join(f"v = {n}" for n in range(200))
        rejection(f"SELECT 1 FROM ({query}) AS t WHERE {conditions}")

    @pytest.mark.parametrize(
        ("seed", "step"),
        [
            ("name FROM stores", "CASE WHEN true THEN name || name ELSE name END FROM ({}) AS t"),
            ("(ROW(quantity)).f1 FROM order_items", "(ROW(f1 + f1)).f1 FROM ({}) AS t"),
            ("name FROM stores", "(SELECT name || name AS name) FROM ({}) AS t"),
            ("1 AS v, 2 AS w", "t.*, v + v AS w FROM ({}) AS t UNION SELECT v, w + w FROM stores"),
        ],
    )
    def test_columns_that_get_their_name_from_within(self, seed: str, step: str) -> None:
        query = f"SELECT {seed}"
        for _ in range(22):
            query = f"SELECT {step.format(query)}"
        rejection(query)

    def test_a_value_named_once_is_copied_once(self) -> None:
        steps = ["s0 AS (SELECT quantity AS v FROM order_items)"]
        steps += [
            f"s{step} AS MATERIALIZED (SELECT v + v AS v FROM s{step - 1})" for step in range(1, 25)
        ]
        check(f"WITH {', '.join(steps)} SELECT v FROM s24")

    def test_lists_and_ranges_cost_nothing(self) -> None:
        values = ", ".join(str(n) for n in range(2000))
        check(f"SELECT 1 FROM order_items WHERE abs(quantity) IN ({values})")
        check("SELECT 1 FROM orders WHERE " + " OR ".join(["total_amount BETWEEN 1 AND 2"] * 90))


def steps(sql: str) -> int:
    """How many functions the guard calls to check a statement."""
    called = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal called
        called += event.endswith("call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        GUARD.check(sql)
    finally:
        sys.setprofile(before)
    return called


class TestNesting:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ("WITH RECURSIVE a AS (", ") SELECT 1 AS x FROM a"),
            ("WITH RECURSIVE a AS (", "), b AS (SELECT 1 AS y) SELECT 1 AS x FROM a"),
            ("SELECT ARRAY(", ") AS x"),
        ],
    )
    def test_what_stands_deep_inside_is_not_read_again_at_each_level(
        self, before: str, after: str
    ) -> None:
        values = f"SELECT 1 AS x WHERE 1 IN ({', '.join(['1'] * 5_000)})"
        assert steps(before * 60 + values + after * 60) < 2 * steps(before * 5 + values + after * 5)


class TestBesideTheEventLoop:
    async def test_a_long_statement_is_read_in_a_thread(self) -> None:
        guard = SqlGuard(RETAIL_POLICY)
        for times in (1, 2_000):
            sql = f"SELECT 1 WHERE 1 IN ({', '.join(['12345'] * times)})"
            assert (await guard.check_aside(sql)).sql == sql
        with pytest.raises(QueryRejected, match="pg_authid"):
            await guard.check_aside(f"SELECT {', '.join(['1'] * 2_000)} FROM pg_authid")


class TestTheTextItself:
    def test_may_be_64_kib_and_no_more(self) -> None:
        check("SELECT '" + "a" * (64 * 1024 - 9) + "'")
        assert "64 KiB" in rejection("SELECT '" + "a" * (64 * 1024 - 8) + "'").message

    def test_is_measured_in_bytes(self) -> None:
        assert "64 KiB" in rejection("SELECT '" + "é" * 40_000 + "'").message

    @pytest.mark.parametrize("sql", ["SELECT '\0'", "SELECT '\ud800'", "\udfff"])
    def test_is_valid_unicode_without_nul(self, sql: str) -> None:
        rejection(sql)

    def test_may_hold_any_character_in_strings_and_names(self) -> None:
        check("SELECT '🪚 ö \u200b ' AS \"Säge 🪚\", 'ﷺ'")

    def test_may_sum_80_terms_join_40_tables_and_list_5000_values(self) -> None:
        check("SELECT " + " + ".join(["total_amount"] * 80) + " FROM orders")
        joins = " ".join(f"JOIN stores s{n} USING (store_id)" for n in range(40))
        check(f"SELECT count(*) FROM stores {joins}")
        check(f"SELECT 1 FROM order_items WHERE quantity IN ({', '.join(map(str, range(5000)))})")

    @pytest.mark.parametrize(
        "sql",
        [
            "SELECT " + "+".join(["line_no"] * 400) + " FROM order_items",
            "SELECT " + "(" * 30_000 + "1" + ")" * 30_000,
            "SELECT " + "(SELECT " * 400 + "1" + ")" * 400,
        ],
        ids=["operators", "parentheses", "sub-queries"],
    )
    def test_is_said_to_be_nested_too_deeply(self, sql: str) -> None:
        assert rejection(sql).message == "The statement is nested too deeply."

    def test_reports_depth_alike_from_deep_in_the_program(self) -> None:
        def call(frames: int) -> str:
            if frames:
                return call(frames - 1)
            return rejection("SELECT " + "+".join(["line_no"] * 280) + " + f(1)").message

        assert "not" in call(0)
        assert call(700) in (call(0), "The statement is nested too deeply.")

    def test_cannot_bring_the_process_down_even_on_a_small_stack(self) -> None:
        program = textwrap.dedent("""
            import threading
            from zava_server.data.guard import RETAIL_POLICY, SqlGuard
            from zava_server.infrastructure.errors import QueryRejected

            guard = SqlGuard(RETAIL_POLICY)

            def attack():
                for unit in ("::a", "+a", "[1]", " isnull", " collate a", " at local", ".a", "(",
                             " union select a", " and not a", " cross join a", "- ", " notnull"):
                    for prefix in ("select a", "select a from a", "select "):
                        try:
                            guard.check((prefix + unit * 65536)[: 64 * 1024])
                        except QueryRejected:
                            pass
                print("alive")

            threading.stack_size(1024 * 1024)
            thread = threading.Thread(target=attack)
            thread.start()
            thread.join()
        """)
        child = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=False
        )
        assert child.stdout == "alive\n", child.stderr
