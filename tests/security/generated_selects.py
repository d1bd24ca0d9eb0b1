"""A grammar of SELECTs over the schema, for hypothesis. Each has one right multiset of rows.

So: no clock, no floating sums, and nothing that depends on an order that is not said.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count

from hypothesis import strategies as st

SCHEMA = "{schema}"
"""Stands where the schema's name goes."""

_UUIDS = ("store_id", "order_id", "customer_id", "product_id", "category_id", "type_id", "user_id")
_TABLES = {
    "orders": ("store_id", "order_id", "customer_id", "order_date", "status", "total_amount"),
    "order_items": (
        *("store_id", "order_id", "line_no", "product_id", "quantity", "unit_price"),
        *("discount_percent", "total_amount"),
    ),
    "customers": ("store_id", "customer_id", "first_name", "last_name", "email"),
    "inventory": ("store_id", "product_id", "stock_level", "reorder_point"),
    "daily_sales": ("store_id", "day", "category_id", "revenue", "units_sold", "units_returned"),
    "store_managers": ("store_id", "user_id"),
    "stores": ("store_id", "name", "is_online"),
    "products": ("product_id", "sku", "name", "category_id", "type_id", "base_price"),
    "product_costs": ("product_id", "cost"),
    "categories": ("category_id", "name"),
}
_NUMBERS = frozenset({
    "total_amount", "line_no", "quantity", "unit_price", "discount_percent", "stock_level",
    "reorder_point", "revenue", "units_sold", "units_returned", "base_price", "cost",
})  # fmt: skip
_TEXTS = frozenset({"status", "first_name", "last_name", "email", "name", "sku"})
_TIMES = frozenset({"order_date", "day"})

# What to join to what: one side's key, so that rows do not multiply. The last cross the stores.
_JOINS = [
    ("orders", "order_items", "{a}.order_id = {b}.order_id"),
    ("orders", "order_items", "{a}.store_id = {b}.store_id AND {a}.order_id = {b}.order_id"),
    ("orders", "customers", "{a}.customer_id = {b}.customer_id"),
    ("order_items", "orders", "{a}.order_id = {b}.order_id AND {b}.status <> 'pending'"),
    ("order_items", "products", "{a}.product_id = {b}.product_id"),
    ("order_items", "product_costs", "{a}.product_id = {b}.product_id"),
    ("customers", "orders", "{a}.customer_id = {b}.customer_id"),
    ("inventory", "products", "{a}.product_id = {b}.product_id"),
    ("daily_sales", "categories", "{a}.category_id = {b}.category_id"),
    ("stores", "daily_sales", "{a}.store_id = {b}.store_id"),
    ("stores", "orders", "{a}.store_id = {b}.store_id"),
    ("stores", "store_managers", "{a}.store_id = {b}.store_id"),
    ("products", "inventory", "{a}.product_id = {b}.product_id AND {b}.stock_level < 9"),
    ("orders", "stores", "{a}.store_id <> {b}.store_id"),
    ("store_managers", "stores", "{a}.store_id <> {b}.store_id"),
]
_FROM_CHAR = ["a", "e", "mar", "%", "_", "com", "x@", "Canary"]


@dataclass
class _Scope:
    """The aliases in a FROM clause and the columns each has."""

    columns: dict[str, tuple[str, ...]]

    def named(self, names: frozenset[str] | tuple[str, ...]) -> list[str]:
        return [f"{a}.{c}" for a, columns in self.columns.items() for c in columns if c in names]

    def all(self) -> list[str]:
        return [f"{a}.{c}" for a, columns in self.columns.items() for c in columns]


@st.composite
def selects(draw: st.DrawFn, depth: int = 2) -> str:
    """One statement, with `{schema}` for the schema's name."""
    numbers = count()
    kind = draw(st.sampled_from(["plain", "plain", "union", "cte"])) if depth else "plain"
    if kind == "union":
        operator = draw(st.sampled_from(["UNION", "UNION ALL", "INTERSECT", "EXCEPT"]))
        return f"({_one_column(draw, numbers)}) {operator} ({_one_column(draw, numbers)})"
    if kind == "cte":
        table = draw(st.sampled_from(sorted(_TABLES)))
        scope = _Scope({"t": _TABLES[table]})
        materialized = draw(st.sampled_from(["", "MATERIALIZED "]))
        inner = f"SELECT t.* FROM {SCHEMA}.{table} AS t WHERE {_condition(draw, scope, 0, numbers)}"
        outer = _Scope({"c": _TABLES[table]})
        return f"WITH c AS {materialized}({inner}) {_body(draw, 'c', outer, numbers)}"
    source, scope = _source(draw, depth, numbers)
    return _body(draw, source, scope, numbers)


def _one_column(draw: st.DrawFn, numbers: count[int]) -> str:
    source, scope = _source(draw, 1, numbers)
    column = draw(st.sampled_from(scope.named(_UUIDS)))
    return f"SELECT {column}::text FROM {source} WHERE {_condition(draw, scope, 1, numbers)}"


def _source(draw: st.DrawFn, depth: int, numbers: count[int]) -> tuple[str, _Scope]:
    """A FROM clause without the word."""
    if not draw(st.booleans()):
        table, a = draw(st.sampled_from(sorted(_TABLES))), f"t{next(numbers)}"
        return f"{SCHEMA}.{table} AS {a}", _Scope({a: _TABLES[table]})
    left, right, on = draw(st.sampled_from(_JOINS))
    a, b = f"t{next(numbers)}", f"t{next(numbers)}"
    scope = _Scope({a: _TABLES[left], b: _TABLES[right]})
    on = on.format(a=a, b=b)
    how = draw(st.sampled_from(["JOIN", "LEFT JOIN", "RIGHT JOIN", "LATERAL", "SUBQUERY"]))
    if how == "LATERAL":
        inner = f"SELECT {b}.* FROM {SCHEMA}.{right} AS {b} WHERE {on}"
        return f"{SCHEMA}.{left} AS {a}, LATERAL ({inner}) AS {b}", scope
    if how == "SUBQUERY":
        inner_scope = _Scope({"s": _TABLES[right]})
        condition = _condition(draw, inner_scope, depth - 1, numbers)
        inner = f"SELECT s.* FROM {SCHEMA}.{right} AS s WHERE {condition}"
        return f"{SCHEMA}.{left} AS {a} JOIN ({inner}) AS {b} ON {on}", scope
    return f"{SCHEMA}.{left} AS {a} {how} {SCHEMA}.{right} AS {b} ON {on}", scope


def _body(draw: st.DrawFn, source: str, scope: _Scope, numbers: count[int]) -> str:
    where = _condition(draw, scope, 1, numbers)
    shape = draw(st.sampled_from(["rows", "total", "groups", "sets", "window", "distinct on"]))
    columns = draw(st.lists(st.sampled_from(scope.all()), min_size=1, max_size=4, unique=True))
    listed = ", ".join(columns)
    tail = f"FROM {source} WHERE {where}"
    if shape == "rows":
        distinct = draw(st.sampled_from(["", "DISTINCT "]))
        limit = draw(st.sampled_from(["", " LIMIT 5", " LIMIT 7 OFFSET 3"]))
        return f"SELECT {distinct}{listed} {tail} ORDER BY {_positions(columns)}{limit}"
    if shape == "total":
        return f"SELECT {_aggregates(draw, scope)} {tail}"
    if shape == "groups":
        having = draw(st.sampled_from(["", " HAVING count(*) > 1"]))
        return f"SELECT {listed}, {_aggregates(draw, scope)} {tail} GROUP BY {listed}{having}"
    if shape == "sets":
        sets = draw(st.sampled_from(["ROLLUP", "CUBE"]))
        columns = columns[:2]
        listed = ", ".join(columns)
        return f"SELECT {listed}, {_aggregates(draw, scope)} {tail} GROUP BY {sets} ({listed})"
    if shape == "window":
        ordered = ", ".join(scope.all())
        function = draw(st.sampled_from(["row_number()", "rank()", "count(*)", "dense_rank()"]))
        window = f"PARTITION BY {columns[0]} ORDER BY {ordered}"
        return f"SELECT {listed}, {function} OVER ({window}) {tail}"
    rest = ", ".join(scope.all())
    return f"SELECT DISTINCT ON ({columns[0]}) {rest} {tail} ORDER BY {columns[0]}, {rest}"


def _positions(columns: list[str]) -> str:
    return ", ".join(str(n) for n in range(1, len(columns) + 1))


def _aggregates(draw: st.DrawFn, scope: _Scope) -> str:
    choices = ["count(*)", *(f"count(DISTINCT {c})" for c in scope.named(_UUIDS))]
    for column in scope.named(_NUMBERS):
        choices += [f"sum({column})", f"max({column})", f"avg({column})", f"min({column})"]
        choices.append(f"count(*) FILTER (WHERE {column} > 20)")
        choices.append(f"percentile_disc(0.5) WITHIN GROUP (ORDER BY {column})")
    for column in scope.named(_TEXTS):
        choices.append(f"string_agg(DISTINCT {column}, ',' ORDER BY {column})")
        choices.append(f"max({column})")
    return ", ".join(draw(st.lists(st.sampled_from(choices), min_size=1, max_size=3)))


def _condition(draw: st.DrawFn, scope: _Scope, depth: int, numbers: count[int]) -> str:
    numeric, text, times = scope.named(_NUMBERS), scope.named(_TEXTS), scope.named(_TIMES)
    choices = ["true", "true"]
    choices += ["number"] * bool(numeric) + ["text"] * bool(text) + ["time"] * bool(times)
    if depth > 0:
        choices += ["and", "or", "not", "exists", "in", "scalar"]
    match draw(st.sampled_from(choices)):
        case "number":
            operator = draw(st.sampled_from(["<", ">=", "=", "<>"]))
            return f"{draw(st.sampled_from(numeric))} {operator} {draw(st.integers(-5, 200))}"
        case "text":
            pattern = draw(st.sampled_from(_FROM_CHAR))
            return f"{draw(st.sampled_from(text))} ILIKE '%{pattern}%'"
        case "time":
            year = draw(st.integers(2021, 2026))
            return f"{draw(st.sampled_from(times))} >= date '{year}-06-01'"
        case "and" | "or" as word:
            left = _condition(draw, scope, depth - 1, numbers)
            right = _condition(draw, scope, depth - 1, numbers)
            return f"({left}) {word.upper()} ({right})"
        case "not":
            return f"({_condition(draw, scope, depth - 1, numbers)}) IS NOT TRUE"
        case "exists" | "in" | "scalar" as word:
            return _subquery_condition(draw, scope, word, depth, numbers)
    return "true"


def _subquery_condition(
    draw: st.DrawFn, scope: _Scope, word: str, depth: int, numbers: count[int]
) -> str:
    key = draw(st.sampled_from(scope.named(_UUIDS)))
    name = key.partition(".")[2]
    tables = [table for table, columns in _TABLES.items() if name in columns]
    table, alias = draw(st.sampled_from(tables)), f"t{next(numbers)}"
    inner = _condition(draw, _Scope({alias: _TABLES[table]}), depth - 1, numbers)
    source = f"{SCHEMA}.{table} AS {alias}"
    if word == "exists":
        negated = draw(st.sampled_from(["", "NOT "]))
        return (
            f"{negated}EXISTS (SELECT 1 FROM {source} WHERE {alias}.{name} = {key} AND ({inner}))"
        )
    if word == "in":
        return f"{key} IN (SELECT {alias}.{name} FROM {source} WHERE {inner})"
    return f"(SELECT count(*) FROM {source} WHERE {inner}) > {draw(st.integers(0, 5000))}"
