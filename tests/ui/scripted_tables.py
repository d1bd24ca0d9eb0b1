"""A shop of few rows behind `browse_table`, with the columns and links of the real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zava_tui.answers import BrowsedColumn, Filter, Page, RowLink

EQUAL = ("=", "in")
RANGE = ("=", ">=", "<=", ">", "<")
TEXT = ("=", "in", "contains", "starts_with")
PAGE_ROWS = 100

_STORE = BrowsedColumn("store", "text", "Store", False, EQUAL)
COLUMNS = {
    "orders": (
        _STORE,
        BrowsedColumn("order_date", "timestamptz", "Order date", True, RANGE),
        BrowsedColumn("customer", "text", "Customer", False, ()),
        BrowsedColumn("status", "text", "Status", False, EQUAL),
        BrowsedColumn("total_amount", "numeric", "Total", True, RANGE),
        BrowsedColumn("order_id", "uuid", "Order number", False, EQUAL),
    ),
    "order_items": (
        _STORE,
        BrowsedColumn("line_no", "int4", "Line", False, ()),
        BrowsedColumn("sku", "text", "SKU", False, ("=",)),
        BrowsedColumn("product", "text", "Product", False, ()),
        BrowsedColumn("quantity", "int4", "Units", False, RANGE),
        BrowsedColumn("order_id", "uuid", "Order number", False, EQUAL),
    ),
    "customers": (
        _STORE,
        BrowsedColumn("last_name", "text", "Last name", True, TEXT),
        BrowsedColumn("email", "text", "E-mail", True, TEXT),
    ),
    "products": (
        BrowsedColumn("sku", "text", "SKU", True, TEXT),
        BrowsedColumn("name", "text", "Product", True, TEXT),
        BrowsedColumn("base_price", "numeric", "Price", True, RANGE),
    ),
    "inventory": (
        _STORE,
        BrowsedColumn("sku", "text", "SKU", True, TEXT),
        BrowsedColumn("stock_level", "int4", "In stock", True, RANGE),
        BrowsedColumn("to_reorder", "bool", "To re-order", False, ("=",)),
    ),
}
LINKS = {
    "orders": (
        RowLink("Lines of this order", "order_items", (("order_id", "order_id"),)),
        RowLink("Customer of this order", "customers", (("store", "store"),)),
    ),
    "order_items": (RowLink("Product of this line", "products", (("sku", "sku"),)),),
    "customers": (RowLink("Orders of this customer", "orders", (("store", "store"),)),),
    "products": (RowLink("Stock of this product", "inventory", (("sku", "sku"),)),),
    "inventory": (RowLink("This product", "products", (("sku", "sku"),)),),
}
PEOPLE = ("José Richardson", "Mei Ward", None, "[b]Markup[/] \x1b[31mEscape", "漢字 Nguyen")


def _order(number: int) -> list[Any]:
    day = f"2026-11-{22 - number // 30 % 20:02}T15:{59 - number % 60:02}:30-08:00"
    status = "pending" if number % 7 == 5 else "completed"
    person = PEOPLE[number % len(PEOPLE)]
    return ["Seattle", day, person, status, 63.92 + 10 * number, f"id-{number}"]


ROWS: dict[str, list[list[Any]]] = {
    "orders": [_order(number) for number in range(230)],
    "order_items": [
        ["Seattle", line, sku, name, 1, f"id-{number}"]
        for number in range(230)
        for line, (sku, name) in enumerate(
            (("HW-1", "Proof Coil Chain"), ("PL-1", "Shutoff Valve")), start=1
        )
    ],
    "customers": [["Seattle", "Nguyen", "n@example.com"], ["Seattle", "Ward", None]],
    "products": [["HW-1", "Proof Coil Chain", 27.98], ["PL-1", "Shutoff Valve", 11.48]],
    "inventory": [["Seattle", "HW-1", 4, True], ["Seattle", "PL-1", 31, False]],
}


def page_of(table: str, filters: Sequence[Filter], sort: str | None, cursor: str | None) -> Page:
    """What the server would answer, with conditions on equality and size only."""
    names = [column.name for column in COLUMNS[table]]
    rows = [
        row for row in ROWS[table] if all(_holds(c, row[names.index(c.column)]) for c in filters)
    ]
    if sort is not None:
        name, _, way = sort.partition(" ")
        rows.sort(key=lambda row: row[names.index(name)], reverse=way == "desc")
    start = int(cursor or 0)
    end = start + PAGE_ROWS
    return Page(
        table=table,
        columns=COLUMNS[table],
        rows=rows[start:end],
        sort=sort or f"{names[1]} desc",
        cursor=str(end) if end < len(rows) else None,
        total=len(rows) if cursor is None else None,
        total_is_exact=True,
        links=LINKS[table],
        elapsed_ms=1.0,
    )


def _holds(condition: Filter, value: Any) -> bool:
    match condition.operator:
        case "=":
            return bool(value == condition.value)
        case ">":
            return bool(value > condition.value)
        case ">=":
            return bool(value >= condition.value)
        case "<=":
            return bool(str(value)[:10] <= condition.value)
    return str(condition.value).lower() in str(value).lower()
