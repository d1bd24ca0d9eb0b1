"""Each entry of the policy is needed: without it an honest statement fails or a hostile passes."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any

import postgast.pg_query_pb2 as pb
import pytest

from tests.security.corpus_files import read_corpus
from zava_server.data.guard import (
    RETAIL_POLICY,
    SqlGuard,
    SqlPolicy,
    arguments,
    explanations,
    growth,
    guard,
    rules,
)
from zava_server.data.guard.walk import Visit
from zava_server.infrastructure.errors import QueryRejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import asyncpg

HONEST = [s.sql for s in read_corpus("honest") if len(s.sql) < 4000]
HOSTILE = [s.sql for s in read_corpus("hostile") if not s.allowed]
GROWING = sorted(growth.Growth(Visit(RETAIL_POLICY, b""))._handlers)
LONG = "(SELECT string_agg(description, '') AS d FROM products) AS t"


def passes(sql: str, policy: SqlPolicy = RETAIL_POLICY) -> bool:
    try:
        SqlGuard(policy).check(sql)
    except QueryRejected:
        return False
    return True


def without(**changed: Any) -> SqlPolicy:
    return dataclasses.replace(RETAIL_POLICY, **changed)


def lacking(allowed: Mapping[Any, frozenset[str]], key: Any, entry: str) -> dict[Any, Any]:
    return {**allowed, key: allowed[key] - {entry}}


def entries(allowed: Mapping[Any, Iterable[str]]) -> list[tuple[Any, str]]:
    return [(key, entry) for key in allowed for entry in sorted(allowed[key])]


def some_honest_statement_fails(policy: SqlPolicy) -> bool:
    checked = SqlGuard(policy)
    for sql in HONEST:
        try:
            checked.check(sql)
        except QueryRejected:
            return True
    return False


def some_hostile_statement_passes(checked: SqlGuard) -> bool:
    for sql in HOSTILE:
        try:
            checked.check(sql)
        except QueryRejected:
            continue
        return True
    return False


class TestWhatIsAllowedIsNeeded:
    @pytest.mark.parametrize(("schema", "name"), entries(RETAIL_POLICY.functions))
    def test_functions(self, schema: str, name: str) -> None:
        policy = without(functions=lacking(RETAIL_POLICY.functions, schema, name))
        assert some_honest_statement_fails(policy)

    @pytest.mark.parametrize(("schema", "name"), entries(RETAIL_POLICY.operators))
    def test_operators(self, schema: str, name: str) -> None:
        policy = without(operators=lacking(RETAIL_POLICY.operators, schema, name))
        assert some_honest_statement_fails(policy)

    @pytest.mark.parametrize(("schema", "name"), entries(RETAIL_POLICY.types))
    def test_types(self, schema: str, name: str) -> None:
        policy = without(types=lacking(RETAIL_POLICY.types, schema, name))
        assert some_honest_statement_fails(policy)

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.relations))
    def test_relations(self, name: str) -> None:
        assert some_honest_statement_fails(without(relations=RETAIL_POLICY.relations - {name}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.collations))
    def test_collations(self, name: str) -> None:
        assert some_honest_statement_fails(without(collations=RETAIL_POLICY.collations - {name}))

    @pytest.mark.parametrize("node", sorted(RETAIL_POLICY.nodes))
    def test_nodes(self, node: str) -> None:
        nodes = {name: fields for name, fields in RETAIL_POLICY.nodes.items() if name != node}
        choices = {key: words for key, words in RETAIL_POLICY.choices.items() if key[0] != node}
        assert some_honest_statement_fails(without(nodes=nodes, choices=choices))

    @pytest.mark.parametrize(("node", "field"), entries(RETAIL_POLICY.nodes))
    def test_fields_of_nodes(self, node: str, field: str) -> None:
        policy = without(nodes=lacking(RETAIL_POLICY.nodes, node, field))
        assert some_honest_statement_fails(policy)

    @pytest.mark.parametrize(("key", "word"), entries(RETAIL_POLICY.choices))
    def test_choices(self, key: tuple[str, str], word: str) -> None:
        policy = without(choices=lacking(RETAIL_POLICY.choices, key, word))
        assert some_honest_statement_fails(policy)

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.attributes))
    def test_attributes(self, name: str) -> None:
        sql = f"SELECT (t).{name} FROM (SELECT 1 AS {name}) AS t"
        assert passes(sql)
        assert not passes(sql, without(attributes=RETAIL_POLICY.attributes - {name}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.aggregates))
    def test_aggregates(self, name: str) -> None:
        query = "SELECT total_amount AS v FROM orders"
        for _ in range(20):
            query = (
                f"SELECT ({name}(v) IS NULL)::int + ({name}(v) IS NULL)::int AS v FROM ({query}) t"
            )
        assert passes(query)
        assert not passes(query, without(aggregates=RETAIL_POLICY.aggregates - {name}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.number_types))
    def test_number_types(self, name: str) -> None:
        sql = f"SELECT quantity % line_no::{name} FROM order_items"
        assert passes(sql)
        assert not passes(sql, without(number_types=RETAIL_POLICY.number_types - {name}))


async def test_every_column_of_every_table_may_be_named(owner: asyncpg.Connection) -> None:
    columns = await owner.fetch(
        "SELECT c.relname, a.attname FROM pg_class AS c JOIN pg_attribute AS a "
        "ON a.attrelid = c.oid WHERE c.relnamespace = 'retail'::regnamespace AND a.attnum > 0 "
        "AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v')"
    )
    named = {column for table, column in columns if table in RETAIL_POLICY.relations}
    assert {table for table, _ in columns} >= RETAIL_POLICY.relations
    assert named <= RETAIL_POLICY.attributes


async def test_functions_that_name_their_columns_are_those_with_out_parameters(
    owner: asyncpg.Connection,
) -> None:
    functions = await owner.fetch(
        "SELECT p.proname AS name, n.nspname AS schema FROM pg_proc AS p "
        "JOIN pg_namespace AS n ON n.oid = p.pronamespace "
        "WHERE p.proargmodes && ARRAY['o', 'b', 't']::\"char\"[] "
        # What takes a text search vector is out of reach.
        "AND NOT 'tsvector'::regtype = ANY (p.proargtypes)"
    )
    naming = {name for name, schema in functions if name in RETAIL_POLICY.functions.get(schema, ())}
    assert naming == RETAIL_POLICY.column_naming


class TestWhatIsRefusedIsRefusedByOneRule:
    @pytest.mark.parametrize("node", sorted(rules.CHECKS))
    def test_checks(self, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(rules.CHECKS, node)
        assert some_hostile_statement_passes(SqlGuard(RETAIL_POLICY)) or (
            some_honest_statement_fails(RETAIL_POLICY)
        )

    def test_qualified_columns(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(guard, "check_qualified_columns", lambda *_: None)
        assert some_hostile_statement_passes(SqlGuard(RETAIL_POLICY))

    def test_growth(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(SqlGuard, "_check_growth", lambda *_: None)
        assert some_hostile_statement_passes(SqlGuard(RETAIL_POLICY))

    @pytest.mark.parametrize("node", GROWING)
    def test_what_growth_asks_of_a_node(self, node: str, monkeypatch: pytest.MonkeyPatch) -> None:
        made = growth.Growth.__init__

        def lacking_one(self: growth.Growth, visit: Any) -> None:
            made(self, visit)
            del self._handlers[node]

        monkeypatch.setattr(growth.Growth, "__init__", lacking_one)
        assert some_hostile_statement_passes(SqlGuard(RETAIL_POLICY))

    @pytest.mark.parametrize("check", ["require_series", "require_length", "_require_template"])
    def test_checks_of_arguments(self, check: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(arguments, check, lambda *_: None)
        assert some_hostile_statement_passes(SqlGuard(RETAIL_POLICY))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.system_columns))
    def test_system_columns(self, name: str) -> None:
        sql = f"SELECT {name} FROM orders"
        assert not passes(sql)
        assert passes(sql, without(system_columns=RETAIL_POLICY.system_columns - {name}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.arity))
    def test_arity(self, name: str) -> None:
        fewest, most = RETAIL_POLICY.arity[name]
        for count in {fewest, most}:
            assert passes(f"SELECT {name}({', '.join(ONES[:count])})")
        one_more = ", ".join(ONES[: most + 1])
        arity = {key: range_ for key, range_ in RETAIL_POLICY.arity.items() if key != name}
        assert not passes(f"SELECT {name}({one_more})")
        assert passes(f"SELECT {name}({one_more})", without(arity=arity))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.arguments))
    def test_arguments(self, name: str) -> None:
        sql = f'SELECT "{name}"(name, name) FROM stores'
        if name == "format":
            sql = "SELECT format(name) FROM stores"
        fewer = {key: bound for key, bound in RETAIL_POLICY.arguments.items() if key != name}
        assert not passes(sql)
        assert passes(sql, without(arguments=fewer))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.multiplied))
    def test_work_on_two_long_values(self, name: str) -> None:
        if name.isidentifier():
            count = RETAIL_POLICY.arity.get(name, (2, 2))[0]
            sql = f'SELECT "{name}"({", ".join(["d"] * count)}) FROM {LONG}'
        else:
            sql = f"SELECT d OPERATOR(pg_catalog.{name}) d FROM {LONG}"
        fewer = {key: two for key, two in RETAIL_POLICY.multiplied.items() if key != name}
        looser = dataclasses.replace(RETAIL_POLICY.limits, work=40_000_000_000_000_000)
        assert not passes(sql)
        assert not passes(sql, without(replacing=frozenset()))
        assert passes(sql, without(multiplied=fewer, replacing=frozenset()))
        assert not passes(sql, without(limits=looser))

    @pytest.mark.parametrize(
        ("operator", "field"), [("%", "numeric_operand"), ("<->", "vector_operand")]
    )
    def test_operands_of_one_type(self, operator: str, field: str) -> None:
        sql = f"SELECT description {operator} name FROM products"
        assert not passes(sql)
        assert passes(sql, without(**{field: frozenset()}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.unbounded))
    def test_unbounded(self, name: str) -> None:
        sql = f"SELECT d LIKE d FROM (SELECT {name}(name, name) AS d FROM stores) AS t"
        assert not passes(sql)
        assert passes(sql, without(unbounded=RETAIL_POLICY.unbounded - {name}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.slow))
    def test_slow(self, name: str) -> None:
        """Five at once on a long value are too many, but not if they were quick."""
        given = "d, 'a', 'b'" if name in ("replace", "regexp_replace", "translate") else "d"
        if name in ("split_part", "string_to_array", "string_to_table"):
            given = "d, 'a'" if name != "split_part" else "d, 'a', 1"
        called = ", ".join([f"{name}({given})"] * 5)
        sql = f"SELECT {called} FROM {LONG}"
        assert not passes(sql)
        assert passes(sql, without(slow=RETAIL_POLICY.slow - {name}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.numeric))
    def test_numeric(self, name: str) -> None:
        called = f"{name}(1, 1)" if name.isidentifier() else f"(1 OPERATOR(pg_catalog.{name}) 1)"
        if RETAIL_POLICY.arity.get(name) == (1, 1):
            called = f"{name}(1)"
        sql = f"SELECT {called}::text LIKE {called}::text"
        assert not passes(sql)
        assert passes(sql, without(numeric=RETAIL_POLICY.numeric - {name}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.replacing))
    def test_replacing(self, name: str) -> None:
        value = "name"
        for _ in range(3):
            value = f"{name}({value}, 'a', '{'b' * 80}')"
        sql = f"SELECT {value} LIKE {value} FROM stores"
        assert not passes(sql)
        assert passes(sql, without(replacing=RETAIL_POLICY.replacing - {name}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.stretching))
    def test_stretching(self, name: str) -> None:
        value = "name"
        for _ in range(12):
            value = f"format('%s', {value})" if name == "format" else f"{name}({value})"
        sql = f"SELECT {value} LIKE {value} FROM stores"
        fewer = {key: times for key, times in RETAIL_POLICY.stretching.items() if key != name}
        assert not passes(sql)
        assert passes(sql, without(stretching=fewer))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.cut_at))
    def test_cut_at(self, name: str) -> None:
        position = RETAIL_POLICY.cut_at[name]
        cut = f"{name}({', '.join(['d'] * position)}, 9)"
        fewer = {key: at for key, at in RETAIL_POLICY.cut_at.items() if key != name}
        if name == "repeat":
            many = "repeat(repeat(repeat('a', 900), 900), 900)"
            assert not passes(f"SELECT name LIKE {many} FROM stores")
            assert passes(f"SELECT name LIKE {many} FROM stores", without(cut_at=fewer))
            return
        sql = f"SELECT d LIKE {cut} FROM {LONG}"
        assert passes(sql)
        assert not passes(sql, without(cut_at=fewer))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.short_results))
    def test_short_results(self, name: str) -> None:
        called = (
            f"\"{name}\"(d, 'a')" if name.isidentifier() else f"d OPERATOR(pg_catalog.{name}) 'a'"
        )
        if name.startswith("jsonb_path_") or name == "@?":
            called = called.replace("d", "'{}'", 1).replace("'a'", "d")
        if "BETWEEN" in name:
            called = f"d {name} 'a' AND 'b'"
        sql = f"SELECT name LIKE ({called})::varchar FROM stores, {LONG}"
        assert passes(sql)
        assert not passes(sql, without(short_results=RETAIL_POLICY.short_results - {name}))

    @pytest.mark.parametrize("name", sorted(RETAIL_POLICY.short_types))
    def test_short_types(self, name: str) -> None:
        sql = f"SELECT name LIKE d::{name}::varchar FROM stores, {LONG}"
        assert passes(sql)
        assert not passes(sql, without(short_types=RETAIL_POLICY.short_types - {name}))

    def test_elements(self) -> None:
        sizes = ", ".join(["'hammers and saws'"] * 9)
        for operator in sorted(RETAIL_POLICY.of_elements):
            sql = f"SELECT array_agg(name) OPERATOR({operator}) ARRAY[{sizes}] FROM stores"
            assert passes(sql)
            fewer = RETAIL_POLICY.of_elements - {operator}
            assert not passes(sql, without(of_elements=fewer))

    @pytest.mark.parametrize("limit", [f.name for f in dataclasses.fields(RETAIL_POLICY.limits)])
    def test_limits(self, limit: str) -> None:
        loose = dataclasses.replace(
            RETAIL_POLICY.limits, **{limit: getattr(RETAIL_POLICY.limits, limit) * 100}
        )
        assert not passes(OVER_THE_LIMIT[limit])
        assert passes(OVER_THE_LIMIT[limit], without(limits=loose))


def _doubled(times: int) -> str:
    query = "SELECT name AS v FROM stores"
    for _ in range(times):
        query = f"SELECT v || v AS v FROM ({query}) AS t"
    return query


ONES = ["'1'"] * 200
OVER_THE_LIMIT = {
    "text_bytes": "SELECT '" + "a" * 70_000 + "'",
    "operator_run": "SELECT '" + "=" * 300 + "'",
    "operator_characters": "SELECT '" + "- " * 11_000 + "'",
    "tree_bytes": "SELECT " + ", ".join(["name"] * 8_000) + " FROM stores",
    "depth": "SELECT " + " + ".join(["quantity"] * 350) + " FROM order_items",
    "selects": "SELECT " + ", ".join(["(SELECT 1)"] * 600),
    "windows": "SELECT " + ", ".join(["count(*) OVER (ORDER BY name)"] * 120) + " FROM stores",
    "growth": _doubled(16),
    "work": f"SELECT d LIKE '{'%a' * 30}' FROM {LONG}",
    "literal": f"SELECT to_char(now(), '{'D' * 1200}')",
    "length": "SELECT repeat('x', 2000)",
    "series": "SELECT * FROM generate_series(1, 2000000)",
}


class TestThePolicyAgreesWithTheParser:
    def test_a_field_that_no_node_has_is_a_mistake(self) -> None:
        nodes = {**RETAIL_POLICY.nodes, "ColumnRef": frozenset({"fields", "misspelt"})}
        with pytest.raises(ValueError, match="misspelt"):
            SqlGuard(without(nodes=nodes))

    def test_all_choices_are_words_of_the_grammar(self) -> None:
        for (node, field), words in RETAIL_POLICY.choices.items():
            described = pb.DESCRIPTOR.message_types_by_name[node].fields
            enum = next(f for f in described if f.json_name == field).enum_type
            if enum is not None:
                assert words <= {value.name for value in enum.values}

    def test_all_explained_constructs_exist_and_are_refused(self) -> None:
        messages = pb.DESCRIPTOR.message_types_by_name
        for key in explanations.CONSTRUCTS:
            node, _, rest = key.partition(".")
            field, _, word = rest.partition("=")
            assert node in messages
            allowed = RETAIL_POLICY.nodes.get(node)
            if not field:
                assert allowed is None
            elif not word:
                assert allowed is not None
                assert field not in allowed
                assert field in {f.json_name for f in messages[node].fields}
            else:
                assert word not in RETAIL_POLICY.choices[node, field]

    def test_no_advice_is_given_on_what_is_allowed(self) -> None:
        listed: frozenset[str] = functools.reduce(frozenset.union, RETAIL_POLICY.functions.values())
        assert not listed & explanations.FUNCTION_ADVICE.keys()
        types: frozenset[str] = functools.reduce(frozenset.union, RETAIL_POLICY.types.values())
        assert not types & explanations.TYPE_ADVICE.keys()
