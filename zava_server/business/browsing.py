"""Tables page by page, for people who write no SQL."""

from __future__ import annotations

import difflib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn
from uuid import UUID

from zava_server.business.filter_values import comparisons
from zava_server.business.page_cursors import read_cursor, write_cursor
from zava_server.data.browsable import Kind
from zava_server.data.browsable_tables import BROWSABLE
from zava_server.data.browsing import Condition, PageRequest, RowsPage
from zava_server.infrastructure.errors import AuthorizationError, ValidationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

    from zava_server.data.browsable import Browsable, Column
    from zava_server.data.browsing import Browsing, Position
    from zava_server.data.identity import Identity

MOST_ROWS = 500
_MOST_FILTERS = 10
_MOST_VALUES = 100
_NONE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Filter:
    """One wish of the caller's: a column, an operator and a value (a list for `in`)."""

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of `table` in the order of its columns; `cursor` is None at the end.

    `zone` is the one in which times without a zone were understood.
    """

    table: Browsable
    sort: str
    content: RowsPage
    cursor: str | None
    zone: ZoneInfo
    elapsed_ms: float


class BrowsingService:
    """Checks what is asked for and reads the page."""

    def __init__(self, browsing: Browsing, zone: ZoneInfo) -> None:
        self._browsing = browsing
        self._zone = zone

    async def browse(
        self,
        identity: Identity,
        table_name: str,
        filters: Sequence[Filter],
        sort: str | None,
        cursor: str | None,
        limit: int,
    ) -> Page:
        """A page of a table's rows that `identity` may see.

        `sort` is a column, maybe followed by `asc` or `desc`. Raises ValidationError for arguments
        that make no sense and AuthorizationError for a table or store that is not the caller's.
        """
        started = time.perf_counter()
        table = _table(table_name)
        if table.by_store and not identity.store_ids:
            raise AuthorizationError(
                f"You have no store whose {table.label.lower()} you may see.",
                "Browse products or stores, or ask head office for access.",
            )
        if not 1 <= limit <= MOST_ROWS:
            raise ValidationError(f"limit must be from 1 to {MOST_ROWS}.")
        if len(filters) > _MOST_FILTERS:
            raise ValidationError(f"At most {_MOST_FILTERS} filters at once.")
        sorted_by, descending = _sort(table, sort)
        stores = _stores(identity, filters) if table.by_store else ()
        conditions = [c for f in filters for c in await self._conditions(identity, table, f)]
        question = [table.name, sorted_by.name, descending, _as_plain(filters)]
        request = PageRequest(
            table=table,
            sort=sorted_by,
            descending=descending,
            conditions=conditions,
            stores=stores,
            position=None if cursor is None else _position(table, sorted_by, cursor, question),
            limit=limit,
        )
        content = await self._browsing.page(identity, request)
        after = content.next_position
        return Page(
            table=table,
            sort=f"{sorted_by.name} {'desc' if descending else 'asc'}",
            content=content,
            cursor=None if after is None else write_cursor(question, after),
            zone=self._zone,
            elapsed_ms=(time.perf_counter() - started) * 1000,
        )

    async def _conditions(
        self, identity: Identity, table: Browsable, wish: Filter
    ) -> Sequence[Condition]:
        column = table.column(wish.column)
        if column is None or not column.filters:
            _refuse(wish.column, [c.name for c in table.columns if c.filters], "filter by")
        if wish.operator not in column.filters:
            raise ValidationError(
                f"{column.name} has no filter of this kind.",
                f"It has: {' '.join(column.filters)}",
            )
        if wish.operator == "in":
            if not isinstance(wish.value, list):
                raise ValidationError("The value of an `in` filter is a list.")
            if not 1 <= len(wish.value) <= _MOST_VALUES:
                raise ValidationError(f"A list in a filter has 1 to {_MOST_VALUES} values.")
        if column.name == "store":
            return []
        if column.sku_of:
            return [await self._product(identity, table, column.sku_of, wish.value)]
        kind = table.values[column.by].kind
        return [
            Condition(column, operator, value)
            for operator, value in comparisons(kind, wish.operator, wish.value, self._zone)
        ]

    async def _product(
        self, identity: Identity, table: Browsable, name: str, sku: Any
    ) -> Condition:
        """The condition that the column `name` holds the product with this SKU."""
        ((operator, text),) = comparisons(Kind.TEXT, "=", sku, self._zone)
        column = table.column(name)
        assert column is not None, "it stands for a column of the table"  # noqa: S101 - of constants
        return Condition(column, operator, await self._browsing.product_of(identity, text) or _NONE)


def _table(name: str) -> Browsable:
    table = BROWSABLE.get(name.strip().lower().removeprefix("retail."))
    if table is None:
        _refuse(name, list(BROWSABLE), "browse")
    return table


def _sort(table: Browsable, sort: str | None) -> tuple[Column, bool]:
    """The column to sort by and whether from the end."""
    if sort is None:
        default = table.column(table.default_sort)
        assert default is not None, "a table sorts by a column of its own"  # noqa: S101 - of constants
        return default, table.descending
    name, _, direction = sort.strip().lower().partition(" ")
    column = table.column(name)
    if column is None or not column.sort:
        _refuse(name, [c.name for c in table.columns if c.sort], "sort by")
    if direction.strip() not in ("", "asc", "desc"):
        raise ValidationError(
            "A sort is a column, maybe followed by asc or desc.", f"For example: {column.name} desc"
        )
    return column, direction.strip() == "desc"


def _stores(identity: Identity, filters: Sequence[Filter]) -> Sequence[UUID]:
    """The caller's stores that the filters leave; names are taken in any case, ids as well."""
    chosen = list(identity.store_ids)
    for wish in filters:
        if wish.column != "store":
            continue
        wanted = wish.value if isinstance(wish.value, list) else [wish.value]
        known = {
            text.casefold(): store_id
            for store_id, name in zip(identity.store_ids, identity.store_names, strict=True)
            for text in (name, str(store_id))
        }
        found = [known.get(str(value).strip().casefold()) for value in wanted]
        if None in found:
            raise AuthorizationError(
                "One of the stores is not yours, or does not exist.",
                "list_stores shows which are yours.",
            )
        chosen = [store_id for store_id in chosen if store_id in found]
    return chosen


def _position(
    table: Browsable, sorted_by: Column, cursor: str, question: Sequence[Any]
) -> Position:
    names = [*sorted_by.sort, *table.key]
    kinds = [table.values[name].kind for name in names]
    return read_cursor(cursor, question, [*kinds, Kind.ID] if table.by_store else kinds)


def _as_plain(filters: Sequence[Filter]) -> list[list[Any]]:
    return [[wish.column, wish.operator, wish.value] for wish in filters]


def _refuse(name: str, known: Sequence[str], purpose: str) -> NoReturn:
    near = difflib.get_close_matches(name, known, n=1)
    there_is = f"You can {purpose}: {', '.join(known)}."
    raise ValidationError(
        f"There is nothing of that name to {purpose}.",
        f"Did you mean {near[0]}? {there_is}" if near else there_is,
    )
