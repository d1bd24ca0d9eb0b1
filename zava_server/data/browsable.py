"""What may be browsed: tables, their columns, and how each is shown, sorted and filtered, as data.

All SQL identifiers of a page come from here; values only ever travel as parameters.

A table is read by a scan, which walks an index from where the page before ended, and its rows are
then joined with what people want to see beside them. Sorts are by index only (sql/0010_browse.sql).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class Kind(Enum):
    """What a column holds; the value is PostgreSQL's short name of the type."""

    TEXT = "text"
    INTEGER = "int4"
    MONEY = "numeric"
    """US dollars; compared and sorted as `Scanned.kind` says."""
    CENTS = "int8"
    """Of MONEY under row security, where PostgreSQL uses no index on numeric."""
    TIME = "timestamptz"
    ID = "uuid"
    YES_NO = "bool"


EQUAL = ("=", "in")
RANGE = ("=", ">=", "<=", ">", "<")
TEXT = ("=", "in", "contains", "starts_with")
WORDS = ("contains",)


@dataclass(frozen=True, slots=True)
class Scanned:
    """A value the scan reads; `sql` is over the scan's source. All but `nullable` are never NULL.

    Beyond the key only what a sort or filter asks for is read, with the `joins` it needs.
    """

    name: str
    sql: str
    kind: Kind
    nullable: bool = False
    joins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column people see.

    `shown` is SQL over the table's `joins`. `by` names the scanned value that filters compare,
    `sort` the scanned values that rows are sorted by (before the key). `narrows`: an index finds
    the rows of a filter on this column, except for values that are `common`. `beside` names sorts
    whose index can be entered by a single value of this column. `sku_of` names the column that
    holds the product whose SKU this is; a filter goes there.
    """

    name: str
    label: str
    kind: Kind
    shown: str
    by: str = ""
    filters: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    narrows: bool = False
    common: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    sku_of: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """Where one goes on from a row: browse `table`, filtered by values of the row."""

    label: str
    table: str
    filters: tuple[tuple[str, str], ...]
    """Pairs of the other table's column and this table's column."""


@dataclass(frozen=True, slots=True)
class Browsable:
    """One table. `by_store` tables are tenant data, with a `store_id` in their key.

    `joins` bring what is shown to the keys of a page, which are called `t`.
    """

    name: str
    label: str
    source: str
    by_store: bool
    scanned: tuple[Scanned, ...]
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    default_sort: str
    descending: bool = False
    joins: str = ""
    links: tuple[Link, ...] = ()
    values: dict[str, Scanned] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", {value.name: value for value in self.scanned})

    def column(self, name: str) -> Column | None:
        """The column of this name, if there is one."""
        return next((column for column in self.columns if column.name == name), None)
