"""Rows of the demo's tables as columns of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from zava_server.data.binary_copy import Kind, encode_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

TABLES: dict[str, dict[str, Kind]] = {
    "stores": {
        "store_id": Kind.UUID,
        "name": Kind.TEXT,
        "location": Kind.TEXT,
        "is_online": Kind.BOOLEAN,
        "time_zone": Kind.TEXT,
        "created_at": Kind.SECONDS,
    },
    "categories": {"category_id": Kind.UUID, "name": Kind.TEXT, "created_at": Kind.SECONDS},
    "product_types": {
        "type_id": Kind.UUID,
        "category_id": Kind.UUID,
        "name": Kind.TEXT,
        "created_at": Kind.SECONDS,
    },
    "products": {
        "product_id": Kind.UUID,
        "sku": Kind.TEXT,
        "name": Kind.TEXT,
        "description": Kind.TEXT,
        "category_id": Kind.UUID,
        "type_id": Kind.UUID,
        "base_price": Kind.HUNDREDTHS,
        "created_at": Kind.SECONDS,
    },
    "product_costs": {
        "product_id": Kind.UUID,
        "cost": Kind.HUNDREDTHS,
        "created_at": Kind.SECONDS,
    },
    "customers": {
        "store_id": Kind.UUID,
        "customer_id": Kind.UUID,
        "first_name": Kind.TEXT,
        "last_name": Kind.TEXT,
        "email": Kind.TEXT,
        "created_at": Kind.SECONDS,
    },
    "orders": {
        "store_id": Kind.UUID,
        "order_id": Kind.UUID,
        "customer_id": Kind.UUID,
        "order_date": Kind.SECONDS,
        "status": Kind.TEXT,
        "total_amount": Kind.HUNDREDTHS,
        "created_at": Kind.SECONDS,
    },
    "order_items": {
        "store_id": Kind.UUID,
        "order_id": Kind.UUID,
        "line_no": Kind.INTEGER,
        "product_id": Kind.UUID,
        "quantity": Kind.INTEGER,
        "unit_price": Kind.HUNDREDTHS,
        "discount_percent": Kind.HUNDREDTHS,
        "total_amount": Kind.HUNDREDTHS,
        "created_at": Kind.SECONDS,
    },
    "inventory": {
        "store_id": Kind.UUID,
        "product_id": Kind.UUID,
        "stock_level": Kind.INTEGER,
        "reorder_point": Kind.INTEGER,
        "created_at": Kind.SECONDS,
    },
}
"""The columns of each table of schema `retail` that the generator fills."""


@dataclass(frozen=True)
class Rows:
    """Some rows of a table: for each of its columns in `TABLES` an array as its kind says."""

    table: str
    columns: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def encode(self) -> bytes:
        """The rows in binary COPY format, without its header and trailer."""
        return encode_rows(TABLES[self.table], self.columns)
