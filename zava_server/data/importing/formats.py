"""The files that can be imported: their columns and what may be left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from zava_server.data.importing import values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zava_server.data.importing.values import Parse

LONGEST_NAME = 255
"""Characters in a code or name; the database's indexes end not far above."""


@dataclass(frozen=True, slots=True)
class Code:
    """A key or a name that many rows share."""


@dataclass(frozen=True, slots=True)
class Number:
    """A value kept as a whole number."""

    parse: Parse


@dataclass(frozen=True, slots=True)
class Text:
    """Free text."""

    longest: int | None = LONGEST_NAME


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file. Where it is optional it may lack, and its cells may be empty."""

    name: str
    holds: Code | Number | Text
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """A file's columns by name; `key` are those that tell its rows apart, if any."""

    table: str
    key: tuple[str, ...]
    columns: Mapping[str, Column]


def _format(table: str, *columns: Column, key: tuple[str, ...] = ()) -> Format:
    return Format(table, key, {column.name: column for column in columns})


_STORE = Column("store_code", Code())
_SKU = Column("sku", Code())

FORMATS: Mapping[str, Format] = {
    format_.table: format_
    for format_ in (
        _format(
            "stores",
            _STORE,
            Column("name", Text()),
            Column("location", Text()),
            Column("is_online", Number(values.parse_truth)),
            Column("time_zone", Code(), optional=True),
            key=("store_code",),
        ),
        _format(
            "products",
            _SKU,
            Column("name", Text()),
            Column("description", Text(longest=None), optional=True),
            Column("category", Code()),
            Column("product_type", Code()),
            Column("cost", Number(values.parse_money), optional=True),
            Column("base_price", Number(values.parse_money)),
            key=("sku",),
        ),
        _format(
            "customers",
            Column("customer_code", Code()),
            _STORE,
            Column("first_name", Text(), optional=True),
            Column("last_name", Text(), optional=True),
            Column("email", Text(), optional=True),
            key=("store_code", "customer_code"),
        ),
        _format(
            "orders",
            Column("order_code", Code()),
            _STORE,
            Column("customer_code", Code(), optional=True),
            Column("order_date", Number(values.parse_date)),
            Column("status", Number(values.parse_status), optional=True),
            key=("store_code", "order_code"),
        ),
        _format(
            "order_items",
            Column("order_code", Code()),
            _STORE,
            _SKU,
            Column("quantity", Number(values.parse_quantity)),
            Column("unit_price", Number(values.parse_money)),
            Column("discount_percent", Number(values.parse_percent), optional=True),
            Column("total_amount", Number(values.parse_signed_money), optional=True),
        ),
        _format(
            "inventory",
            _STORE,
            _SKU,
            Column("stock_level", Number(values.parse_stock)),
            Column("reorder_point", Number(values.parse_stock), optional=True),
            key=("store_code", "sku"),
        ),
        _format(
            "users",
            Column("handle", Code()),
            Column("display_name", Text(), optional=True),
            Column("role", Number(values.parse_role)),
            Column("store_codes", Text(longest=None), optional=True),
            Column("permissions", Text(), optional=True),
            key=("handle",),
        ),
    )
}
"""By table, in the order in which they are read and reported."""
