"""Random statements against an oracle that shares no code with the guard: postgast's own tree."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import postgast
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.security.corpus_files import read_corpus
from zava_server.data.guard import RETAIL_POLICY, SqlGuard
from zava_server.infrastructure.errors import QueryRejected

if TYPE_CHECKING:
    from collections.abc import Iterator

GUARD = SqlGuard(RETAIL_POLICY)
LISTED = frozenset[str]().union(*RETAIL_POLICY.functions.values())
DANGEROUS = [
    "pg_sleep", "pg_read_file", "set_config", "current_setting", "lo_get", "nextval", "dblink",
    "query_to_xml", "pg_advisory_lock", "to_regclass", "version", "pg_class", "pg_authid", "users",
    "pg_stat_activity", "ctid", "xmin",
]  # fmt: skip
SCHEMAS = ["", "retail", "public", "pg_catalog", "identity", "information_schema", "pg_temp"]

names = st.one_of(
    st.sampled_from(DANGEROUS),
    st.sampled_from(sorted(RETAIL_POLICY.relations)),
    st.sampled_from(sorted(LISTED)),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1),
)


def quoted(name: str, style: int) -> str:
    """The same identifier, written one of three ways."""
    if style == 0 and name.isascii() and name.isidentifier() and name == name.lower():
        return name.upper()
    if style == 1:
        return 'U&"' + "".join(f"\\+{ord(c):06x}" for c in name) + '"'
    return '"' + name.replace('"', '""') + '"'


@st.composite
def identifiers(draw: st.DrawFn) -> str:
    name = quoted(draw(names), draw(st.integers(0, 2)))
    schema = draw(st.sampled_from(SCHEMAS))
    return f"{quoted(schema, draw(st.integers(0, 2)))}.{name}" if schema else name


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0:
        return draw(st.sampled_from(["1", "'a'", "total_amount", "o.status", "NULL", "now()"]))
    inner = expressions(depth - 1)
    shape = draw(st.integers(0, 13))
    match shape:
        case 0:
            return f"{draw(identifiers())}({draw(inner)})"
        case 1:
            return f"({draw(inner)} + {draw(inner)})"
        case 2:
            return f"CASE WHEN {draw(inner)} IS NULL THEN {draw(inner)} END"
        case 3:
            return f"(SELECT {draw(inner)} FROM {draw(identifiers())})"
        case 4:
            return f"count(*) FILTER (WHERE {draw(inner)} IS NULL)"
        case 5:
            return f"sum(1) OVER (PARTITION BY {draw(inner)} ORDER BY {draw(inner)})"
        case 6:
            return f"ARRAY[{draw(inner)}, {draw(inner)}]"
        case 7:
            return f"({draw(inner)})::{draw(identifiers())}"
        case 8:
            return f"({draw(inner)}).{quoted(draw(names), 2)}"
        case 9:
            return f"coalesce({draw(inner)}, {draw(inner)})"
        case 10:
            return f"EXISTS (SELECT FROM {draw(identifiers())}({draw(inner)}) AS f)"
        case 11:
            return f"json_object('a': {draw(inner)})"
        case 12:
            return f"({draw(inner)} IN ({draw(inner)}, {draw(inner)}))"
        case _:
            return f"make_interval(days => {draw(inner)})"


@st.composite
def statements(draw: st.DrawFn) -> str:
    select = f"SELECT {draw(expressions())} FROM {draw(identifiers())} AS o"
    cte = draw(names)
    match draw(st.integers(0, 4)):
        case 0:
            return f"WITH {quoted(cte, 2)} AS ({select}) SELECT * FROM {quoted(draw(names), 2)}"
        case 1:
            return f"{select} WHERE {draw(expressions())} IS NULL"
        case 2:
            return f"{select} ORDER BY {draw(expressions())} LIMIT {draw(expressions())}"
        case 3:
            return f"{select} UNION VALUES ({draw(expressions())})"
        case _:
            return f"{select}, LATERAL ({select}) AS q GROUP BY {draw(expressions())}"


def nodes(message: Any) -> Iterator[Any]:
    """Every message of a protobuf tree, whatever field it stands in."""
    pending = [message]
    while pending:
        node = pending.pop()
        yield node
        for field, value in node.ListFields():
            if field.message_type is not None:
                pending.extend(value if field.is_repeated else [value])


def dotted(parts: Any) -> tuple[str, ...]:
    return tuple(part.string.sval for part in parts)


def assert_reaches_nothing_else(sql: str) -> None:
    ctes: set[str] = set()
    relations: list[Any] = []
    for node in nodes(postgast.parse(sql)):
        match node.DESCRIPTOR.name:
            case "FuncCall":
                *schema, name = dotted(node.funcname)
                listed = RETAIL_POLICY.functions.get(schema[0], ()) if schema else LISTED
                assert name in listed
            case "TypeName":
                assert not dotted(node.names)[-1].startswith("reg")
            case "CommonTableExpr":
                ctes.add(node.ctename)
            case "RangeVar":
                relations.append(node)
            case "ColumnRef":
                assert dotted(node.fields)[-1] not in RETAIL_POLICY.system_columns
            case "InsertStmt" | "UpdateStmt" | "DeleteStmt" | "IntoClause" | "LockingClause":
                raise AssertionError(node.DESCRIPTOR.name)
    for relation in relations:
        assert relation.schemaname in ("", "retail")
        assert relation.relname in RETAIL_POLICY.relations or (
            relation.relname in ctes and not relation.schemaname
        )


@settings(max_examples=1500, deadline=None)
@given(statements())
def test_no_statement_reaches_an_unlisted_name(sql: str) -> None:
    try:
        checked = GUARD.check(sql)
    except QueryRejected:
        return
    assert_reaches_nothing_else(checked.sql)


def test_the_oracle_agrees_with_the_guard_on_the_corpus() -> None:
    for statement in read_corpus("honest"):
        if statement.kind != "long but honest":
            assert_reaches_nothing_else(statement.sql)


@settings(max_examples=1000, deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_any_text_is_answered_or_rejected(text: str) -> None:
    with contextlib.suppress(QueryRejected):
        assert GUARD.check(text).sql


TOKENS = """
    SELECT FROM WHERE ( ) [ ] , ; . * + - / < > = ' " $$ $1 -- /* */ :: := => AS WITH RECURSIVE
    UNION ALL VALUES TABLE JOIN ON CASE WHEN THEN END NOT NULL IS IN LIKE BETWEEN AND OR EXISTS
    ARRAY ROW CAST orders o a 1 'a' E'\\'' U&"a" $a$ OVER FILTER WITHIN GROUP BY ORDER LIMIT INTO
    FOR UPDATE sum pg_sleep pg_class LATERAL GROUPING SETS INTERVAL COLLATE
"""


@settings(max_examples=2000, deadline=None)
@given(st.lists(st.sampled_from(TOKENS.split()), max_size=40))
def test_any_row_of_tokens_is_answered_or_rejected(tokens: list[str]) -> None:
    try:
        checked = GUARD.check(" ".join(tokens))
    except QueryRejected:
        return
    assert_reaches_nothing_else(checked.sql)
