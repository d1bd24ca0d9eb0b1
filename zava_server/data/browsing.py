"""Pages of a table by keyset: each starts where the one before ended, so all cost the same.

Three ways to a page, chosen so that none reads more than a bounded number of rows:
- the index of the sort alone, from the position on, when the filters are ranges of that index;
- few rows found by another filter's index, all of them sorted (`_FEW` at most, counted first);
- the index of the sort, at most `_EXAMINED` rows of it, and the other filters on those. Such a page
  may be short, or empty, and still have a next one.

Each store is read by its own walk through an index, and the walks are merged. Where a walk ends
before the end of its store, nothing beyond that place may be returned yet: its last row is marked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    import asyncpg
    from asyncpg.pool import PoolConnectionProxy

    from zava_server.data.browsable import Browsable, Column, Scanned
    from zava_server.data.identity import Identity
    from zava_server.data.transactions import ReadTransaction, ReadTransactions

_EXAMINED = 1_200
_FEW = 800
# Above this a total is "at least".
_COUNTED = 500
_SHORTEST_WALK = 10

_RANGES = ("=", ">=", "<=", ">", "<")

Position = tuple[Any, ...]
"""The sort values, key and store of a row, in this order."""

_PRODUCT_OF_SKU = "SELECT product_id FROM retail.products WHERE sku = $1"


@dataclass(frozen=True, slots=True)
class Condition:
    """`operator` is one of = >= <= > < in contains; `value` is of the scanned value's type.

    Of `contains` it is a pattern of LIKE.
    """

    column: Column
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Rows of `table` after `position`, of these `stores` (none for the shared catalogue)."""

    table: Browsable
    sort: Column
    descending: bool
    conditions: Sequence[Condition]
    stores: Sequence[UUID]
    position: Position | None
    limit: int


@dataclass(frozen=True, slots=True)
class RowsPage:
    """Rows in the order of the table's columns; `next_position` is None at the end.

    `total` is how many rows there are in all, or at least are if not `total_is_exact`; None when
    nobody counted.
    """

    rows: Sequence[Sequence[Any]]
    next_position: Position | None
    total: int | None
    total_is_exact: bool


class Browsing:
    """Reads pages under an identity."""

    def __init__(self, transactions: ReadTransactions) -> None:
        self._transactions = transactions

    async def page(self, identity: Identity, request: PageRequest) -> RowsPage:
        """The page that the request names."""
        async with self._transactions.read_as(identity) as transaction:
            return await read_page(transaction, request)

    async def product_of(self, identity: Identity, sku: str) -> UUID | None:
        """The product with this SKU."""
        async with self._transactions.read_as(identity) as transaction:
            found: UUID | None = await transaction.connection.fetchval(_PRODUCT_OF_SKU, sku)
            return found


async def read_page(transaction: ReadTransaction, request: PageRequest) -> RowsPage:
    """The page that the request names, within a transaction."""
    connection = transaction.connection
    inside = [c for c in request.conditions if _is_of_the_sort(c, request)]
    outside = [c for c in request.conditions if c not in inside]
    few = await _few(connection, request, outside)
    rows: list[Sequence[Any]] = []
    end = request.position
    for walk in _walks(request, outside, few):
        rest = replace(request, position=end, limit=request.limit - len(rows))
        statement, parameters = _page(rest, inside, outside, few, walk)
        found, end = _cut(await connection.fetch(statement, *parameters), rest)
        rows += found
        if end is None or len(rows) == request.limit:
            break
    total, exact = None, False
    if request.position is None:
        if end is None:
            total, exact = len(rows), True
        elif not outside:
            counted = await _count(connection, request, inside, _COUNTED + 1)
            total, exact = min(counted, _COUNTED), counted <= _COUNTED
    return RowsPage(rows, end, total, exact)


def _cut(
    records: Sequence[asyncpg.Record], request: PageRequest
) -> tuple[list[Sequence[Any]], Position | None]:
    """The rows of the page, and the place where it ends if that is not the end of the table."""
    shown = len(request.table.columns)
    rows: list[Sequence[Any]] = []
    end: Position = ()
    for record in records:
        if len(rows) == request.limit:
            return rows, end
        *values, matches, is_mark = record
        if matches:
            rows.append(values[:shown])
        end = tuple(values[shown:])
        if is_mark:
            return rows, end
    return rows, None


def _is_of_the_sort(condition: Condition, request: PageRequest) -> bool:
    """Whether the condition is a part of the sort's index."""
    if condition.operator == "=" and request.sort.name in condition.column.beside:
        return True
    return condition.column == request.sort and condition.operator in _RANGES


async def _few(
    connection: PoolConnectionProxy, request: PageRequest, outside: Sequence[Condition]
) -> Sequence[Condition]:
    """Conditions on one column whose index finds no more than `_FEW` rows; empty without such."""
    for column in dict.fromkeys(c.column for c in outside if _narrows(c)):
        candidates = [c for c in outside if c.column == column and _narrows(c)]
        if await _count(connection, request, candidates, _FEW + 1) <= _FEW:
            return candidates
    return ()


def _narrows(condition: Condition) -> bool:
    values = condition.value if condition.operator == "in" else [condition.value]
    return (
        condition.column.narrows
        and condition.operator != "contains"
        and not any(value in condition.column.common for value in values)
    )


class _Parameters(list[Any]):
    """Values of a statement; calling it adds one and gives its place."""

    def __call__(self, value: Any) -> str:
        self.append(value)
        return f"${len(self)}"


def _page(
    request: PageRequest,
    inside: Sequence[Condition],
    outside: Sequence[Condition],
    few: Sequence[Condition],
    walk_length: int,
) -> tuple[str, Sequence[Any]]:
    table = request.table
    parameter = _Parameters()
    order = [table.values[name] for name in (*request.sort.sort, *table.key)]
    direction = "DESC" if request.descending else "ASC"
    by_name = ", ".join(f"t.{value.name} {direction}" for value in order)
    across_stores = f"{by_name}, t.store_id {direction}" if table.by_store else by_name
    position = ", ".join(f"t.{value.name}" for value in order)
    if table.by_store:
        position += ", t.store_id"
    source = table.source
    if few:
        # OFFSET 0 holds the planner to the index by which these were counted.
        found = _all(*_of_store(table), *_conditions(few, table, parameter))
        source = f"(SELECT * FROM {source} WHERE {found} OFFSET 0) AS t"  # noqa: S608 - as below
    store = ["store_id"] if table.by_store else []
    asked = {*request.sort.sort, *table.key, *store, *(c.column.by for c in request.conditions)}
    scanned = [value for value in table.scanned if value.name in asked]
    joins = " ".join(dict.fromkeys(join for value in scanned for join in value.joins))
    walk = parameter(walk_length)
    wanted = [*_of_store(table), *_conditions(inside, table, parameter)]
    segments = " UNION ALL ".join(
        f"""(
            SELECT {", ".join(f"{value.sql} AS {value.name}" for value in scanned)}
            FROM {source} {joins}
            WHERE {_all(*wanted, *after)}
            ORDER BY {", ".join(f"{value.sql} {direction}" for value in order)}
            LIMIT {walk}
        )"""  # noqa: S608 - as below
        for after in _after(request, order, parameter)
    )
    matches = _all(*_conditions(outside, table, parameter, scanned=True))
    statement = f"""
    WITH page AS MATERIALIZED (
        SELECT t.* FROM {_stores(request, parameter)} CROSS JOIN LATERAL (
            SELECT t.*, coalesce({matches}, false) AS matches,
                row_number() OVER (ORDER BY {by_name}) = {walk} AS is_mark
            FROM ({segments}) AS t
            ORDER BY {by_name}
            LIMIT {walk}
        ) AS t
        WHERE t.matches OR t.is_mark
        ORDER BY {across_stores}
        LIMIT {parameter(request.limit + 1)}
    )
    SELECT {", ".join(column.shown for column in table.columns)}, {position}, matches, is_mark
    FROM page AS t {table.joins}
    ORDER BY {across_stores}"""  # noqa: S608 - names from `browsable`, values as parameters
    return statement, parameter


async def _count(
    connection: PoolConnectionProxy,
    request: PageRequest,
    conditions: Sequence[Condition],
    most: int,
) -> int:
    """How many rows meet the conditions, counted up to `most`."""
    table, parameter = request.table, _Parameters()
    enough = parameter(most)
    values = [table.values[condition.column.by] for condition in conditions]
    joins = " ".join(dict.fromkeys(join for value in values for join in value.joins))
    where = _all(*_of_store(table), *_conditions(conditions, table, parameter))
    # The order keeps the planner from reading the whole table in hope of finding enough soon.
    order = ", ".join(value.sql for value in values) or table.values[table.key[0]].sql
    statement = f"""
    SELECT count(*) FROM (
        SELECT FROM {_stores(request, parameter)} CROSS JOIN LATERAL (
            SELECT FROM {table.source} {joins} WHERE {where} ORDER BY {order} LIMIT {enough}
        ) AS t
        LIMIT {enough}
    ) AS t"""  # noqa: S608 - as above
    counted: int = await connection.fetchval(statement, *parameter)
    return counted


def _walks(
    request: PageRequest, outside: Sequence[Condition], few: Sequence[Condition]
) -> Iterator[int]:
    """How many rows of each store are read at most, again and longer until the page is full.

    Stores that do as well as each other have about the same share in a page. One that does far
    better needs another round, and the last reads a whole page of it.
    """
    stores = max(len(request.stores), 1)
    if few:
        yield _FEW + 1
    elif outside:
        yield max(_EXAMINED // stores, _SHORTEST_WALK)
    else:
        walk, whole = _SHORTEST_WALK + 2 * request.limit // stores, request.limit + 1
        while walk < whole:
            yield walk
            walk *= 4
        yield whole


def _stores(request: PageRequest, parameter: _Parameters) -> str:
    if not request.table.by_store:
        return "(SELECT) AS store_of"
    return f"unnest({parameter(list(request.stores))}::uuid[]) AS store_of (id)"


def _of_store(table: Browsable) -> Sequence[str]:
    return ["t.store_id = store_of.id"] if table.by_store else []


def _after(
    request: PageRequest, order: Sequence[Scanned], parameter: _Parameters
) -> Sequence[Sequence[str]]:
    """Conditions on what follows the position; two sets of them where NULLs are a range apart.

    A comparison of rows never holds for a NULL, which an index keeps after all values.
    """
    if request.position is None:
        return [[]]
    names = [value.sql for value in order] + (["t.store_id"] if request.table.by_store else [])
    places = [parameter(value) for value in request.position]
    first, operator = names[0], "<" if request.descending else ">"
    if request.position[0] is not None:
        # Said once more of the first alone, for an index of one of two joined tables.
        start = f"{first} {operator}= {places[0]}"
        following = [[start, f"({', '.join(names)}) {operator} ({', '.join(places)})"]]
        if order[0].nullable and not request.descending:
            following.append([f"{first} IS NULL"])
        return following
    # The place of a NULL must have a type as well.
    rest = f"({', '.join(names[1:])}) {operator} ({', '.join(places[1:])})"
    following = [[f"{first} IS NULL", f"{places[0]}::text IS NULL", rest]]
    if request.descending:
        following.append([f"{first} IS NOT NULL"])
    return following


def _conditions(
    conditions: Sequence[Condition],
    table: Browsable,
    parameter: _Parameters,
    *,
    scanned: bool = False,
) -> Sequence[str]:
    """SQL over the source, or over what was `scanned` of it."""
    written = []
    for condition in conditions:
        name = condition.column.by
        value = f"t.{name}" if scanned else table.values[name].sql
        place = parameter(condition.value)
        match condition.operator:
            case "in":
                written.append(f"{value} = ANY ({place})")
            case "contains":
                written.append(f'{value} COLLATE "default" ILIKE {place}')
            case operator:
                written.append(f"{value} {operator} {place}")
    return written


def _all(*conditions: str) -> str:
    return " AND ".join(conditions) or "true"
